"""Carry out a task by a recipe, going on from a checkpoint where an earlier call was stopped."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchal.models import Classifier
from torchal.rng import Address
from torchal.store import Stage, Store
from torchal.training.fit import Epoch, fit, fresh
from torchal.training.recipe import Recipe
from torchal.training.state import State
from torchal.training.task import Task
from torchal.training.weights import load_weights
from torchal.training.world import World


@dataclass(frozen=True)
class Keeper:
    """Keeps the state of an unfinished training beside the entry that it will become, and tells how far it is."""

    store: Store
    stage: Stage
    inputs: dict[str, Any]

    @property
    def file(self) -> Path:
        """Where the state is kept."""
        return self.store.unfinished(self.stage, self.inputs)

    def watch(self, epoch: Epoch, epochs: int, *, known: int) -> None:
        """Hear of an epoch, and keep the state where one is due."""
        done, every = epoch.record.epoch + 1, self.store.checkpoint_every
        score = epoch.record.validation
        self.store.tell(self.stage, f"epoch {done} of {epochs}" + (f", {score.accuracy:.1%}" if score else ""))
        if every and done % every == 0 and known < done < epochs and epoch.finite:
            self._save(epoch.state())

    def known(self) -> State | None:
        """Return the state that was kept; one that is damaged is told of and removed, so that training begins anew."""
        try:
            return State.load(self.file)
        except FileNotFoundError:  # nothing was kept, or another process has finished the training
            return None
        except ValueError as fault:
            self.store.unusable(self.file, self.stage, str(fault))
            return None

    def _save(self, state: State) -> None:
        """Replace the checkpoint at once, or leave it as it is; of several processes the first does it."""
        if World.here().rank == 0:
            self.store.replace(self.file, state.save)


def built(task: Task, where: Address) -> Classifier:
    """Return the task's network before its training, on the device of its examples."""
    model = fresh(task.model, task.labelled.inputs.shape, task.classes, where)
    if task.previous:
        load_weights(model, task.previous.path)
    return model.to(task.labelled.labels.device)


def train(model: Classifier, task: Task, recipe: Recipe, where: Address, keeper: Keeper) -> Iterator[Epoch]:
    """Yield the epochs of a training as :func:`torchal.training.fit.fit` does, those before a checkpoint at once."""
    start = keeper.known()
    for epoch in fit(model, task.labelled, task.validation, recipe, where, task.classes, start):
        keeper.watch(epoch, recipe.all_epochs, known=len(start.history) if start else 0)
        yield epoch
