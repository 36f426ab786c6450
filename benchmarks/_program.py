"""The real program on a small experiment, and what it leaves on disk."""

# ruff: noqa: S603 - it starts our own program

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from torchal.store import Store

SPEC: dict[str, Any] = {
    "name": "faults",
    "dataset": "digits",
    "model": {"name": "mlp", "hidden": [16], "dropout": 0.2},
    "strategy": ["random", {"name": "bald", "samples": 3}],
    "partition": {"drawn": 1, "labelled": 30, "validation": 60},
    "seed": [1, 2],
    "setting": {"cycles": 3, "budget": 10},
    "recipe": {"optimizer": "adam", "lr": 1e-2, "epochs": 8, "batch": 16},
    "tuning": {"trials": 8, "together": 2, "space": {"lr": {"low": 1e-3, "high": 1e-1, "log": True}}},
}
PATIENCE = 600
"""Seconds after which a program is taken to hang."""
REFUSED = 2
"""The exit code of a program that ends in a sentence."""
ALONE = ("--jobs", "1")


def contents(results: Path) -> dict[str, bytes]:
    """Return every file of a results folder but sidecars and drafts."""
    files = (file for file in results.rglob("*") if file.is_file() and "timing" not in file.name)
    return {str(each.relative_to(results)): each.read_bytes() for each in files if "drafts" not in each.parts}


def start(spec: Path, results: Path, *words: str) -> subprocess.Popen[str]:
    """Start the program on an experiment, in a group of processes of its own."""
    command = [sys.executable, "-m", "torchal", "run", str(spec), "--results", str(results), *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finished(spec: Path, results: Path, *words: str) -> tuple[int, str]:
    """Run the program to its end and return its exit code and what it said."""
    process = start(spec, results, *words)
    _, said = process.communicate(timeout=PATIENCE)
    return process.returncode, said


def lost(results: Path, expected: dict[str, bytes]) -> int:
    """Return how many files are missing or differ; a file more than expected counts too."""
    found = contents(results)
    return sum(found.get(name) != expected.get(name) for name in found.keys() | expected.keys())


def entries(results: Path) -> int:
    """Return how many entries are committed."""
    return len(list(results.glob("store/*/*/digests.json")))


def halves(results: Path) -> int:
    """Return how many entries are there and not whole."""
    folders = (path for path in results.glob("store/*/*/") if path.parent.name not in {"drafts", "unfinished"})
    return sum(not (path / "digests.json").is_file() for path in folders)


def workers(process: int) -> list[int]:
    """Return the processes of a program's pool, by Linux's account of its children."""
    tasks = Path(f"/proc/{process}/task")
    try:
        children = [int(each) for task in tasks.iterdir() for each in (task / "children").read_text().split()]
        return [each for each in children if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]
    except FileNotFoundError:  # it has ended meanwhile
        return []


def sweep(results: Path) -> None:
    """Remove what dead processes left, as the next call would."""
    with Store(results / "store"):
        pass
