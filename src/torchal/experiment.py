"""The specs of an experiment and of a run: an experiment is a product of axes, a run is one point of it."""

from itertools import product
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from torchal.data.dataset import AnySource
from torchal.data.draw import AnyPartition, Size, expand
from torchal.digest import canonical, digest_of
from torchal.models import AnyModel
from torchal.query import AnyStrategy, Strategy
from torchal.records import PlannedRun, PlanRecord, StageName
from torchal.rng import Address
from torchal.spec import Spec, SpecError, one_or_many, read_yaml, resolve
from torchal.training.recipe import Recipe
from torchal.tuning.tuning import Tuning


class Setting(Spec):
    """How many labels are bought, and how often."""

    cycles: int = Field(4, ge=1)
    """Trainings in a run. Between two of them lies a query, so there are ``cycles - 1`` queries."""

    budget: Size
    """Labels bought by one query: a count, or per cent of the training side."""


class RunSpec(Spec):
    """One point of an experiment: all that its results depend on, and nothing else."""

    dataset: AnySource
    model: AnyModel
    strategy: AnyStrategy
    partition: AnyPartition
    seed: int
    setting: Setting
    recipe: Recipe
    tuning: Tuning
    first_seed: int
    """The seed that searches in the scopes ``first_seed`` and ``shared``."""

    @property
    def id(self) -> str:
        """A name that is readable and unique: strategy, partition, seed and the start of the spec's digest."""
        name = self.strategy.plugin_name().rpartition(".")[2].replace(":", "-")
        return f"{name}-{self.partition.id}-s{self.seed}-{digest_of(self.identity())[:8]}"

    def where(self, cycle: int) -> Address:
        """Return the address of all randomness in a cycle. Strategies share it, so that they differ by choice alone."""
        return (self.partition.id, self.seed, cycle)

    def tuned_by(self, cycle: int) -> tuple["RunSpec", int] | None:
        """Return the run and the cycle whose search serves a cycle of this run, or None if nobody searches."""
        match self.tuning.scope:
            case "fixed":
                return None
            case "first_cycle":
                return self, 0
            case "first_seed":
                return self.model_copy(update={"seed": self.first_seed}), cycle
            case "shared":
                return self.model_copy(update={"seed": self.first_seed, "strategy": _baseline()}), cycle
            case "every_run":
                return self, cycle

    def plan(self) -> tuple[tuple[int, StageName], ...]:
        """Return the (cycle, stage) pairs of this run in order."""
        steps: list[tuple[int, StageName]] = []
        for cycle in range(self.setting.cycles):
            if self.tuned_by(cycle) is not None:
                steps.append((cycle, "tune"))
            steps += [(cycle, "fit"), (cycle, "measure")]
            if cycle + 1 < self.setting.cycles:
                steps.append((cycle, "query"))
        return tuple(steps)

    def stage_identity(self, cycle: int, stage: StageName) -> str:
        """Return what tells a stage from all others before anything has run; equal for stages that runs share.

        Until the first query the strategy plays no part, and a search belongs to the run that makes it.
        """
        if stage == "tune" and (tuner := self.tuned_by(cycle)) is not None and tuner != (self, cycle):
            return tuner[0].stage_identity(tuner[1], stage)
        spec = self.identity()
        del spec["setting"]["cycles"], spec["first_seed"]
        spec["tuning"]["scope"] = [self._searcher(each) for each in range(cycle + 1)]
        if cycle == 0 and stage != "query":
            del spec["strategy"], spec["setting"]
            if stage == "tune":
                del spec["tuning"]["retrain"]
        return digest_of([spec, cycle, stage])

    def _searcher(self, cycle: int) -> list[Any]:
        """Return whose search serves a cycle, so that scopes which come to the same share their stages."""
        tuner = self.tuned_by(cycle)
        if tuner is None:
            return []
        run, when = tuner
        whose = run.strategy.label if when and run.strategy != self.strategy else ""
        return [whose, run.seed, when]


BASELINE = "random"
"""Name of the strategy that others are compared with, and on whose sets all search in scope ``shared``."""


def _baseline() -> Strategy:
    return resolve(Strategy, BASELINE)()  # type: ignore[return-value]  # resolve keeps the kind


def _partitions(value: Any) -> Any:
    return expand(one_or_many(value))


