"""The spec of an experiment: the product of its axes, each a value or a list."""

from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import yaml
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from torchal.condition import conditions
from torchal.data.dataset import AnySource
from torchal.data.dataset import Source as DataSource
from torchal.data.draw import AnyPartition, First, expand
from torchal.data.oracle import Answers
from torchal.data.pool import Pool
from torchal.models import AnyModel, Model
from torchal.query import AnyStrategy, Strategy
from torchal.runspec import BASELINE, RunSpec, Source, baseline
from torchal.setting import Setting
from torchal.spec import Spec, one_or_many
from torchal.spec_file import SpecError, read_yaml
from torchal.training.recipe import Recipe
from torchal.tuning.tuning import Tuning


def _partitions(value: Any) -> Any:
    return expand(one_or_many(value))


def _targets(value: Any) -> Any:
    return value if value == "all" else one_or_many(value)


_AXES = ("dataset", "model", "strategy", "partition", "seed", "setting", "recipe", "tuning", "pool", "oracle")


class About(Spec):
    """What an experiment is made for, as people and reports read it. No result depends on it, and no key holds it."""

    source: str
    """What it repeats, such as a figure or a table of a paper."""

    tables: tuple[str, ...] = ()
    """Published tables that its results are to be held against, by their names in ``docs/results/reference.yaml``."""

    differs: tuple[str, ...] = ()
    """In what it is known to differ from what was published, a sentence each."""


