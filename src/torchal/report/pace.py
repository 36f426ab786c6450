"""How fast an experiment goes, and how long what is missing will take, by what its stages took so far.

Many stages are many files, so a sample of them is read. Stages that runs share are counted for each run that lacks
them, so the time left is what it takes at most.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from torchal.records import RunRecord
from torchal.report.entries import entry

SAMPLE = 400
"""Entries that are read at most."""
_WINDOW = 3600
"""Seconds before the last stage ended in which the pace is measured."""


def measured(store: Path, records: list[RunRecord | None], missing: Counter[str]) -> dict[str, Any]:
    """Return the pace as JSON values; of an experiment without finished stages nothing is known.

    ``seconds`` is the mean of each stage with what was made for it, ``left_seconds`` what the missing stages come to,
    as if one process did them, ``workers`` how many were at work on average of late, ``stages_an_hour`` what they did.
    """
    entries = list(dict.fromkeys(_keys(records)))
    stride = max(1, len(entries) // SAMPLE)
    read = [(stage, timing) for stage, key in entries[::stride] if (timing := _timing(store.parent, stage, key))]
    if not read:
        return {}
    seconds = {
        name: _mean([spent for stage, (spent, _) in read if stage == name]) for name in {each for each, _ in read}
    }
    left = sum(count * seconds.get(stage, 0.0) for stage, count in missing.items())
    return {"seconds": dict(sorted(seconds.items())), "left_seconds": left} | _speed([each for _, each in read], stride)


def _keys(records: list[RunRecord | None]) -> list[tuple[str, str]]:
    return [item for record in records if record for cycle in record.cycles for item in cycle.keys.items()]


def _timing(results: Path, stage: str, key: str) -> tuple[float, float] | None:
    """Return the seconds of an entry and of what was made for it, and when it ended."""
    folder = entry(results, stage, key, "timing.json")
    if folder is None:
        return None
    timing = json.loads((folder / "timing.json").read_bytes())
    spent = float(timing.get("seconds", 0.0))
    if stage == "tune" and (folder / "uses.json").is_file():
        spent += sum(_trial(results, *used) for used in json.loads((folder / "uses.json").read_bytes()))
    return spent, float(timing.get("finished", 0.0))


def _trial(results: Path, stage: str, key: str) -> float:
    folder = entry(results, stage, key, "timing.json")
    return float(json.loads((folder / "timing.json").read_bytes()).get("seconds", 0.0)) if folder else 0.0


def _speed(read: list[tuple[float, float]], stride: int) -> dict[str, float]:
    """Return how many were at work and what they did before the last stage ended."""
    last = max(ended for _, ended in read)
    late = [(spent, ended) for spent, ended in read if ended > last - _WINDOW]
    span = last - min(ended - spent for spent, ended in late)
    if span <= 0:
        return {}
    return {
        "workers": round(stride * sum(spent for spent, _ in late) / span, 2),
        "stages_an_hour": round(3600 * stride * len(late) / span, 1),
    }


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
