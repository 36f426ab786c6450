"""Faults, tried one by one: what of the results is lost? It must be nothing.

Each fault is a function that tries it some times on a small experiment and returns how often it was tried and how many
files differ in the end from those of an experiment that nothing disturbed.
"""

# ruff: noqa: S603, S607 - it starts our own program, and mounts a small disk

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks._program import (
    ALONE,
    PATIENCE,
    REFUSED,
    SPEC,
    contents,
    entries,
    finished,
    halves,
    lost,
    start,
    sweep,
    workers,
)
from torchal.engines._walks import Walks
from torchal.experiment import ExperimentSpec
from torchal.host import Host
from torchal.launch import run_experiment
from torchal.plan import Step
from torchal.runspec import RunSpec


class Tried(NamedTuple):
    """What became of a fault."""

    tries: int
    lost: int
    """Files of the results that are missing or differ."""
    said: str
    """What a person was told, or what else was seen."""


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


def killed_workers(spec: Path, folder: Path, expected: dict[str, bytes], tries: int) -> Tried:
    """Kill one of two workers, and nothing else, soon after a commit: the program must end, and say why."""
    kills, wrong, results, said = 0, 0, folder / "workers-0", ""
    while kills < tries:
        before, process = entries(results), start(spec, results, "--jobs", "2")
        while process.poll() is None and entries(results) == before:
            time.sleep(0.005)
        time.sleep(0.01 * (kills * 7 % 10))
        victims = workers(process.pid)
        if victims:
            os.kill(victims[kills % len(victims)], signal.SIGKILL)
        _, errors = process.communicate(timeout=PATIENCE)
        if process.returncode == 0:  # it was done before it noticed
            wrong += lost(results, expected)
            results = folder / f"workers-{kills}-{time.monotonic_ns()}"
        else:
            kills, said = kills + 1, errors
            wrong += process.returncode != REFUSED
    finished(spec, results)
    return Tried(kills, wrong + lost(results, expected), _last(said, folder))


def full_disk(spec: Path, folder: Path, expected: dict[str, bytes], tries: int = 1) -> Tried:
    """Give the results a disk that is too small, and make room after the program has said so."""
    wrong, said = 0, ""
    for number in range(tries):
        place = folder / f"disk-{number}"
        place.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={400 + 300 * number}k", "tmpfs", str(place)], check=True)
        try:
            code, said = finished(spec, place / "results", *ALONE)
            wrong += (code != 2) + halves(place / "results")
            subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
            finished(spec, place / "results", *ALONE)
            wrong += lost(place / "results", expected)
        finally:
            subprocess.run(["umount", str(place)], check=True)
    return Tried(tries, wrong, _last(said, folder))


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
        code, said = finished(spec, results, *ALONE)
        (results / "store").unlink()
        finished(spec, results, *ALONE)
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
            process.communicate(timeout=PATIENCE)
        wrong += sum(process.returncode != 0 for process in both) + lost(results, expected)
    return Tried(tries, wrong, "both end well")


def one_of_two_killed(spec: Path, folder: Path, expected: dict[str, bytes], tries: int) -> Tried:
    """Start the program twice on one folder of results and kill one of them: the other must end well."""
    wrong = 0
    for number in range(tries):
        results = folder / f"one-of-two-{number}"
        victim, other = (start(spec, results) for _ in range(2))
        while victim.poll() is None and entries(results) < 5 * (number + 1):
            time.sleep(0.005)
        os.killpg(victim.pid, signal.SIGKILL)
        for process in (victim, other):
            process.communicate(timeout=PATIENCE)
        sweep(results)
        wrong += (other.returncode != 0) + lost(results, expected)
    return Tried(tries, wrong, "the other ends well")


def damaged_checkpoints(spec: Path, folder: Path, expected: dict[str, bytes], tries: int) -> Tried:
    """Kill the program in mid-training and damage the checkpoints it left, again and again."""
    done, round_, wrong, results = 0, 0, 0, folder / "checkpoints-0"
    while done < tries:
        files: list[Path] = []
        process = start(spec, results, *ALONE, "--checkpoint-every", "1")
        while process.poll() is None and not (files := list(results.glob("store/unfinished/*/*.safetensors"))):
            time.sleep(0.001)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        for file in files if process.returncode else []:
            if file.is_file():
                data = file.read_bytes()
                file.write_bytes(data[: len(data) // 2] if done % 2 else data[:-9] + bytes([data[-9] ^ 4]) + data[-8:])
                done += 1
        if process.returncode == 0:
            wrong, round_ = wrong + lost(results, expected), round_ + 1
            results = folder / f"checkpoints-{round_}"
    finished(spec, results, *ALONE)
    return Tried(done, wrong + lost(results, expected), "told, and that training begins anew")


def damaged_records(spec: Path, folder: Path, expected: dict[str, bytes], tries: int) -> Tried:
    """Cut or flip a byte of the records of a finished experiment, and run again."""
    results, wrong = folder / "records", 0
    finished(spec, results)
    files = sorted(file for file in (results / SPEC["name"]).rglob("*") if file.is_file())
    for number in range(tries):
        file = files[number % len(files)]
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2] if number % 2 else bytes([data[0] ^ 1]) + data[1:])
        code, _ = finished(spec, results, *ALONE)
        wrong += (code != 0) + lost(results, expected)
    return Tried(tries, wrong, "written anew from the store")


