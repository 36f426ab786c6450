"""What results cost: which entries of the store each run rests on, and what was spent on each.

There are two views. *Used*: what a run's results rest on, a search that runs share counted for each of them; strategies
are to be compared by this. *Paid*: every entry once; this is what the experiment cost. Within a run an entry counts
once, in the cycle that is the first to use it. Measuring is not counted.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel, TypeAdapter, ValidationError

from torchal.records import Effort, PlannedRun, StageName
from torchal.report import frame

ACTIVITIES = ("tuning", "training", "querying")
"""What is paid for."""

_STAGES: dict[StageName, str] = {"start": "querying", "tune": "tuning", "fit": "training", "query": "querying"}
"""The stages of a cycle with which an activity begins."""

_FILES = {
    "start": "query.json",
    "tune": "tune.json",
    "trial": "trial.json",
    "fit": "fit.json",
    "query": "query.json",
    "own": "digests.json",
}
"""The file that each stage writes; a network that a strategy trains for itself has no record."""

_AXES = ("dataset", "model", "source", "condition", "strategy", "partition", "seed")

_KEY = re.compile("[0-9a-f]{64}")
_NOTHING = Effort(epochs=0, images=0, evaluated=0, flops=0)
"""What is counted of a search apart from its trials, and of a network that a strategy trains for itself."""

T = TypeVar("T")
Place = tuple[str, ...]
"""Data set, model and conditions within which strategies are compared."""


@dataclass(frozen=True)
class Cost:
    """What was spent; None where it is not known."""

    trials: int | None = 0
    epochs: int | None = 0
    images: int | None = 0
    """Examples sent forward and backward."""
    evaluated: int | None = 0
    """Examples sent forward only."""
    flops: int | None = 0
    seconds: float | None = 0.0
    joules: float | None = 0.0


COUNTED, TIMED = ("trials", "epochs", "images", "evaluated", "flops"), ("seconds", "joules")
"""What is the same on every machine, and what is a fact of the host."""


@dataclass(frozen=True)
class Line:
    """An entry that a run rests on."""

    run: PlannedRun
    cycle: int
    activity: str
    stage: str
    key: str
    cost: Cost

    @property
    def place(self) -> Place:
        """Where the run's strategy is compared with others."""
        rows = f"on the rows of {self.run.source}" if self.run.source else ""
        return tuple(each for each in (self.run.dataset, self.run.model, rows, self.run.condition) if each)


@dataclass(frozen=True)
class Ledger:
    """What the runs of an experiment cost."""

    lines: tuple[Line, ...]
    """In the order of the plan, cycles and activities."""
    finished: frozenset[str]
    """Runs that have reached their end."""

    def paid(self) -> tuple[Line, ...]:
        """Return every entry once, with the first run that uses it."""
        return tuple({(line.stage, line.key): line for line in reversed(self.lines)}.values())[::-1]


class _Counted(BaseModel):
    """What matters here of any record."""

    effort: Effort | None = None


class _Timing(BaseModel):
    """What matters here of a sidecar."""

    seconds: float | None = None
    joules: float | None = None


_USES, _RECORD, _TIMING = TypeAdapter(tuple[tuple[str, str], ...]), TypeAdapter(_Counted), TypeAdapter(_Timing)


def ledger_of(results: Path, experiment: str) -> Ledger:
    """Read what the runs of an experiment cost.

    Raises:
        ValueError: if it was never started in that folder.
    """
    return read(frame.read(results, experiment), results)


def read(found: frame.Experiment, results: Path) -> Ledger:
    """Read what runs cost from their records and the store; what is not there is not known."""
    planned, shelf = {run.id: run for run in found.plan.runs}, _Shelf(results / "store")
    lines: list[Line] = []
    for record in found.records:
        seen: set[tuple[str, str]] = set()
        for cycle in record.cycles:
            for stage, activity in _STAGES.items():
                if stage in cycle.keys:
                    entries = [each for each in shelf.reached(stage, cycle.keys[stage]) if each not in seen]
                    seen.update(entries)
                    run = planned[record.id]
                    lines += [Line(run, cycle.cycle, activity, *each, shelf.cost(*each)) for each in entries]
    return Ledger(tuple(lines), frozenset(record.id for record in found.records if record.finished))


class _Shelf:
    """The entries of a store, as far as they say what they cost."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._costs: dict[tuple[str, str], Cost] = {}
        self._uses: dict[tuple[str, str], tuple[tuple[str, str], ...] | None] = {}

    def reached(self, stage: str, key: str) -> Iterator[tuple[str, str]]:
        """Yield an entry and all that were asked for to compute it, each once."""
        due, met = [(stage, key)], set()
        while due:
            entry = due.pop()
            if entry not in met:
                met.add(entry)
                yield entry
                due += reversed(self._used(*entry) or ())

    def cost(self, stage: str, key: str) -> Cost:
        """Return what an entry cost without those it asked for."""
        if (stage, key) not in self._costs:
            effort, timing = self._effort(stage, key), self._read(stage, key, "timing.json", _TIMING) or _Timing()
            counted = effort.model_dump() if effort else dict.fromkeys(Effort.model_fields)
            trials = int(stage == "trial") if effort else None
            self._costs[stage, key] = Cost(trials=trials, **counted, seconds=timing.seconds, joules=timing.joules)
        return self._costs[stage, key]

    def _effort(self, stage: str, key: str) -> Effort | None:
        record = self._read(stage, key, _FILES.get(stage, ""), _RECORD)
        if record is None or (stage == "tune" and self._used(stage, key) is None):
            return None  # a search that does not say which trials it used leaves them unknown
        return _NOTHING if stage in {"tune", "own"} else record.effort

    def _used(self, stage: str, key: str) -> tuple[tuple[str, str], ...] | None:
        if (stage, key) not in self._uses:
            self._uses[stage, key] = self._read(stage, key, "uses.json", _USES)
        return self._uses[stage, key]

    def _read(self, stage: str, key: str, name: str, kind: TypeAdapter[T]) -> T | None:
        """Return a file of an entry; None if it is not there or of another form, or its name would lead elsewhere."""
        if stage not in _FILES or not _KEY.fullmatch(key):
            return None
        try:
            return kind.validate_json((self._root / f"{stage}/{key}/{name}").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None


def total(lines: Iterable[Line]) -> Cost:
    """Return the sum over some lines; what one of them does not know, the sum does not."""
    return summed(line.cost for line in lines)


def summed(costs: Iterable[Cost]) -> Cost:
    """Return the sum of some costs; what one of them does not know, the sum does not."""
    columns = zip(*(vars(cost).values() for cost in (Cost(), *costs)), strict=True)
    return Cost(*(None if None in column else sum(column) for column in columns))


def table(ledger: Ledger, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return, for each run, cycle and activity, some columns of both views, one a row; empty where not known."""
    paid = frozenset(map(id, ledger.paid()))
    rows: list[list[Any]] = []
    for (_, cycle, activity), some in groupby(ledger.lines, lambda line: (line.run.id, line.cycle, line.activity)):
        lines = list(some)
        axes = [getattr(lines[0].run, name) for name in _AXES]
        for view, chosen in (("used", lines), ("paid", [line for line in lines if id(line) in paid])):
            cost = total(chosen)
            rows.append([*axes, cycle, activity, view, *(getattr(cost, name) for name in columns), lines[0].run.id])
    # as objects, since these counts may be too large for 64 bits, and a gap would make them fractions
    return pd.DataFrame(rows, columns=[*_AXES, "cycle", "activity", "view", *columns, "run"], dtype=object)
