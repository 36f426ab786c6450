"""How torchal scales: workers on two cores, overhead of a stage, large plans, and a large cluster that is simulated."""

import heapq
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from torchal.engines import Engine, _walks
from torchal.engines.here import Here
from torchal.engines.processes import Processes
from torchal.experiment import ExperimentSpec
from torchal.host import Host
from torchal.launch import run_experiment
from torchal.loop import Done
from torchal.plan import Chain, chains, plan_record
from torchal.schedule import Part, Schedule
from torchal.store import Entry, ReadOnlyStore, Store

DIGITS: dict[str, Any] = {
    "name": "scaling",
    "dataset": "digits",
    "partition": {"drawn": 1, "labelled": 30, "validation": 60},
    "tuning": {"scope": "fixed"},
}
LONG = DIGITS | {
    "model": {"name": "resnet8", "width": 8},
    "strategy": "random",
    "seed": [1, 2, 3, 4],
    "partition": {"drawn": 1, "labelled": 600, "validation": 60},
    "setting": {"cycles": 1, "budget": 10},
    "recipe": {"epochs": 150, "batch": 32},
}
"""Its network fits into a core's cache: one that does not makes two processes wait for the machine's memory."""
TRIVIAL = DIGITS | {
    "model": {"name": "mlp", "hidden": [4]},
    "strategy": ["random", "margin"],
    "partition": {"drawn": [1, 2, 3], "labelled": 30, "validation": 60},
    "seed": [1, 2],
    "setting": {"cycles": 8, "budget": 10},
    "recipe": {"epochs": 1, "batch": 64},
}
LARGE = DIGITS | {
    "model": {"name": "mlp", "hidden": [4]},
    "strategy": ["random", *({"name": "bald", "samples": each} for each in range(2, 51))],
    "partition": {"drawn": list(range(1, 11)), "labelled": 30, "validation": 60},
    "seed": list(range(1, 9)),
    "setting": {"cycles": 7, "budget": 10},
    "tuning": {"trials": 2, "scope": "every_run"},
}
CLUSTER = LARGE | {
    "partition": {"drawn": [1, 2, 3, 4, 5], "labelled": 30, "validation": 60},
    "seed": [1, 2, 3, 4, 5],
    "setting": {"cycles": 8, "budget": 10},
    "tuning": {"trials": 50, "scope": "every_run"},
}
SECONDS = {"tune": 1.0, "fit": 60.0, "measure": 5.0, "query": 20.0, "trial": 40.0}
"""What a stage takes on the simulated cluster, give or take a half."""
WORKERS = 1000


def measure() -> dict[str, Any]:
    """Measure all of it."""
    return {name: part() for name, part in PARTS.items()}


def _two_workers(n: int = 3) -> dict[str, Any]:
    """Time stages of some seconds with one worker and with two, in turn; both are pools, whose start is timed too."""
    alone, both = zip(*([_seconds(LONG, jobs, Processes()) for jobs in (1, 2)] for _ in range(n)), strict=True)
    return {
        "one_seconds": round(median(alone), 2),
        "two_seconds": round(median(both), 2),
        "ratio": round(median(alone) / median(both), 2),
        "n": n,
    }


