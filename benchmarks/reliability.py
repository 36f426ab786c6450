"""Faults, tried one by one: what of the results is lost? It must be nothing.

Each fault is a function that tries it some times on a small experiment and returns how often it was tried and how many
files differ in the end from those of an experiment that nothing disturbed.
"""

# ruff: noqa: S603, S607 - it starts our own program, and mounts a small disk

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

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
_PATIENCE = 120
_ALONE = ("--jobs", "1")


class Tried(NamedTuple):
    """What became of a fault."""

    tries: int
    lost: int
    """Files of the results that are missing or differ."""
    said: str
    """What a person was told, or what else was seen."""


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
    _, said = process.communicate(timeout=_PATIENCE)
    return process.returncode, said


def lost(results: Path, expected: dict[str, bytes]) -> int:
    """Return how many files are missing or differ; a file more than expected counts too."""
    found = contents(results)
    return sum(found.get(name) != expected.get(name) for name in found.keys() | expected.keys())


def entries(results: Path) -> int:
    """Return how many entries are committed."""
    return len(list(results.glob("store/*/*/digests.json")))


def killed(spec: Path, folder: Path, expected: dict[str, bytes], tries: int, *words: str) -> Tried:
    """Kill the program, with whatever it started, soon after it has committed something, again and again."""
    kills, round_, wrong = 0, 0, 0
    results = folder / "0"
    while kills < tries:
        before, process = entries(results), start(spec, results, *words)
        while process.poll() is None and entries(results) == before:
            time.sleep(0.005)
        time.sleep(0.01 * (kills * 7 % 10))
        alive = process.poll() is None
        if alive:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        kills += alive
        if not alive:
            wrong += lost(results, expected)
            round_ += 1
            results = folder / str(round_)
    finished(spec, results)
    return Tried(kills, wrong + lost(results, expected), "the next call goes on")


def full_disk(spec: Path, folder: Path, expected: dict[str, bytes], tries: int = 1) -> Tried:
    """Give the results a disk that is too small, and make room after the program has said so."""
    wrong, said = 0, ""
    for number in range(tries):
        place = folder / f"disk-{number}"
        place.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={400 + 300 * number}k", "tmpfs", str(place)], check=True)
        try:
            code, said = finished(spec, place / "results", *_ALONE)
            wrong += (code != 2) + halves(place / "results")
            subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
            finished(spec, place / "results", *_ALONE)
            wrong += lost(place / "results", expected)
        finally:
            subprocess.run(["umount", str(place)], check=True)
    return Tried(tries, wrong, _last(said, folder))


def halves(results: Path) -> int:
    """Return how many entries are there and not whole."""
    folders = (path for path in results.glob("store/*/*/") if path.parent.name not in {"drafts", "unfinished"})
    return sum(not (path / "digests.json").is_file() for path in folders)


def _last(said: str, folder: Path) -> str:
    """Return the last line that was said, without the folder that was made for the trial."""
    return said.strip().splitlines()[-1].replace(f"{folder}/", "")


def unwritable(spec: Path, folder: Path, expected: dict[str, bytes], tries: int = 1) -> Tried:
    """Have a file in the way of the store, and take it away after the program has said so."""
    wrong, said = 0, ""
    for number in range(tries):
        results = folder / f"blocked-{number}"
        results.mkdir(parents=True)
        (results / "store").write_text("in the way")
        code, said = finished(spec, results, *_ALONE)
        (results / "store").unlink()
        finished(spec, results, *_ALONE)
        wrong += (code != 2) + lost(results, expected)
    return Tried(tries, wrong, _last(said, folder))


