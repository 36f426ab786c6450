"""Several experiments read as one, so that what was computed later is compared with what was there.

Runs of different experiments are compared where they were made alike: where their specs differ in nothing but
strategy, partition and seed. Where they were not, the experiment's name becomes part of the condition, which keeps them
apart and has the report say whether it changes who wins. A run that two experiments share counts once.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from torchal.digest import digest_of
from torchal.records import PlannedRun, PlanRecord, RunRecord
from torchal.report.frame import Experiment

_Place = tuple[str, str, str]
"""Data set, network, and the network by which rows were chosen."""
_Part = tuple[str, _Place, str]
"""Experiment, place and condition: runs of one protocol."""
_FREE, _NUMBERS = ("strategy", "seed", "first_seed"), ("drawn", "published")


def joined(experiments: Sequence[Experiment]) -> Experiment:
    """Return several experiments as one.

    Raises:
        ValueError: if there is none.
    """
    if not experiments:
        raise ValueError("experiments: give one at least.")
    if len(experiments) == 1:
        return experiments[0]
    conditions, records = _conditions(experiments), _furthest(experiments)
    finished = {record.id for record in records.values() if record.finished}
    unfinished = {each.run.id: each for found in experiments for each in found.unfinished}
    plan = _plan(experiments, conditions)
    return Experiment(
        plan=plan,
        records=tuple(records[run.id] for run in plan.runs if run.id in records),
        unfinished=tuple(each for name, each in unfinished.items() if name not in finished),
    )


def _plan(experiments: Sequence[Experiment], conditions: dict[_Part, str]) -> PlanRecord:
    plans = [found.plan for found in experiments]
    classes = list(dict.fromkeys(each for plan in plans for each in plan.classes))
    runs: dict[str, PlannedRun] = {}
    for plan in plans:
        for run in plan.runs:
            changes: dict[str, Any] = {"condition": conditions[_part(plan, run)]}
            if run.classes < len(plan.classes):
                changes["classes"] = classes.index(plan.classes[run.classes])
            runs.setdefault(run.id, run.model_copy(update=changes))
    return PlanRecord(
        experiment=" + ".join(plan.experiment for plan in plans),
        runs=tuple(runs.values()),
        cycles=max(plan.cycles for plan in plans),
        classes=tuple(classes),
        warnings=tuple(dict.fromkeys(each for plan in plans for each in plan.warnings)),
        protocol={plan.experiment: plan.protocol for plan in plans},
    )


def _conditions(experiments: Sequence[Experiment]) -> dict[_Part, str]:
    """Return what each experiment's conditions are called where all are together."""
    protocols = {part: digest for found in experiments for part, digest in _protocols(found).items()}
    conditions: dict[_Part, str] = {}
    for place in dict.fromkeys(place for _, place, _ in protocols):
        parts = {part: digest for part, digest in protocols.items() if part[1] == place}
        conditions |= _told_apart(parts)
    return conditions


def _told_apart(parts: dict[_Part, str]) -> dict[_Part, str]:
    """Return the conditions of one place: those of one protocol have one name, and different ones have different."""
    first = {digest: part for part, digest in reversed(parts.items())}
    said = {digest: condition for digest, (_, _, condition) in first.items()}
    if len(set(said.values())) < len(said):
        said = {digest: ", ".join(filter(None, (name, condition))) for digest, (name, _, condition) in first.items()}
    return {part: said[digest] for part, digest in parts.items()}


def _protocols(found: Experiment) -> dict[_Part, str]:
    """Return how the runs of each part were made, as a digest; of a part without a record nothing is known."""
    specs = {record.id: record.spec for record in found.records}
    known: dict[_Part, str] = {}
    for run in found.plan.runs:
        part = _part(found.plan, run)
        if run.id in specs:
            known.setdefault(part, digest_of(_protocol(specs[run.id])))
    return {part: known.get(part, digest_of(part)) for part in (_part(found.plan, run) for run in found.plan.runs)}


def _protocol(spec: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in spec.items() if name not in _FREE}
    partition = rest.pop("partition", {})
    return rest | {"partition": {name: value for name, value in partition.items() if name not in _NUMBERS}}


def _part(plan: PlanRecord, run: PlannedRun) -> _Part:
    return plan.experiment, (run.dataset, run.model, run.source), run.condition


def _furthest(experiments: Iterable[Experiment]) -> dict[str, RunRecord]:
    """Return each run's record, of two the one that has come further."""
    records: dict[str, RunRecord] = {}
    for found in experiments:
        for record in found.records:
            if record.id not in records or len(record.cycles) > len(records[record.id].cycles):
                records[record.id] = record
    return records