def _seconds(spec: dict[str, Any], jobs: int, engine: Engine) -> float:
    """Return the seconds that an experiment takes."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        assert not run_experiment(ExperimentSpec.model_validate(spec), Host(Path(folder), jobs=jobs), engine=engine)
        return time.perf_counter() - began


def _overhead(n: int = 3) -> dict[str, Any]:
    """Return what a stage costs beside its computation, in this process."""
    found = []
    for _ in range(n):
        with _counted() as (spent, reached):
            whole = _seconds(TRIVIAL, 1, Here())
        found.append(1000 * (whole - sum(spent)) / len(reached))
    return {"milliseconds_a_stage": round(median(found), 1), "stages": len(reached), "n": n}


@contextmanager
def _counted() -> Iterator[tuple[list[float], list[str]]]:
    """Time what stages themselves take."""
    real, spent, reached = _walks.Walks.reach, list[float](), list[str]()

    def reach(self: _walks.Walks, *todo: Any) -> None:
        began = time.perf_counter()
        real(self, *todo)
        spent.append(time.perf_counter() - began)
        reached.append(todo[1].stage)

    _walks.Walks.reach = reach  # type: ignore[method-assign]  # put back below
    try:
        yield spent, reached
    finally:
        _walks.Walks.reach = real  # type: ignore[method-assign]  # as it was


def _plan() -> dict[str, Any]:
    """Expand a plan of 100,000 stages, and ask in a new process how far it is."""
    experiment = ExperimentSpec.model_validate(LARGE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        found = chains(experiment, Store(folder / "store"))
        plan = plan_record(experiment, found)
        expanded = time.perf_counter() - began
        (folder / "scaling" / "runs").mkdir(parents=True)
        (folder / "scaling" / "plan.json").write_text(plan.text())
        for chain in found:
            (folder / "scaling" / "runs" / f"{chain.spec.id}.json").write_text(chain.record().text())
        began = time.perf_counter()
        words = [sys.executable, "-m", "torchal", "status", str(folder / "scaling"), "--json"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
        asked = time.perf_counter() - began
    stages = sum(len(chain.steps) for chain in found)
    return {"stages": stages, "expand_seconds": round(expanded, 2), "status_seconds": round(asked, 2)}


class _Stub(Chain):
    """A run whose stages are done when they are said to be."""

    done: set[str]

    def look(self, store: ReadOnlyStore, device: str) -> None:  # noqa: ARG002 - a chain's signature
        """Find out how far the run has come."""
        while (step := self.next) is not None and step.identity in self.done:
            self.finished.append(Done(step.cycle, step.stage, Entry("", Path()), 0, 0))


def _cluster() -> dict[str, Any]:
    """Have the real schedule keep a thousand workers busy, whose stages take time on a clock that is simulated.

    The seconds that the schedule itself takes are seconds of that clock too. ``busy`` is the share of all workers'
    seconds, from the first part to the last, in which they computed.
    """
    with tempfile.TemporaryDirectory() as folder:
        found = [_stub(chain) for chain in chains(ExperimentSpec.model_validate(CLUSTER), Store(Path(folder)))]
    done: set[str] = set()
    for chain in found:
        chain.done = done
    schedule, clock, draw = Schedule(list(found), apart=True), 0.0, np.random.default_rng(0)
    running: dict[int, Part] = {}
    ends: list[tuple[float, int]] = []
    used = spent = 0.0
    number = 0
    while True:
        began = time.perf_counter()
        for part in schedule.take(WORKERS - len(running)):
            number += 1
            running[number] = part
            heapq.heappush(ends, (clock + _duration(part, draw), number))
        if not ends:
            break
        end, ended = heapq.heappop(ends)
        part = running.pop(ended)
        if part.number is None:
            done.add(part.step.identity)
        schedule.done(part)
        while passed := schedule.passed():
            for chain in passed:
                before = len(chain.finished)
                chain.look(ReadOnlyStore(Path()), "cpu")
                schedule.moved(chain, before)
        own = time.perf_counter() - began
        step = max(end - clock, own)
        used, clock, spent = used + (len(running) + 1) * max(end - clock, 0.0), clock + step, spent + own
    return {
        "workers": WORKERS,
        "parts": number,
        "busy": round(used / (clock * WORKERS), 3),
        "hours": round(clock / 3600, 2),
        "schedule_milliseconds_a_part": round(1000 * spent / number, 2),
    }


def _stub(chain: Chain) -> _Stub:
    return _Stub(chain.spec, chain.steps)


def _duration(part: Part, draw: np.random.Generator) -> float:
    return SECONDS["trial" if part.number is not None else part.step.stage] * float(draw.uniform(0.5, 1.5))


PARTS = {"two_workers": _two_workers, "overhead": _overhead, "plan": _plan, "cluster": _cluster}
"""What can be measured alone."""
