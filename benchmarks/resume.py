"""What a finished experiment costs when it is run again, against computing it."""

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from torchal.experiment import ExperimentSpec
from torchal.host import Host
from torchal.launch import run_experiment

SPEC = {
    "name": "resume",
    "dataset": "digits",
    "model": {"name": "mlp", "hidden": [64]},
    "strategy": ["random", "margin", "coreset"],
    "partition": {"drawn": [1, 2], "labelled": 40, "validation": 200},
    "seed": [1, 2],
    "setting": {"cycles": 3, "budget": 40},
    "recipe": {"optimizer": "adam", "lr": 1e-3, "epochs": 20, "batch": 16},
    "tuning": {"trials": 5},
}


def measure(n: int = 5) -> dict[str, Any]:
    """Compute an experiment once and run it again n times, in this process, with one job."""
    experiment = ExperimentSpec.model_validate(SPEC)
    with tempfile.TemporaryDirectory() as folder:
        host = Host(Path(folder))
        first = _timed(experiment, host)
        again = [_timed(experiment, host) for _ in range(n)]
        stages = len(list(Path(folder).glob("store/*/*/digests.json")))
    return {
        "compute_seconds": round(first, 3),
        "again_seconds": round(median(again), 3),
        "again_range": [round(min(again), 3), round(max(again), 3)],
        "ratio": round(first / median(again), 1),
        "entries": stages,
        "n": n,
    }


def _timed(experiment: ExperimentSpec, host: Host) -> float:
    started = time.perf_counter()
    assert not run_experiment(experiment, host)
    return time.perf_counter() - started
