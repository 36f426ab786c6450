"""A tuned experiment of three cycles, small enough to be stopped everywhere."""

import multiprocessing
import os
import signal
import sys
import time
from functools import cache
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from torchal import show
from torchal.cli import main
from torchal.experiment import ExperimentSpec
from torchal.host import Host
from torchal.launch import run_experiment
from torchal.training.average import Average

SMALL = {
    "name": "small",
    "dataset": "digits",
    "model": {"name": "mlp", "hidden": [16], "dropout": 0.2},
    "strategy": ["random", {"name": "bald", "samples": 3}],
    "partition": {"drawn": 1, "labelled": 30, "validation": 60},
    "seed": [1, 2],
    "setting": {"cycles": 3, "budget": 10},
    "recipe": {"optimizer": "adam", "lr": 1e-2, "epochs": 3, "batch": 16},
    "tuning": {
        "trials": 4,
        "scope": "first_seed",
        "together": 2,
        "pruner": {"name": "median", "startup": 1, "warmup": 0},
        "space": {"lr": {"low": 1e-4, "high": 1e-1, "log": True}, "batch": [8, 16]},
    },
}


def changed(**fields) -> ExperimentSpec:
    return ExperimentSpec.model_validate({**SMALL, **fields})


def contents(results: Path) -> dict[str, bytes]:
    """Return every file of a results folder but sidecars."""
    files = (file for file in results.rglob("*") if file.is_file() and "timing" not in file.name)
    return {str(file.relative_to(results)): file.read_bytes() for file in files}


def compute(results: Path, spec: ExperimentSpec | None = None, **host) -> None:
    failures = run_experiment(spec or changed(), Host(results, **host))
    assert failures == []


def until(step: int, function, *arguments) -> None:
    """Call a function, and be killed as soon as a training has made so many steps."""
    real = Average.step

    def stepped(self, number: int) -> None:
        real(self, number)
        if number == step:
            os.kill(os.getpid(), signal.SIGKILL)

    Average.step = stepped
    function(*arguments)


@cache
def forks(_: str = "spawn") -> BaseContext:
    """Return what forks processes from one that has torch loaded, which takes each new program seconds.

    In place of ``multiprocessing.get_context`` it gives a pool such workers.
    """
    context = multiprocessing.context.ForkServerContext()
    context.set_forkserver_preload(["torchal.launch", "torchal.data.sources.digits", "torch._dynamo"])  # optimisers ask
    return context


def program(words: list[str], folder: Path, said: Path) -> None:
    """Be the program ``torchal``, called with some words in a folder; what it says goes into a file."""
    os.chdir(folder)
    with said.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    multiprocessing.get_context = forks
    sys.argv = ["torchal", *words]
    main()


def started(function, *arguments) -> BaseProcess:
    """Have a function called in a process of its own."""
    process = forks().Process(target=function, args=arguments)
    process.start()
    return process


def hangs(ready: Path) -> None:
    """Be a program that does not end in order at Ctrl-C."""
    with show.interruptible("Stopped."):
        ready.touch()
        try:
            time.sleep(60)
        finally:
            (ready.parent / "pressed").touch()
            time.sleep(60)
