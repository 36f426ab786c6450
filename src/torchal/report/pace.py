"""How fast an experiment goes, what it took so far, and how long what is missing will take by that.

Many stages are many files, so a sample of them is read. Stages that runs share are counted for each run that lacks
them, so the time left is what it takes at most.
"""

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torchal.records import RunRecord
from torchal.report.entries import entry

SAMPLE = 400
"""Entries that are read at most."""
_WINDOW = 3600
"""Seconds before the last stage ended in which the pace is measured."""


@dataclass(frozen=True)
class _Timed:
    """What an entry took."""

    stage: str
    own: float
    """Seconds, without what was made for it."""
    within: dict[tuple[str, str], float]
    """Seconds of entries that were made for it, trials and members of a committee, which others may share."""
    ended: float

    @cached_property
    def spent(self) -> float:
        """Seconds, with what was made for it."""
        return self.own + sum(self.within.values())


def measured(store: Path, records: list[RunRecord | None], missing: Counter[str]) -> dict[str, Any]:
    """Return the pace as JSON values; of an experiment without finished stages nothing is known.

    ``seconds`` is the mean of each stage with what was made for it, ``spent_seconds`` what all finished stages took,
    ``left_seconds`` what the missing ones come to, as if one process did them, ``workers`` how many were at work on
    average of late, ``stages_an_hour`` what they did.
    """
    entries = list(dict.fromkeys(_keys(records)))
    stride = max(1, len(entries) // SAMPLE)
    read = [timed for stage, key in entries[::stride] if (timed := _timing(store.parent, stage, key))]
    if not read:
        return {}
    seconds = {
        name: _mean([each.spent for each in read if each.stage == name]) for name in {each.stage for each in read}
    }
    left = sum(count * seconds.get(stage, 0.0) for stage, count in missing.items())
    spent = sum(each.own for each in read) + sum({k: v for each in read for k, v in each.within.items()}.values())
    totals = {"spent_seconds": spent * len(entries) / len(read), "left_seconds": left}
    return {"seconds": dict(sorted(seconds.items()))} | totals | _speed(read, stride)


def _keys(records: list[RunRecord | None]) -> list[tuple[str, str]]:
    return [item for record in records if record for cycle in record.cycles for item in cycle.keys.items()]


def _timing(results: Path, stage: str, key: str) -> _Timed | None:
    """Return what an entry took; None if it does not say."""
    timing = _read(results, stage, key, "timing.json")
    if timing is None:
        return None
    used: list[tuple[str, str]] = _read(results, stage, key, "uses.json") or []
    within = {(name, of): _read(results, name, of, "timing.json") for name, of in used}
    spent = {each: float(found.get("seconds", 0.0)) for each, found in within.items() if found}
    return _Timed(stage, float(timing.get("seconds", 0.0)), spent, float(timing.get("finished", 0.0)))


def _read(results: Path, stage: str, key: str, name: str) -> Any:
    """Return what a file of an entry holds; None if it is not there, or damaged, which no digest would tell."""
    folder = entry(results, stage, key, name)
    try:
        return json.loads((folder / name).read_bytes()) if folder else None
    except ValueError:
        return None


def _speed(read: list[_Timed], stride: int) -> dict[str, float]:
    """Return how many were at work and what they did before the last stage ended."""
    last = max(each.ended for each in read)
    late = [each for each in read if each.ended > last - _WINDOW]
    span = last - min(each.ended - each.spent for each in late)
    if span <= 0:
        return {}
    return {
        "workers": round(stride * sum(each.spent for each in late) / span, 2),
        "stages_an_hour": round(3600 * stride * len(late) / span, 1),
    }


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
