"""A search of 50 trials as TorchAL runs it against torchal's, on the same cores, with the same proposals.

TorchAL's form: one trial after the other, each with data loaders that make a tensor of one PIL image after the other,
in fp32, and a pass over the validation rows after every epoch. Ours is ``torchal run`` on an experiment of one cycle,
the training and measurement of the chosen recipe included: data that lie in memory, bf16, trials side by side.
Proposals are the paper's, random; with a pruner they are the same again.

CIFAR-10 is read from the folder of parquet files that TORCHAL_CIFAR10 names; without it, digits alone are measured.
``python -m benchmarks tuning`` takes half an hour on two cores; TORCHAL_TUNING=3 makes three studies in place of five.
The searches are kept in ``results/benchmarks-tuning`` for ``python -m benchmarks pruners``.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from torchal.experiment import ExperimentSpec, RunSpec
from torchal.host import Host
from torchal.launch import run_experiment
from torchal.problem import opened
from torchal.records import TrialRecord, TuneRecord
from torchal.rng import generator, seeded
from torchal.training.recipe import Recipe
from torchal.tuning.space import proposed

CORES = len(os.sched_getaffinity(0))
PRUNER = "median"
KEPT = Path("results/benchmarks-tuning")
FEW = 10
"""Trials with which the ingredients are measured one by one."""


def measure() -> dict[str, Any]:
    """Compare each case, and print a line for each study as it ends."""
    n = int(os.environ.get("TORCHAL_TUNING", "5"))
    cases = {"digits with mlp": _digits(), **({"cifar10 with resnet8": _cifar10()} if _folder() else {})}
    rows = {name: _compared(name, fields, n) for name, fields in cases.items()}
    last = list(rows.values())[-1]
    return {
        "ratio": last["ratio"],
        "ratio_pruned": last["ratio_pruned"],
        "cases": rows,
        "pruner": PRUNER,
        "trials": 50,
        "cores": CORES,
        "studies": n,
        "n": 1,
    }


def _folder() -> str | None:
    return os.environ.get("TORCHAL_CIFAR10")


def _digits() -> dict[str, Any]:
    return {
        "dataset": "digits",
        "model": {"name": "mlp", "hidden": [64], "dropout": 0.5},
        "partition": {"labelled": 1000, "validation": 400},
        "recipe": {"epochs": 50},
    }


def _cifar10() -> dict[str, Any]:
    return {
        "dataset": {"name": "cifar10", "path": _folder()},
        "model": "resnet8",
        "partition": {"labelled": 500, "validation": 500},
        "recipe": {"epochs": 16, "augment": {"crop": 4, "flip": True}, "precision": "bf16"},
    }


def _experiment(fields: dict[str, Any], study: int, **tuning: Any) -> ExperimentSpec:
    return ExperimentSpec.model_validate(
        {
            "name": "tuning",
            "strategy": "random",
            "seed": 1,
            "setting": {"cycles": 1, "budget": 1},
            **fields,
            "partition": {"drawn": study, **fields["partition"]},
            "tuning": {"trials": 50, "pruner": None, **tuning},
        }
    )


def _compared(name: str, fields: dict[str, Any], n: int) -> dict[str, Any]:
    studies = [_study(fields, study) for study in range(1, n + 1)]
    KEPT.mkdir(parents=True, exist_ok=True)
    for number, study in enumerate(studies, 1):
        (KEPT / f"{name.split(maxsplit=1)[0]}-{number}.json").write_text(study["record"].text())
    spec = _experiment(fields, 1)
    seconds, best = _as_torchal(spec, studies[0]["record"].trials)
    ours, pruned = ([study[key] for study in studies] for key in ("seconds", "seconds_pruned"))
    lost = [100 * (study["best"] - study["best_pruned"]) for study in studies]
    return {
        "ratio": round(seconds / ours[0], 2),
        "ratio_pruned": round(seconds / pruned[0], 2),
        "seconds_as_torchal": round(seconds, 1),
        "seconds": [round(each, 1) for each in ours],
        "seconds_pruned": [round(each, 1) for each in pruned],
        "best_validation_accuracy_as_torchal": best,
        "best_validation_accuracy": [study["best"] for study in studies],
        "points_lost_to_the_pruner": [round(each, 2) for each in lost],
        "mean_points_lost": round(float(np.mean(lost)), 2),
        "epochs_with_the_pruner": round(float(np.mean([study["epochs"] for study in studies])), 3),
        "ingredients": _ingredients(fields, studies[0]["record"].trials[:FEW]),
    }


def _study(fields: dict[str, Any], number: int) -> dict[str, Any]:
    seconds, record = _searched(_experiment(fields, number), jobs=CORES, threads=1)
    seconds_pruned, pruned = _searched(_experiment(fields, number, pruner=PRUNER), jobs=CORES, threads=1)
    epochs = sum(trial.epochs for trial in pruned.trials) / sum(trial.epochs for trial in record.trials)
    best, best_pruned = (max(t.value or 0 for t in each.trials if t.state == "complete") for each in (record, pruned))
    line = f"study {number}: {seconds:.0f} s, pruned {seconds_pruned:.0f} s; best {best:.4f}, pruned {best_pruned:.4f}"
    print(line, file=sys.stderr, flush=True)
    return {
        "record": record,
        "seconds": seconds,
        "seconds_pruned": seconds_pruned,
        "best": best,
        "best_pruned": best_pruned,
        "epochs": epochs,
    }


def _searched(experiment: ExperimentSpec, *, jobs: int, threads: int) -> tuple[float, TuneRecord]:
    with tempfile.TemporaryDirectory() as folder:
        host = Host(Path(folder), jobs=jobs, threads=threads, checkpoint_every=0)
        opened(experiment.runs()[0])  # whoever decodes the data first would pay for all
        started = time.perf_counter()
        failures = run_experiment(experiment, host)
        seconds = time.perf_counter() - started
        assert not failures, failures
        (file,) = Path(folder).glob("store/tune/*/tune.json")
        return seconds, TuneRecord.read(file)


def _ingredients(fields: dict[str, Any], trials: tuple[TrialRecord, ...]) -> dict[str, float]:
    """Return seconds of the first trials, with one more of what makes the difference from line to line."""
    fp32 = {**fields, "recipe": {**fields["recipe"], "precision": "fp32"}}
    steps = {"as torchal": _as_torchal(_experiment(fields, 1), trials)[0]}
    for name, chosen, jobs in (("resident", fp32, 1), ("bf16", fields, 1), ("side by side", fields, CORES)):
        few = _experiment(chosen, 1, trials=FEW)
        steps[name] = _searched(few, jobs=jobs, threads=CORES // jobs)[0]
    return {name: round(seconds, 1) for name, seconds in steps.items()}


# --- as TorchAL does it -----------------------------------------------------------------------------------------------


def _as_torchal(spec: ExperimentSpec, trials: tuple[TrialRecord, ...]) -> tuple[float, float]:
    """Return the seconds of a search, with one thread or all, whichever is faster, and the best accuracy it found."""
    (run,) = spec.runs()
    seconds = {threads: _timed(run, trials[:1], threads)[0] for threads in (1, CORES)}
    return _timed(run, trials, min(seconds, key=seconds.__getitem__))


def _timed(run: RunSpec, trials: tuple[TrialRecord, ...], threads: int) -> tuple[float, float]:
    torch.set_num_threads(threads)
    started = time.perf_counter()
    reached = []
    for trial in trials:
        problem = opened(run)
        data, rows = problem.data, problem.rows
        recipe = proposed(run.recipe, trial.proposal)
        learnt = _Pictures(data.train, rows.labelled, recipe)
        judged = _Pictures(data.train, rows.validation, Recipe())
        with seeded("as torchal", trial.number):
            network = run.model.build(data.shape, len(data.classes))
            reached.append(max(_epochs(network, recipe, learnt, judged)))
    return time.perf_counter() - started, max(reached)


def _epochs(network: nn.Module, recipe: Recipe, learnt: "_Pictures", judged: "_Pictures") -> Iterator[float]:
    form = torch.optim.SGD if recipe.optimizer == "sgd" else torch.optim.Adam
    momentum = {"momentum": recipe.momentum} if recipe.optimizer == "sgd" else {}
    optimizer = form(network.parameters(), recipe.lr, weight_decay=recipe.weight_decay, **momentum)
    criterion = nn.CrossEntropyLoss()
    loader = DataLoader(learnt, recipe.batch, shuffle=True, generator=generator("loader"))
    for _ in range(recipe.epochs):
        network.train()
        for x, y in loader:
            loss = criterion(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        yield _accuracy(network, judged)


def _accuracy(network: nn.Module, judged: "_Pictures") -> float:
    network.eval()
    with torch.no_grad():
        right = [(network(x).argmax(1) == y).sum().item() for x, y in DataLoader(judged, 200)]
    return sum(right) / len(judged)


class _Pictures(Dataset[tuple[Tensor, int]]):
    """What a data set of PIL images does for one index: pad, crop, flip where asked, and make a tensor of it."""

    def __init__(self, side: Any, rows: Tensor, recipe: Recipe) -> None:
        images = side.inputs.raw(rows)
        self.pictures = [_picture(image) for image in images.numpy()]
        self.labels = side.labels[rows].tolist()
        self.augment, self.draw = recipe.augment, np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.pictures[index]
        if pad := self.augment.crop:
            wide = ImageOps.expand(image, pad)
            left, top = self.draw.integers(0, 2 * pad + 1, 2).tolist()
            image = wide.crop((left, top, left + image.width, top + image.height))
        if self.augment.flip and self.draw.random() < 0.5:
            image = ImageOps.mirror(image)
        values = torch.from_numpy(np.array(image)).float().div(255)
        return (values.permute(2, 0, 1) if values.dim() == 3 else values[None]).contiguous(), self.labels[index]


def _picture(image: np.ndarray) -> Image.Image:
    """Return an image of one or three channels."""
    return Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0).squeeze().astype(np.uint8)))
