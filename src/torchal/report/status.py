"""How far an experiment is, from its records, and what is being computed now, from the logs of its stages."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

from torchal.records import PlannedRun, RunRecord
from torchal.report import pace
from torchal.report.started import plan_of
from torchal.stage_log import at_work

_ALIVE = 600
"""Seconds after which a log that says nothing more is no longer told: its process may be gone."""
_LAST = 3


def read(results: Path, experiment: str) -> dict[str, Any]:
    """Return how far each run of an experiment is, as JSON values.

    Raises:
        ValueError: if it was never started in that folder.
    """
    folder = results / experiment
    plan = plan_of(results, experiment)
    records = {run.id: _record(folder, run.id) for run in plan.runs}
    runs = [_run(folder, run, records[run.id]) for run in plan.runs]
    return {
        "experiment": plan.experiment,
        "cycles": plan.cycles,
        "finished": sum(run["finished"] for run in runs),
        "done": sum(run["done"] for run in runs),
        "stages": sum(run["stages"] for run in runs),
        "runs": runs,
        "at_work": _at_work(results),
        "pace": pace.measured(results / "store", list(records.values()), _missing(runs)),
    }


def _record(folder: Path, name: str) -> RunRecord | None:
    file = folder / "runs" / f"{name}.json"
    return RunRecord.read(file) if file.is_file() else None


def _run(folder: Path, planned: PlannedRun, record: RunRecord | None) -> dict[str, Any]:
    cycles = record.cycles if record else ()
    done = {(cycle.cycle, stage) for cycle in cycles for stage in cycle.keys}
    missing = [(cycle, stage) for cycle, stage in planned.stages if (cycle, stage) not in done]
    return {
        "id": planned.id,
        "strategy": planned.strategy,
        "place": ", ".join(filter(None, (planned.dataset, planned.model, planned.source, planned.condition))),
        "finished": record is not None and record.finished,
        "done": len(done),
        "stages": len(planned.stages),
        "progress": _progress(planned, done),
        "next": f"cycle {missing[0][0]} {missing[0][1]}" if missing else None,
        "missing": dict(Counter(stage for _, stage in missing)),
        "test_accuracy": [cycle.test.accuracy for cycle in cycles if cycle.test is not None],
        **_failure(folder / "failures" / f"{planned.id}.txt"),
    }


def _progress(planned: PlannedRun, done: set[tuple[int, Any]]) -> str:
    """Return the stages of each cycle by their first letters; a dot stands for one that is missing."""
    cycles: dict[int, str] = {}
    for cycle, stage in planned.stages:
        cycles[cycle] = cycles.get(cycle, "") + (stage[0].upper() if (cycle, stage) in done else "·")
    return " ".join(cycles.values())


def _failure(file: Path) -> dict[str, Any]:
    """Return what stopped a run, its last lines, and where all of it is."""
    if not file.is_file():
        return {"failure": None}
    lines = file.read_text(encoding="utf-8").strip().splitlines()
    return {"failure": lines[-1], "failure_tail": lines[-_LAST:], "failure_file": str(file)}


def _at_work(results: Path) -> list[dict[str, Any]]:
    found = (each for each in at_work(results / "store", time.time()) if each.silent < _ALIVE)
    return [
        {"stage": each.stage, "for": each.address, "said": each.said, "log": str(each.log)}
        | {"silent_seconds": round(each.silent, 1)}
        for each in found
    ]


def _missing(runs: list[dict[str, Any]]) -> Counter[str]:
    missing: Counter[str] = Counter()
    for run in runs:
        if not run["failure"]:
            missing.update(run["missing"])
    return missing
