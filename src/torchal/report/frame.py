"""The records of an experiment as one tidy table: a row for each run, cycle, side and metric."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from torchal.records import CycleRecord, PlannedRun, PlanRecord, RunRecord, Scores
from torchal.report.remembered import remembered
from torchal.report.started import plan_of

COLUMNS = (
    "experiment",
    "dataset",
    "model",
    "source",
    "condition",
    "strategy",
    "partition",
    "seed",
    "cycle",
    "labelled",
    "in_use",
    "side",
    "metric",
    "value",
    "key",
    "run",
)
"""Columns of the table. Accuracies, F1 and ``ece`` are shares from 0 to 1, ``nll`` is in nats.

``source`` is the network by which rows were chosen, if another than ``model``. ``labelled`` is what strategies are
compared at: labels paid for. Those in use, ``in_use``, are fewer where some were strangers, and any number where labels
have prices.
"""

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "ece", "worst_class")
"""Metrics of a side; ``worst_class`` is the lowest accuracy on one class."""

GROUP = ["dataset", "model", "source", "condition"]
"""Columns within which strategies are compared."""


def place(group: tuple[Any, ...]) -> str:
    """Return a data set, a model, where its rows come from and a condition in words."""
    dataset, model, source, condition = group
    rows = f" on the rows of {source}" if source else ""
    return f"{dataset} with {model}{rows}" + (f", {condition}" if condition else "")


@dataclass(frozen=True)
class Unfinished:
    """A planned run that has not reached its end."""

    run: PlannedRun
    measured: int
    """Cycles measured so far."""
    failure: str | None
    """The last line of what stopped it; None if nothing did."""


@dataclass(frozen=True)
class Experiment:
    """What is on disk of an experiment: its plan, and how far its runs have come."""

    plan: PlanRecord
    records: tuple[RunRecord, ...]
    """Runs of the plan that have a record, finished or not, in the plan's order."""
    unfinished: tuple[Unfinished, ...]


def read(results: Path, experiment: str) -> Experiment:
    """Read an experiment's plan and the records of the runs it names; other records in the folder do not count.

    Raises:
        ValueError: if the experiment was never started in that folder.
    """
    folder = results / experiment
    plan = plan_of(results, experiment)
    files = {run.id: folder / "runs" / f"{run.id}.json" for run in plan.runs}
    records = {name: RunRecord.read(file) for name, file in files.items() if file.is_file()}
    unfinished = (_unfinished(folder, run, records.get(run.id)) for run in plan.runs)
    return Experiment(plan, tuple(records.values()), tuple(each for each in unfinished if each is not None))


def _unfinished(folder: Path, run: PlannedRun, record: RunRecord | None) -> Unfinished | None:
    if record is not None and record.finished:
        return None
    measured = sum(cycle.test is not None for cycle in record.cycles) if record else 0
    file = folder / "failures" / f"{run.id}.txt"
    failure = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    return Unfinished(run, measured, failure.splitlines()[-1] if failure else None)


def frame(experiment: Experiment) -> pd.DataFrame:
    """Return every measured score of an experiment, one a row, in the order of the plan.

    Raises:
        ValueError: if no cycle has been measured yet.
    """
    planned = {run.id: {"source": run.source, "condition": run.condition} for run in experiment.plan.runs}
    rows = [
        row | planned[record.id]
        for record in experiment.records
        for cycle in record.cycles
        for row in _rows(record, cycle)
    ]
    if not rows:
        raise ValueError(
            f"{experiment.plan.experiment}: no cycle has been measured yet; let torchal run go on and report again."
        )
    table = pd.DataFrame(rows).assign(experiment=experiment.plan.experiment)
    # A score that is not finite is recorded as None; among numbers alone that would make a column of objects.
    return table.astype({"value": "float64"})[list(COLUMNS)]


def _rows(record: RunRecord, cycle: CycleRecord) -> Iterator[dict[str, Any]]:
    shared = {name: getattr(record, name) for name in ("dataset", "model", "strategy", "partition", "seed")}
    paid = cycle.labelled if cycle.paid is None else cycle.paid
    shared |= {"cycle": cycle.cycle, "labelled": paid, "in_use": cycle.labelled}
    shared |= {"key": cycle.keys.get("measure", ""), "run": record.id}
    for side, measured in (("validation", cycle.validation), ("test", cycle.test)):
        for metric, value in metrics(measured).items() if measured is not None else ():
            yield shared | {"side": side, "metric": metric, "value": value}


def metrics(measured: Scores) -> dict[str, float | None]:
    """Return the value of each of ``METRICS``."""
    known = [value for value in measured.per_class if value is not None]
    worst = min(known) if known else None
    return {name: getattr(measured, name) for name in METRICS[:-1]} | {"worst_class": worst}


@remembered
def scores(table: pd.DataFrame, side: str = "test", metric: str = "accuracy") -> pd.DataFrame:
    """Return the rows of one side and metric: one value for each run and cycle.

    Raises:
        ValueError: if a row is without a key, or one occurs twice, since then nothing could be paired.
    """
    keys = [*GROUP, "strategy", "partition", "seed", "cycle", "labelled"]
    absent = [name for name in COLUMNS if name not in table.columns]
    if absent or table[keys].isna().to_numpy().any():
        raise ValueError(f"every row needs {', '.join(keys)}; absent columns: {', '.join(absent) or 'none'}.")
    chosen = table[(table["side"] == side) & (table["metric"] == metric)]
    repeated = chosen[chosen.duplicated(keys[:-1])]
    if len(repeated):
        first = ", ".join(f"{name} {repeated.iloc[0][name]}" for name in keys)
        raise ValueError(f"{len(repeated)} rows occur twice, the first of them {first}; give each run once.")
    return chosen.drop(columns=["side", "metric"])


def write_tables(table: pd.DataFrame, folder: Path) -> None:
    """Write ``runs.csv`` and ``runs.parquet``, whose bytes depend on the table alone."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(table, folder / "runs.csv")
    table.to_parquet(folder / "runs.parquet", index=False)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV with every digit of its numbers."""
    table.to_csv(path, index=False, lineterminator="\n")
