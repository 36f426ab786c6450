"""What was queried, as the store tells it: the rows of each query, and what was recorded of them for reports."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from torchal.records import CycleRecord, PlannedRun, QueryRecord, ViewRecord
from torchal.report.entries import entry
from torchal.report.frame import GROUP, Experiment

_STAGES = ("start", "query")


@dataclass(frozen=True)
class Query:
    """One query of one run."""

    run: PlannedRun
    cycle: int
    labelled: float
    """Labels in use when it was made: 0 of the one that begins a run."""
    key: str
    rows: tuple[int, ...]
    view: ViewRecord
    pictures: Path
    """Where pictures of its first rows are, if there are any."""

    @property
    def group(self) -> tuple[str, ...]:
        """Data set, network, where rows come from, and condition."""
        return tuple(getattr(self.run, name) for name in GROUP)


@dataclass(frozen=True)
class Queries:
    """The queries that were found, in the order of the plan, and how many cycles name one that is not there."""

    found: tuple[Query, ...]
    missing: int
    classes: tuple[tuple[str, ...], ...]
    """The plan's lists of classes."""

    def by_group(self) -> dict[tuple[str, ...], list[Query]]:
        """Return the queries of each data set, network and condition."""
        groups: dict[tuple[str, ...], list[Query]] = {}
        for each in self.found:
            groups.setdefault(each.group, []).append(each)
        return groups

    def names(self, query: Query) -> tuple[str, ...]:
        """Return the classes that a query's labels are of."""
        known = self.classes[query.run.classes] if query.run.classes < len(self.classes) else ()
        return known or tuple(map(str, range(len(query.view.counts))))


def read(experiment: Experiment, results: Path) -> Queries:
    """Read the queries of all runs but those that learn from another network's rows.

    Raises:
        ValueError: if an entry is not what torchal writes.
    """
    planned = {run.id: run for run in experiment.plan.runs if not run.source}
    asked = [
        (planned[record.id], cycle, stage)
        for record in experiment.records
        if record.id in planned
        for cycle in record.cycles
        for stage in _STAGES
        if stage in cycle.keys
    ]
    found = [query for each in asked if (query := _read(results, *each))]
    return Queries(tuple(found), len(asked) - len(found), experiment.plan.classes)


def _read(results: Path, run: PlannedRun, cycle: CycleRecord, stage: str) -> Query | None:
    key = next(key for name, key in cycle.keys.items() if name == stage)
    folder = entry(results, stage, key, "query.json", "view.json")
    if folder is None:
        return None
    return Query(
        run=run,
        cycle=cycle.cycle,
        labelled=0 if stage == "start" else cycle.labelled,
        key=key,
        rows=QueryRecord.read(folder / "query.json").rows,
        view=ViewRecord.read(folder / "view.json"),
        pictures=folder / "thumbnails.png",
    )


def table(queries: Queries) -> pd.DataFrame:
    """Return one row for each query and class bought in it; ``accuracy`` is that of the network on the whole query."""
    rows = [
        dict(zip(GROUP, each.group, strict=True))
        | {"strategy": each.run.strategy, "partition": each.run.partition, "seed": each.run.seed}
        | {"cycle": each.cycle, "labelled": each.labelled, "accuracy": each.view.accuracy}
        | {"class": name, "bought": count, "run": each.run.id, "key": each.key}
        for each in queries.found
        for name, count in zip(queries.names(each), each.view.counts, strict=True)
        if count
    ]
    return pd.DataFrame(rows)
