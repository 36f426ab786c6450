"""The searches that an experiment's recipes come from, as the store tells them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from torchal.records import CycleRecord, PlannedRun, TrialRecord, TuneRecord
from torchal.report.entries import entry
from torchal.report.frame import GROUP, Experiment, place

_INPUTS = TypeAdapter(dict[str, Any])


@dataclass(frozen=True)
class Search:
    """A search, and who trains by its recipe."""

    key: str
    group: tuple[str, ...]
    """Data set, model and condition."""
    partition: str
    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    cycle: int
    """The first that it serves."""
    labelled: int
    record: TuneRecord
    """Without the epochs of its trials, of which there may be millions."""
    file: Path
    """Where the record is whole."""
    space: dict[str, dict[str, Any]]
    """What could be proposed for each field: the ends of a range, or choices."""

    @property
    def whose(self) -> str:
        """The strategy that it served, or ``shared`` if there were several."""
        return self.strategies[0] if len(self.strategies) == 1 else SHARED

    @property
    def chosen(self) -> TrialRecord:
        """The trial whose recipe was taken."""
        return next(trial for trial in self.record.trials if trial.number == self.record.chosen)

    def best_so_far(self) -> list[float | None]:
        """Return after each trial the best validation accuracy of those that were finished; None before the first."""
        best: list[float | None] = []
        for trial in self.record.trials:
            reached = [each for each in (best[-1] if best else None, _finished(trial)) if each is not None]
            best.append(max(reached, default=None))
        return best


SHARED = "shared"


@dataclass(frozen=True)
class Searches:
    """The searches that were found, and how many cycles name one that is not there."""

    found: tuple[Search, ...]
    missing: int

    def by_place(self) -> dict[str, list[Search]]:
        """Return the searches of each data set, model and condition, under its name."""
        places: dict[str, list[Search]] = {}
        for each in self.found:
            places.setdefault(place(each.group), []).append(each)
        return places


def read(experiment: Experiment, results: Path) -> Searches:
    """Read each search once, from the runs' records and the store.

    Raises:
        ValueError: if an entry is not what torchal writes.
    """
    planned = {run.id: run for run in experiment.plan.runs}
    users: dict[str, list[tuple[PlannedRun, CycleRecord]]] = {}
    for record in experiment.records:
        for cycle in record.cycles:
            if "tune" in cycle.keys:
                users.setdefault(cycle.keys["tune"], []).append((planned[record.id], cycle))
    entries = {key: entry(results, "tune", key, "tune.json", "inputs.json") for key in users}
    found = (_search(key, place, users[key]) for key, place in entries.items() if place)
    return Searches(tuple(found), sum(len(users[key]) for key, place in entries.items() if place is None))


def _search(key: str, folder: Path, users: list[tuple[PlannedRun, CycleRecord]]) -> Search:
    run, cycle = min(users, key=lambda each: each[1].cycle)
    inputs = _INPUTS.validate_json((folder / "inputs.json").read_bytes())
    return Search(
        key=key,
        group=tuple(getattr(run, name) for name in GROUP),
        partition=run.partition,
        strategies=_once(each.strategy for each, _ in users),
        seeds=_once(each.seed for each, _ in users),
        cycle=cycle.cycle,
        labelled=cycle.labelled,
        record=_brief(TuneRecord.read(folder / "tune.json")),
        file=folder / "tune.json",
        space=inputs["tuning"]["space"],
    )


def _brief(record: TuneRecord) -> TuneRecord:
    trials = tuple(trial.model_copy(update={"history": ()}) for trial in record.trials)
    return record.model_copy(update={"trials": trials})


def _once(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def _finished(trial: TrialRecord) -> float | None:
    return trial.value if trial.state == "complete" else None


def table(searches: Searches) -> pd.DataFrame:
    """Return every trial, one a row, with what it proposed."""
    rows = [
        dict(zip(GROUP, search.group, strict=True))
        | {"partition": search.partition, "strategies": ", ".join(search.strategies)}
        | {"seeds": ", ".join(map(str, search.seeds)), "cycle": search.cycle, "labelled": search.labelled}
        | {"trial": trial.number, "state": trial.state, "value": trial.value, "epochs": trial.epochs}
        | {"chosen": trial.number == search.record.chosen, "search": search.key}
        | {f"recipe.{path}": value for path, value in trial.proposal.items()}
        for search in searches.found
        for trial in search.record.trials
    ]
    return pd.DataFrame(rows)