class ExperimentSpec(Spec):
    """The product of its axes: data set x model x strategy x partition x seed x tuning, each a value or a list."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the folder of results: letters, digits, dot, dash and underscore."""

    dataset: Annotated[tuple[AnySource, ...], BeforeValidator(one_or_many), Field(min_length=1)]
    """Where the data come from."""

    model: Annotated[tuple[AnyModel, ...], BeforeValidator(one_or_many), Field(min_length=1)]
    """The network."""

    strategy: Annotated[tuple[AnyStrategy, ...], BeforeValidator(one_or_many), Field(min_length=1)]
    """What chooses the rows to label. Comparisons are made with ``random``, so have it in the list."""

    partition: Annotated[tuple[AnyPartition, ...], BeforeValidator(_partitions), Field(min_length=1)]
    """The initial labelled, pool and validation rows."""

    seed: Annotated[tuple[int, ...], BeforeValidator(one_or_many), Field(min_length=1)]
    """Replications of the training on one partition. The first is the one that tunes in the scopes ``first_seed`` and
    ``shared``."""

    setting: Setting
    """Cycles and budget."""

    recipe: Recipe = Recipe()
    """How the network is trained, before tuning replaces fields of it."""

    tuning: Annotated[tuple[Tuning, ...], BeforeValidator(one_or_many), Field(min_length=1)] = (Tuning(),)
    """How the recipe is found in every cycle. With several, the report says whether they change who wins."""

    @field_validator("name")
    @classmethod
    def _not_the_stores(cls, name: str) -> str:
        if name == "store":
            raise ValueError("the folder 'store' holds all experiments' results; choose another name")
        return name

    @model_validator(mode="after")
    def _axes_without_repeats(self) -> Self:
        for axis in ("dataset", "model", "strategy", "partition", "seed", "tuning"):
            values = [each.identity() if isinstance(each, Spec) else each for each in getattr(self, axis)]
            for position, value in enumerate(values):
                if value in values[:position]:
                    raise ValueError(f"{axis}[{position}] repeats an earlier value; remove one of them")
        names = [each.id for each in self.partition]
        for position, name in enumerate(names):
            if name in names[:position]:
                raise ValueError(
                    f"partition[{position}] is {name} a second time, with other sizes; partitions are replications of "
                    "one setting, so compare sizes in experiments of their own"
                )
        return self

    @model_validator(mode="after")
    def _searchable(self) -> Self:
        for tuning, model in product(self.tuning, self.model):
            tuning.of(model, self.recipe)
        if _baseline() not in self.strategy and any(each.scope == "shared" for each in self.tuning):
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
        axes = product(self.dataset, self.model, self.tuning, self.partition, self.seed, self.strategy)
        return tuple(
            RunSpec(
                dataset=dataset,
                model=model,
                partition=partition,
                seed=seed,
                strategy=strategy,
                setting=self.setting,
                recipe=self.recipe.for_data(dataset.augment),
                tuning=tuning.of(model, self.recipe),
                first_seed=self.seed[0],
            )
            for dataset, model, tuning, partition, seed, strategy in axes
        )

    def record(self) -> PlanRecord:
        """Return what this experiment will do, as status and report read it."""
        conditions = _differing([tuning.document() for tuning in self.tuning])
        axes = product(self.dataset, self.model, conditions, self.partition, self.seed, self.strategy)
        planned = tuple(
            PlannedRun(
                id=run.id,
                strategy=run.strategy.label,
                dataset=run.dataset.label,
                model=run.model.label,
                condition=condition,
                partition=run.partition.id,
                seed=run.seed,
                stages=run.plan(),
            )
            for run, (_, _, condition, *_) in zip(self.runs(), axes, strict=True)
        )
        return PlanRecord(experiment=self.name, runs=planned, cycles=self.setting.cycles, protocol=self.document())


def _differing(documents: list[dict[str, Any]]) -> list[str]:
    """Return of each document the fields in which not all agree, in words."""
    fields = [name for name in documents[0] if len({canonical(each[name]) for each in documents}) > 1]
    return [", ".join(f"{name} {_brief(each[name])}" for name in fields) for each in documents]


_SHORT = 40  # letters of a value that a condition shows; a longer one is told by its digest


def _brief(value: Any) -> str:
    named = value.get("name") if isinstance(value, dict) else None
    text = str(named or value)
    return text if len(text) <= _SHORT else digest_of(value)[:8]
