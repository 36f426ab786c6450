"""A tuned experiment of three cycles, small enough to be stopped everywhere."""

from pathlib import Path

from torchal.experiment import ExperimentSpec
from torchal.host import Host
from torchal.launch import run_experiment

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