def short_memory(spec: Path, folder: Path, expected: dict[str, bytes], tries: int) -> Tried:
    """Have one run find no memory in a stage, not in smaller chunks either: it must fail, and the others end well."""
    experiment, wrong, said = ExperimentSpec.read(spec), 0, ""
    for number in range(tries):
        results, victim = folder / f"memory-{number}", experiment.runs()[number % 4].id
        with _memory_short_in(victim):
            failures = run_experiment(experiment, Host(results))
        wrong += {each.run for each in failures if each.traceback} != {victim}
        wrong += any(f"waits for {victim}" not in each.error for each in failures if not each.traceback)
        said = next(each.error for each in failures if each.traceback)
        wrong += len(run_experiment(experiment, Host(results)))
        wrong += lost(results, expected)
    return Tried(tries, wrong, said)


@contextmanager
def _memory_short_in(run: str) -> Iterator[None]:
    """Have every stage of a run find no memory in its second cycle, in this process."""
    real = Walks._reach  # noqa: SLF001 - where memory is short

    def reach(self: Walks, spec: RunSpec, step: Step, number: int | None) -> None:
        if spec.id == run and step.cycle == 1:
            raise MemoryError("none left")
        real(self, spec, step, number)

    Walks._reach = reach  # type: ignore[method-assign]  # noqa: SLF001 - put back below
    try:
        yield
    finally:
        Walks._reach = real  # type: ignore[method-assign]  # noqa: SLF001 - as it was


def pressed_twice(spec: Path, folder: Path, expected: dict[str, bytes], tries: int) -> Tried:
    """Press Ctrl-C and, before the program has ended in order, again: it must end at once."""
    wrong, longest, done, results = 0, 0.0, 0, folder / "twice"
    while done < tries:
        before, process = entries(results), start(spec, results, "--jobs", "2")
        while process.poll() is None and entries(results) == before:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.02)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            pressed = time.monotonic()
            process.wait(timeout=PATIENCE)
            longest, done = max(longest, time.monotonic() - pressed), done + 1
            wrong += process.returncode not in {0, 130}
        process.communicate(timeout=PATIENCE)
        if process.returncode == 0:
            shutil.rmtree(results)
    finished(spec, results, *ALONE)
    return Tried(done, wrong + (longest > 1) + lost(results, expected), f"ends within {longest:.2f} s")


def interrupted(
    spec: Path, folder: Path, expected: dict[str, bytes], tries: int, jobs: int, seconds: float = 5
) -> Tried:
    """Press Ctrl-C; the program must end within so many seconds, and the next call go on."""
    wrong, longest, results = 0, 0.0, folder / f"interrupted-{jobs}"
    for _ in range(tries):
        before, process = entries(results), start(spec, results, "--jobs", str(jobs))
        while process.poll() is None and entries(results) == before:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGINT)
        pressed = time.monotonic()
        process.communicate(timeout=PATIENCE)
        longest = max(longest, time.monotonic() - pressed)
        wrong += process.returncode not in {0, 130} or longest > seconds
        if process.returncode == 0:
            shutil.rmtree(results)
    finished(spec, results, *ALONE)
    return Tried(tries, wrong + lost(results, expected), f"ends within {longest:.1f} s")


FAULTS: dict[str, Callable[[Path, Path, dict[str, bytes]], Tried]] = {
    "`kill -9` of the program": lambda *at: killed(*at, 100, *ALONE),
    "`kill -9` of the program and its two workers": lambda *at: killed(*at, 25, "--jobs", "2"),
    "`kill -9` of one of two workers": lambda *at: killed_workers(*at, 20),
    "Ctrl-C": lambda *at: interrupted(*at, 5, 1),
    "Ctrl-C with two workers": lambda *at: interrupted(*at, 5, 2),
    "Ctrl-C twice": lambda *at: pressed_twice(*at, 5),
    "disk full": lambda *at: full_disk(*at, 3),
    "results that cannot be written": lambda *at: unwritable(*at, 2),
    "entries cut short or with a flipped bit": lambda *at: damaged(*at, 20),
    "checkpoints cut short or with a flipped bit": lambda *at: damaged_checkpoints(*at, 10),
    "records cut short or with a flipped bit": lambda *at: damaged_records(*at, 6),
    "two programs on one store": lambda *at: two_drivers(*at, 3),
    "two programs on one store, one of them killed": lambda *at: one_of_two_killed(*at, 3),
    "memory short in a stage": lambda *at: short_memory(*at, 4),
}


def measure() -> dict[str, Any]:
    """Try every fault, print the table of ``docs/reliability.md``, and return it."""
    return _tried(*FAULTS)


def _tried(*chosen: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder, spec = Path(name), Path(name) / "faults.yaml"
        spec.write_text(yaml.safe_dump(SPEC))
        finished(spec, folder / "undisturbed")
        expected = contents(folder / "undisturbed")
        print("| fault | tries | results lost | what one sees |\n|---|---|---|---|", file=sys.stderr)
        found = {}
        for number, words in enumerate(chosen):
            each = found[words] = FAULTS[words](spec, folder / str(number), expected)
            print(f"| {words} | {each.tries} | {each.lost} | {each.said} |", file=sys.stderr, flush=True)
    rows = {words: {"tries": each.tries, "lost": each.lost, "said": each.said} for words, each in found.items()}
    return {"faults": rows, "lost": sum(each.lost for each in found.values())}


PARTS = {words.replace("`", ""): partial(_tried, words) for words in FAULTS}
"""What can be tried alone."""
