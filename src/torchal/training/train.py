"""Carry out a task by a recipe, going on from a checkpoint where an earlier call was stopped."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torchal.models import Classifier
from torchal.rng import Address
from torchal.training.fit import Epoch, fit, fresh
from torchal.training.recipe import Recipe
from torchal.training.state import State
from torchal.training.task import Task
from torchal.training.weights import load_weights
from torchal.training.world import World


@dataclass(frozen=True)
class Checkpoints:
    """Where the state of an unfinished training is kept, and how often."""

    file: Path
    every: int
    """Epochs between two; 0 keeps none."""


def built(task: Task, where: Address) -> Classifier:
    """Return the task's network before its training, on the device of its examples."""
    model = fresh(task.model, task.labelled.inputs.shape, task.classes, where)
    if task.previous:
        load_weights(model, task.previous.path)
    return model.to(task.labelled.labels.device)


def train(model: Classifier, task: Task, recipe: Recipe, where: Address, checkpoints: Checkpoints) -> Iterator[Epoch]:
    """Yield the epochs of a training as :func:`torchal.training.fit.fit` does, those before a checkpoint at once."""
    start = State.load(checkpoints.file) if checkpoints.file.is_file() else None
    known = len(start.history) if start else 0
    for epoch in fit(model, task.labelled, task.validation, recipe, where, task.classes, start):
        done = epoch.record.epoch + 1
        if checkpoints.every and done % checkpoints.every == 0 and known < done < recipe.all_epochs and epoch.finite:
            _save(epoch.state(), checkpoints.file)
        yield epoch


def _save(state: State, file: Path) -> None:
    """Replace the checkpoint at once, or leave it as it is; of several processes the first does it."""
    if World.here().rank:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    state.save(draft)
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(file)