def damaged(spec: Path, folder: Path, expected: dict[str, bytes], tries: int) -> Tried:
    """Cut or flip a byte of files of entries, and run again: what results rest on must be as it was.

    A trial of a finished search is read no more, so its damage stays until somebody checks the store.
    """
    results = folder / "damaged"
    finished(spec, results)
    files = sorted(file for file in results.glob("store/*/*/*") if "timing" not in file.name)
    for number in range(tries):
        file = files[number * 37 % len(files)]
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2] if number % 2 else bytes([data[0] ^ 1]) + data[1:])
    finished(spec, results)
    found = contents(results)
    wrong = sum(found.get(name) != data for name, data in expected.items() if not name.startswith("store/trial"))
    return Tried(
        tries, wrong, "damage is told and what rests on it computed anew; `torchal store check` finds the rest"
    )


def two_drivers(spec: Path, folder: Path, expected: dict[str, bytes], tries: int) -> Tried:
    """Start the program twice on one folder of results."""
    wrong = 0
    for number in range(tries):
        results = folder / f"both-{number}"
        both = [start(spec, results) for _ in range(2)]
        for process in both:
            process.communicate(timeout=_PATIENCE)
        wrong += sum(process.returncode != 0 for process in both) + lost(results, expected)
    return Tried(tries, wrong, "both end well")


def interrupted(spec: Path, folder: Path, expected: dict[str, bytes], tries: int, jobs: int) -> Tried:
    """Press Ctrl-C; the program must end within five seconds, and the next call go on."""
    wrong, longest, results = 0, 0.0, folder / f"interrupted-{jobs}"
    for _ in range(tries):
        before, process = entries(results), start(spec, results, "--jobs", str(jobs))
        while process.poll() is None and entries(results) == before:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGINT)
        pressed = time.monotonic()
        process.communicate(timeout=_PATIENCE)
        longest = max(longest, time.monotonic() - pressed)
        wrong += process.returncode not in {0, 130} or longest > 5
        if process.returncode == 0:
            shutil.rmtree(results)
    finished(spec, results, *_ALONE)
    return Tried(tries, wrong + lost(results, expected), f"ends within {longest:.1f} s")


def measure(kills: int = 100) -> dict[str, Any]:
    """Try every fault, print the table of ``docs/reliability.md``, and return it."""
    with tempfile.TemporaryDirectory() as name:
        folder, spec = Path(name), Path(name) / "faults.yaml"
        spec.write_text(yaml.safe_dump(SPEC))
        finished(spec, folder / "undisturbed")
        expected = contents(folder / "undisturbed")
        found = {words: _timed(function) for words, function in _faults(spec, folder, expected, kills).items()}
    rows = {words: {"tries": each.tries, "lost": each.lost, "said": each.said} for words, each in found.items()}
    print("| fault | tries | results lost | what one sees |\n|---|---|---|---|", file=sys.stderr)
    for words, each in found.items():
        print(f"| {words} | {each.tries} | {each.lost} | {each.said} |", file=sys.stderr)
    return {"faults": rows, "lost": sum(each.lost for each in found.values())}


def _faults(spec: Path, folder: Path, expected: dict[str, bytes], kills: int) -> dict[str, Callable[[], Tried]]:
    return {
        "`kill -9` of the program": lambda: killed(spec, folder / "a", expected, kills, "--jobs", "1"),
        "`kill -9` of the program and its two workers": lambda: killed(
            spec, folder / "b", expected, kills // 4, "--jobs", "2"
        ),
        "Ctrl-C": lambda: interrupted(spec, folder, expected, 5, 1),
        "Ctrl-C with two workers": lambda: interrupted(spec, folder, expected, 5, 2),
        "disk full": lambda: full_disk(spec, folder, expected, 3),
        "results that cannot be written": lambda: unwritable(spec, folder, expected, 2),
        "files cut short or with a flipped bit": lambda: damaged(spec, folder, expected, 20),
        "two programs on one store": lambda: two_drivers(spec, folder, expected, 3),
    }


def _timed(function: Callable[[], Tried]) -> Tried:
    began = time.monotonic()
    found = function()
    print(json.dumps([*found, round(time.monotonic() - began, 1)]), file=sys.stderr)
    return found
