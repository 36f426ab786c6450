"""Train cycle by cycle on index sets that somebody else chose."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from jaxtyping import Int64
from pydantic import PrivateAttr, ValidationError
from torch import Tensor

from torchal.experiment import ExperimentSpec, Point
from torchal.manifest import Manifest, Sets, Told
from torchal.query import QueryContext, Strategy
from torchal.setting import Setting
from torchal.spec_file import SpecError


class Replayed(Strategy):
    """Somebody else's choice, which is read and not made again."""

    by: str
    """What chose, as reports call it."""

    @property
    def label(self) -> str:
        """What chose."""
        return self.by

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:  # noqa: ARG002 - as all are asked
        """Refuse: the rows of every cycle are known."""
        raise ValueError(f"strategy: the rows that {self.by} chose are read from files; nothing can be queried")


class Replay(ExperimentSpec):
    """An experiment whose runs are those of a manifest."""

    _sets: tuple[tuple[Sets, Told], ...] = PrivateAttr(default=())

    def points(self) -> list[Point]:
        """Return every run of the manifest with every network and recipe."""
        found = []
        for point in super().points():
            for sets, told in self._sets:
                asked = (point.strategy.label, point.partition.id, point.seed)
                if asked == (sets.strategy, told.id, sets.seed):
                    found.append(point._replace(partition=told, setting=_setting(told)))
        return found


def replay(path: Path, name: str | None = None, overrides: tuple[str, ...] = ()) -> Replay:
    """Return the experiment that trains on the sets of a manifest.

    Args:
        path: of the manifest; files lie in its folder.
        name: of the folder of results; by default the experiment's with ``-replayed``.
        overrides: fields of the manifest's experiment, as ``recipe.epochs=10``.

    Raises:
        SpecError: naming each field that is wrong, its value and the remedy.
    """
    manifest = Manifest.load(path, overrides)
    folder, runs = path.parent.absolute(), manifest.runs
    told = [Told(folder=folder, name=sets.partition, cycles=sets.cycles, others=runs) for sets in runs]
    pool = manifest.experiment.get("pool") or {}
    for each in pool if isinstance(pool, list) else [pool]:
        if each.get("copies") or (each.get("strangers") or {}).get("dataset"):
            raise SpecError(
                f"{path}: experiment.pool: has copies or strangers from another data set, and no index set can name "
                "rows that the data set does not hold; run the experiment itself"
            )
    fields: dict[str, Any] = manifest.experiment | {
        "name": name or f"{manifest.experiment.get('name', path.parent.name)}-replayed",
        "strategy": [Replayed(by=by) for by in dict.fromkeys(sets.strategy for sets in manifest.runs)],
        "partition": list({each.id: each for each in told}.values()),
        "seed": list(dict.fromkeys(sets.seed for sets in manifest.runs)),
        "setting": _setting(told[0]),
    }
    try:
        experiment = Replay.model_validate(fields)
    except ValidationError as error:
        raise SpecError.of(str(path), error) from None
    experiment._sets = tuple(zip(manifest.runs, told, strict=True))  # noqa: SLF001 - its own maker
    return experiment


def _setting(told: Told) -> Setting:
    """Return how many labels were bought in each cycle, as far as the sets grow."""
    budgets = tuple(max(0, after - before) for before, after in pairwise(told.labelled()))
    return Setting(cycles=len(budgets) + 1, budget=budgets)