class ExperimentSpec(Spec):
    """The product of its axes, each a value or a list: what is compared, and under which conditions."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the folder of results: letters, digits, dot, dash and underscore."""

    about: About | None = None
    """What it is made for."""

    dataset: Annotated[tuple[AnySource, ...], BeforeValidator(one_or_many), Field(min_length=1)]
    """Where the data come from."""

    model: Annotated[tuple[AnyModel, ...], BeforeValidator(one_or_many), Field(min_length=1)]
    """The network."""

    transfer: Annotated[tuple[AnyModel, ...] | Literal["all"], BeforeValidator(_targets)] = ()
    """Networks that are trained on the rows that each ``model`` chose, cycle by cycle, beside that model itself; or
    ``all``: every model on the rows of every other."""

    transfer_recipe: Recipe | None = None
    """How the networks of ``transfer`` are trained; by default by ``recipe``, as those that choose."""

    strategy: Annotated[tuple[AnyStrategy, ...], BeforeValidator(one_or_many), Field(min_length=1)]
    """What chooses the rows to label. Comparisons are made with ``random``, so have it in the list."""

    partition: Annotated[tuple[AnyPartition, ...], BeforeValidator(_partitions), Field(min_length=1)]
    """The initial labelled, pool and validation rows. Partitions of other sizes are other conditions."""

    seed: Annotated[tuple[int, ...], BeforeValidator(one_or_many), Field(min_length=1)]
    """Replications of the training on one partition. The first is the one that tunes in the scopes ``first_seed`` and
    ``shared``."""

    setting: Annotated[tuple[Setting, ...], BeforeValidator(one_or_many), Field(min_length=1)]
    """Cycles and budget."""

    recipe: Annotated[tuple[Recipe, ...], BeforeValidator(one_or_many), Field(min_length=1)] = (Recipe(),)
    """How the network is trained, before tuning replaces fields of it."""

    tuning: Annotated[tuple[Tuning, ...], BeforeValidator(one_or_many), Field(min_length=1)] = (Tuning(),)
    """How the recipe is found in every cycle."""

    pool: Annotated[tuple[Pool, ...], BeforeValidator(one_or_many), Field(min_length=1)] = (Pool(),)
    """What the pool is like: imbalanced, with copies, with examples of no class."""

    oracle: Annotated[tuple[Answers, ...], BeforeValidator(one_or_many), Field(min_length=1)] = (Answers(),)
    """How labels are given: noise and prices."""

    @field_validator("name")
    @classmethod
    def _not_the_stores(cls, name: str) -> str:
        if name == "store":
            raise ValueError("the folder 'store' holds all experiments' results; choose another name")
        return name

    @model_validator(mode="after")
    def _axes_without_repeats(self) -> Self:
        for axis in _AXES:
            values = [each.identity() if isinstance(each, Spec) else each for each in getattr(self, axis)]
            for position, value in enumerate(values):
                if value in values[:position]:
                    raise ValueError(f"{axis}[{position}] repeats an earlier value; remove one of them")
        return self

    @model_validator(mode="after")
    def _searchable(self) -> Self:
        if self.transfer_recipe and not self.transfer:
            raise ValueError(
                "transfer_recipe is for the networks of transfer, and there are none; name some, or remove it"
            )
        targets = self.transfer if self.transfer != "all" else self.model
        by = (self.transfer_recipe,) if self.transfer_recipe else self.recipe
        for tuning, (model, recipe) in product(self.tuning, [*product(self.model, self.recipe), *product(targets, by)]):
            tuning.of(model, recipe)
        if baseline() not in self.strategy and any(each.scope == "shared" for each in self.tuning):
            raise ValueError(f"tuning.scope shared searches on the labelled sets of {BASELINE}; add it to strategy")
        return self

    @classmethod
    def read(cls, path: Path, overrides: tuple[str, ...] = (), extra: tuple[str, ...] = ()) -> Self:
        """Read an experiment from YAML, with ``a.b=c`` overrides and names of strategies to add if it lacks them.

        Raises:
            SpecError: naming each field that is wrong, its value and the remedy.
        """
        document = read_yaml(path, overrides)
        strategies = one_or_many(document.get("strategy", []))
        named = [each.get("name") if isinstance(each, dict) else each for each in strategies]
        document["strategy"] = [*strategies, *(name for name in extra if name not in named)]
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise SpecError.of(str(path), error) from None

    def text(self) -> str:
        """Return the whole spec as YAML, every default written out."""
        return yaml.safe_dump(self.document(), sort_keys=False, allow_unicode=True)

    def runs(self) -> tuple[RunSpec, ...]:
        """Return the runs, strategies side by side, so that early results already compare them."""
        points = self.points()
        parts = {tuple(map(id, part)): part for point in points for part in self._searched(point)}
        found = {key: tuning.of(model, recipe) for key, (tuning, model, recipe) in parts.items()}
        return tuple(self._run(point, found) for point in points)

    def _run(self, point: "Point", found: dict[tuple[int, ...], Tuning]) -> RunSpec:
        """Return the run of a point, whose searches were written out."""
        choosing, own = self._searched(point)
        chosen_by, trained_by = (each[2].for_data(point.dataset.augment) for each in (choosing, own))
        source = Source(
            model=point.chooser,
            tuning=found[tuple(map(id, choosing))],
            recipe=None if chosen_by == trained_by else chosen_by,
        )
        return RunSpec(
            dataset=point.dataset,
            model=point.model,
            strategy=point.strategy,
            partition=point.partition,
            seed=point.seed,
            setting=point.setting,
            recipe=trained_by,
            tuning=found[tuple(map(id, own))],
            pool=point.pool,
            oracle=point.oracle,
            source=None if point.chooser is point.model else source,
            first_seed=self.seed[0],
        )

    def _searched(self, point: "Point") -> tuple["Searched", "Searched"]:
        """Return what is searched for the network that chooses, and for the one that is trained."""
        moved = self.transfer_recipe if point.chooser is not point.model else None
        return (point.tuning, point.chooser, point.recipe), (point.tuning, point.model, moved or point.recipe)

    def conditions(self) -> tuple[str, ...]:
        """Return for each run, in the order of :meth:`runs`, what tells its conditions from those of others."""
        points = self.points()
        distinct = {_parts(point): point for point in points}
        words = dict(zip(distinct, conditions([_described(each) for each in distinct.values()]), strict=True))
        return tuple(words[_parts(point)] for point in points)

    def points(self) -> list["Point"]:
        """Return the points of the product, in the order of :meth:`runs`."""
        conditions = (self.pool, self.oracle, self.setting, self.recipe, self.tuning)
        axes: Any = product(self.dataset, self._pairs(), *conditions, self.partition, self.seed, self.strategy)
        return [Point(dataset, *pair, *others) for dataset, pair, *others in axes]

    def _pairs(self) -> list[tuple[Model, Model]]:
        """Return which network chooses and which one is trained: each on its own rows, then others on them."""
        targets = self.model if self.transfer == "all" else self.transfer
        return [(own, each) for own in self.model for each in (own, *(other for other in targets if other != own))]


Searched = tuple[Tuning, Model, Recipe]
"""A search, the network it is for, and the recipe that it replaces fields of."""


class Point(NamedTuple):
    """One point of the product."""

    dataset: DataSource
    chooser: Model
    """The network by which rows are chosen."""
    model: Model
    """The network that is trained."""
    pool: Pool
    oracle: Answers
    setting: Setting
    recipe: Recipe
    """By which the network that chooses is trained."""
    tuning: Tuning
    partition: First
    seed: int
    strategy: Strategy


def _parts(point: Point) -> tuple[int, ...]:
    """Return which values of the axes that conditions are described by meet in a point."""
    return tuple(map(id, (point.partition, point.setting, point.oracle, point.tuning, point.pool, point.recipe)))


def _described(point: Point) -> list[tuple[str, Spec]]:
    """Return whatever may differ from condition to condition, with the word that goes before its fields."""
    plain = [("", each) for each in (point.partition.sizes(), point.setting, point.oracle, point.tuning)]
    return [*plain, ("pool", point.pool), ("recipe", point.recipe)]
