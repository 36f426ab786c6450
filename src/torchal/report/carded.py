"""How a card is made: from the records of an experiment, and from the entries of the store that they name."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from pydantic import BaseModel

from torchal.digest import digest_of_file
from torchal.records import COMMITS, CommitsFile, CycleRecord, FingerprintFile, QueryRecord, RunRecord, StageName
from torchal.report import frame, ledger
from torchal.report.card import QUERIES, Card, Chosen, First, Machine, Spent, Timed
from torchal.report.entries import entry
from torchal.report.frame import Experiment
from torchal.report.ledger import COUNTED, TIMED, Cost

NAME = "card.json"


def write(results: Path, experiment: str) -> tuple[Path, Card]:
    """Write the card of an experiment into its folder of results, and return where and what.

    Raises:
        ValueError: if it was never started in that folder.
    """
    card, place = made(frame.read(results, experiment), results), results / experiment / NAME
    place.write_text(card.text(), encoding="utf-8", newline="\n")
    return place, card


def made(found: Experiment, results: Path) -> Card:
    """Return the card of what is on disk of an experiment. What the store lacks, the card does not know."""
    costs, prints, commits = _costs(found, results), results / "fingerprint.json", results / COMMITS
    return Card(
        name=found.plan.experiment,
        plan=found.plan,
        fingerprints=FingerprintFile.read(prints).accepted if prints.is_file() else (),
        runs=found.records,
        firsts={run.id: first for run in found.records if (first := _first(run, results)) is not None},
        chosen=dict(_chosen(found, results)),
        digests=dict(_digests(found, results)),
        cost=tuple(
            Spent(run=run, activity=activity, **{name: getattr(cost, name) for name in COUNTED})
            for run, activity, cost in costs
        ),
        machine=Machine(
            commits=CommitsFile.read(commits).commits if commits.is_file() else (),
            timed=tuple(
                Timed(run=run, activity=activity, **{name: getattr(cost, name) for name in TIMED})
                for run, activity, cost in costs
            ),
        ),
    ).sealed()


def _entries(found: Experiment) -> list[tuple[str, str]]:
    """Return stage and key of every entry that the records name, each once, in their order."""
    cycles = (cycle for run in found.records for cycle in run.cycles)
    return list(dict.fromkeys((stage, key) for cycle in cycles for stage, key in cycle.keys.items()))


def _chosen(found: Experiment, results: Path) -> Iterator[tuple[str, Chosen]]:
    for stage, key in _entries(found):
        if stage in QUERIES and (place := entry(results, stage, key, "query.json")):
            yield key, Chosen.of(QueryRecord.read(place / "query.json").rows)


def _digests(found: Experiment, results: Path) -> Iterator[tuple[str, str]]:
    for stage, key in _entries(found):
        if place := entry(results, stage, key, "digests.json"):
            yield key, digest_of_file(place / "digests.json")


class _Task(BaseModel):
    """What matters here of a training."""

    dataset: str
    labelled: str
    validation: str | None


class _Fitted(BaseModel):
    """What matters here of the inputs of a training."""

    task: _Task


class _Queried(BaseModel):
    """What matters here of the inputs of a query."""

    rows: str


def _first(run: RunRecord, results: Path) -> First | None:
    """Return what a run began with, as the inputs of its first training and query say."""
    fit = _inputs(run.cycles[0], "fit", results) if run.cycles else None
    if fit is None:
        return None
    asked = _inputs(run.cycles[0], "start", results) or _inputs(run.cycles[0], "query", results)
    rows = _Queried.model_validate_json(asked.read_bytes()).rows if asked else None
    return First(**_Fitted.model_validate_json(fit.read_bytes()).task.model_dump(), rows=rows)


def _inputs(cycle: CycleRecord, stage: StageName, results: Path) -> Path | None:
    place = entry(results, stage, cycle.keys.get(stage, ""), "inputs.json")
    return place / "inputs.json" if place else None


def _costs(found: Experiment, results: Path) -> list[tuple[str, str, Cost]]:
    """Return run, activity and what it cost, as used."""
    lines = sorted(ledger.read(found, results).lines, key=lambda line: (line.run.id, line.activity))
    parts = groupby(lines, key=lambda line: (line.run.id, line.activity))
    return [(run, activity, ledger.total(some)) for (run, activity), some in parts]
