"""Runs as every target wants them: what each is, and what is known of it at each number of labels.

A metric's name is ``test/accuracy``, ``validation/nll``, ``test_classes/3_cat`` (accuracy on one class),
``query/cost``, ``recipe/lr`` or ``cost/tuning/flops``. Costs are what the run rests on, as reports say ``used``;
seconds and joules, which are facts of the host, are kept apart.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from torchal.digest import canonical, digest_of
from torchal.records import CycleRecord, EpochRecord, FitRecord, PlannedRun, RunRecord, Scores
from torchal.report import frame, ledger
from torchal.report.entries import entry

Scalar = str | int | float | bool | None
Numbers = dict[str, float]


@dataclass(frozen=True)
class Cycle:
    """What is known of a run at one number of labels."""

    cycle: int
    labelled: int
    numbers: Numbers
    """Scores, query, recipe and counted cost."""
    timing: Numbers
    """Seconds and joules."""
    recipe: dict[str, Scalar]
    """The recipe trained by, its fields by path."""
    finished: float
    """When its last stage ended, in seconds since 1970; 0 where no sidecar says."""
    fit: Path | None
    """The record of its training; None where the store lacks it."""

    def epochs(self) -> Iterator[tuple[int, Numbers]]:
        """Yield every epoch of its training, and what is known of it."""
        for epoch in FitRecord.read(self.fit).history if self.fit else ():
            yield epoch.epoch, _epoch(epoch)


@dataclass(frozen=True)
class Run:
    """What a run is, and its cycles."""

    id: str
    about: dict[str, Scalar]
    """What may be said otherwise when the experiment grows: its condition in words, whether it is finished."""
    parameters: dict[str, Scalar]
    """Its axes, and the identity of its spec by path."""
    cycles: tuple[Cycle, ...]

    @cached_property
    def digest(self) -> str:
        """Tells this state of the run from any other."""
        cycles = [[each.cycle, each.labelled, each.numbers, each.timing, each.recipe] for each in self.cycles]
        return digest_of([self.about, self.parameters, cycles])


def read(found: frame.Experiment, results: Path) -> Iterator[Run]:
    """Yield the runs that have a record, in the order of the plan.

    Raises:
        ValueError: if the id of one is not that of the plan, or would lead out of a folder.
    """
    planned = {run.id: run for run in found.plan.runs}
    for record in found.records:
        if record.id not in planned or not re.fullmatch(r"\w[^/\\\0]*", record.id):
            raise ValueError(f"{found.plan.experiment}: run {record.id!r} is not of the plan, or no name of a file.")
    costs = _costs(ledger.read(found, results))
    for record in found.records:
        run = planned[record.id]
        classes = found.plan.classes[run.classes] if run.classes < len(found.plan.classes) else ()
        cycles = (_cycle(each, classes, costs.get((record.id, each.cycle), {}), results) for each in record.cycles)
        yield Run(record.id, _about(found, record, run), _parameters(record), tuple(cycles))


def _about(found: frame.Experiment, record: RunRecord, run: PlannedRun) -> dict[str, Scalar]:
    return {
        "experiment": found.plan.experiment,
        "condition": run.condition,
        "source": run.source,
        "finished": record.finished,
        "spec_digest": digest_of(record.spec),
    }


def _parameters(record: RunRecord) -> dict[str, Scalar]:
    axes = {name: getattr(record, name) for name in ("dataset", "model", "strategy", "partition", "seed")}
    return axes | {f"spec.{path}": value for path, value in flat(record.spec).items()}


def flat(value: Any, path: str = "") -> dict[str, Scalar]:
    """Return what is inside mappings by its path; lists, as JSON."""
    if isinstance(value, dict) and (value or not path):
        below = [flat(each, f"{path}.{name}" if path else str(name)) for name, each in value.items()]
        return {inner: each for some in below for inner, each in some.items()}
    return {path: value if isinstance(value, Scalar) else canonical(value)}


def _cycle(record: CycleRecord, classes: tuple[str, ...], cost: dict[str, Numbers], results: Path) -> Cycle:
    recipe = flat(record.recipe or {})
    numbers: dict[str, Any] = {"paid": record.labelled if record.paid is None else record.paid}
    for side, scores in (("validation", record.validation), ("test", record.test)):
        numbers |= _scores(side, scores, classes) if scores else {}
    numbers |= {"best_epoch": record.best_epoch}
    numbers |= {f"query/{name}": getattr(record, name) for name in ("queried", "cost", "strangers")}
    numbers |= {f"recipe/{path}": each for path, each in recipe.items() if isinstance(each, int | float)}
    folder = entry(results, "fit", record.keys.get("fit", ""), "fit.json")
    return Cycle(
        cycle=record.cycle,
        labelled=record.labelled,
        numbers=_known(numbers) | cost.get("counted", {}),
        timing=cost.get("timed", {}),
        recipe=recipe,
        finished=max((_finished(results, *key) for key in record.keys.items()), default=0.0),
        fit=folder / "fit.json" if folder else None,
    )


def _known(numbers: dict[str, Any]) -> Numbers:
    return {name: float(each) for name, each in numbers.items() if each is not None}


def _scores(side: str, scores: Scores, classes: tuple[str, ...]) -> dict[str, float | None]:
    by_class = {f"{side}_classes/{_class(n, classes)}": each for n, each in enumerate(scores.per_class)}
    return {f"{side}/{name}": each for name, each in frame.metrics(scores).items()} | by_class


def _class(number: int, classes: tuple[str, ...]) -> str:
    """Return a name that every tracker takes and that no other class has."""
    return "_".join((str(number), *(re.sub(r"\W+", "_", each) for each in classes[number : number + 1])))


def _epoch(record: EpochRecord) -> Numbers:
    scores = frame.metrics(record.validation) if record.validation else {}
    named = {f"validation/{name}": each for name, each in scores.items()}
    return _known({"loss": record.loss, "lr": record.lr} | named)


class _Timing(BaseModel):
    """What matters here of a sidecar."""

    finished: float = 0.0


def _finished(results: Path, stage: str, key: str) -> float:
    folder = entry(results, stage, key, "timing.json")
    return _Timing.model_validate_json((folder / "timing.json").read_bytes()).finished if folder else 0.0


def _costs(spent: ledger.Ledger) -> dict[tuple[str, int], dict[str, Numbers]]:
    """Return what each cycle of each run rests on, counted and timed."""
    costs: dict[tuple[str, int], dict[str, Numbers]] = {}
    for (run, cycle, activity), lines in groupby(spent.lines, lambda line: (line.run.id, line.cycle, line.activity)):
        total = vars(ledger.total(lines))
        here = costs.setdefault((run, cycle), {"counted": {}, "timed": {}})
        for kind, names in (("counted", ledger.COUNTED), ("timed", ledger.TIMED)):
            here[kind] |= _known({f"cost/{activity}/{name}": total[name] for name in names})
    return costs
