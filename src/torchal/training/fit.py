"""Train a network, as a generator: stopping early, pruning and showing progress are the caller's ``for`` body."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from torchal.data.dataset import Examples
from torchal.models import Classifier, Model
from torchal.records import EpochRecord, FitRecord
from torchal.rng import Address, generator, seeded
from torchal.training.average import Average
from torchal.training.balance import balanced
from torchal.training.draw import Draw
from torchal.training.metrics import evaluate
from torchal.training.mixing import mixed
from torchal.training.optimizer import set_rate, torch_rate
from torchal.training.recipe import Recipe
from torchal.training.schedule import rate_factor
from torchal.training.state import State, Weights, copied, load_optimizer, optimizer_state
from torchal.training.step import Step, autocast
from torchal.training.views import View, views
from torchal.training.world import World


@dataclass(frozen=True)
class Epoch:
    """A finished epoch, while the network still is as it left it."""

    record: EpochRecord
    finite: bool
    """False if the loss was not finite; the training ends with such an epoch."""
    best: int
    """The best epoch so far: the first of highest validation accuracy, or the last if there is no validation."""
    weights: Weights
    """Copies of its weights, on the network's device."""
    state: Callable[[], State]
    """Copies all that the rest of the training depends on."""


def fresh(model: Model, shape: tuple[int, ...], classes: int, where: Address) -> Classifier:
    """Build a network whose initial weights belong to an address."""
    with seeded(*where, "init"):
        network = model.build(shape, classes)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # convolutions are fastest so
    return network


def fit(
    model: Classifier,
    labelled: Examples,
    validation: Examples | None,
    recipe: Recipe,
    where: Address,
    classes: int,
    start: State | None = None,
) -> Iterator[Epoch]:
    """Train a network in place and yield every epoch as it ends.

    The order of examples, their augmentation and dropout are drawn from the address and the epoch alone, so an epoch is
    the same whatever the caller draws in between. A last batch of one example joins the batch before it, since batch
    normalisation cannot learn from one, unless ``recipe.batch`` is 1.

    Args:
        model: the network, with its initial weights.
        labelled: what it learns from.
        validation: what it is judged by after every epoch.
        recipe: how it is trained.
        where: address of all random draws.
        classes: how many there are.
        start: where to go on; its epochs are yielded again and not computed.

    Raises:
        ValueError: if nothing is labelled, or the recipe cannot be applied to these inputs or this network.
    """
    _check(model, labelled, recipe)
    training = _Training(model, labelled, recipe, where, classes)
    history, best, weights = training.load(start) if start else ((), -1, {})
    if start:
        yield from _again(start, weights)
    for number in range(len(history), recipe.all_epochs):
        rate, loss = training.rate(number), training.epoch(number)
        finite = math.isfinite(loss)
        judged, averaged = training.judged(number)
        with autocast(recipe, labelled.labels.device):
            score = None if validation is None else evaluate(judged, validation, classes)
        record = EpochRecord(epoch=number, loss=loss if finite else None, lr=rate, validation=score, averaged=averaged)
        history = (*history, record)
        if finite and (best < 0 or _better(record, history[best])):
            best, weights = number, copied(judged.state_dict())
        yield Epoch(record, finite, best, weights, training.saver(history, best, weights))
        if not finite:
            return


def _again(start: State, weights: Weights) -> Iterator[Epoch]:
    """Yield the epochs before a state, as far as they are still known."""
    for record in start.history:
        yield Epoch(record, finite=True, best=start.best, weights=weights, state=lambda: start)


class _Training:
    """A network in training and what changes with it."""

    def __init__(self, model: Classifier, labelled: Examples, recipe: Recipe, where: Address, classes: int) -> None:
        self._model, self._labelled, self._recipe, self._where = model, labelled, recipe, where
        self._classes, self._world = classes, World.here()
        self._sizes = _batch_sizes(len(labelled), recipe.batch)
        weights = balanced(labelled.labels, classes) if recipe.class_weights == "balanced" else None
        self._step = Step(model, recipe, self._world, weights)
        self._average = Average(recipe, model, len(self._sizes))

    def epoch(self, epoch: int) -> float:
        """Go once over the examples and return their mean loss; the device is waited for once, at the end."""
        total = torch.zeros((), device=self._labelled.labels.device)
        mixing = generator(*self._where, "mix", epoch)
        self._model.train()
        with self._seeded(epoch):
            for number, view in enumerate(self._views(epoch)):
                step, n = epoch * len(self._sizes) + number, self._sizes[number]
                set_rate(self._step.optimizer, self._rate(step))
                total += self._step(*self._mixed(view, Draw(mixing, n, self._world.share(n), total.device)), n)
                self._average.step(step)
        return self._world.sum(total) / len(self._labelled)

    def _mixed(self, view: View, draw: Draw) -> tuple[Tensor, Tensor]:
        return mixed(*view, self._recipe.mix, self._classes, draw) if self._recipe.mix else view

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch's first step, as torch's optimizers take it."""
        return self._rate(epoch * len(self._sizes))

    def _rate(self, step: int) -> float:
        recipe, steps = self._recipe, self._recipe.epochs * len(self._sizes)
        if recipe.swa and step >= steps:
            return torch_rate(recipe, recipe.swa.lr)
        return torch_rate(recipe, recipe.lr) * rate_factor(recipe.schedule, step, steps)

    def judged(self, epoch: int) -> tuple[Classifier, bool]:
        """Return the network that stands for this training after an epoch, and whether it is an average."""
        last = (epoch + 1) * len(self._sizes) - 1
        with self._seeded(epoch + 1):
            network = self._average.network(last, (x for x, _ in self._views(epoch + 1)))
        return network, self._average.takes_over(last)

    def saver(self, history: tuple[EpochRecord, ...], best: int, weights: Weights) -> Callable[[], State]:
        """Return what copies the state of this moment."""

        def state() -> State:
            return State(
                history,
                best,
                network=copied(self._model.state_dict()),
                optimizer=copied(optimizer_state(self._step.optimizer)),
                average=copied(self._average.state()),
                best_weights=weights,
            )

        return state

    def load(self, state: State) -> tuple[tuple[EpochRecord, ...], int, Weights]:
        """Go on from a state, and return its history and best epoch, with the weights on the network's device."""
        self._model.load_state_dict(state.network)
        load_optimizer(self._step.optimizer, state.optimizer)
        self._average.load(state.average)
        device = self._labelled.labels.device
        return state.history, state.best, {name: tensor.to(device) for name, tensor in state.best_weights.items()}

    def _views(self, epoch: int) -> Iterator[View]:
        return views(self._labelled, self._sizes, self._recipe.augment, self._where, epoch, self._world)

    def _seeded(self, epoch: int) -> AbstractContextManager[None]:
        """Seed what layers draw in training, such as dropout, which each process draws for its own examples."""
        place = (self._world.rank,) if self._world.rank else ()
        return seeded(*self._where, "dropout", epoch, *place)


def keep_best(epochs: Iterable[Epoch], recipe: Recipe, model: nn.Module) -> tuple[FitRecord, Weights]:
    """Train to the end and return the record and the best epoch's weights.

    Raises:
        ValueError: if the first epoch already diverged.
    """
    history: list[EpochRecord] = []
    best, weights = -1, {}
    for epoch in epochs:
        history.append(epoch.record)
        best, weights = epoch.best, epoch.weights
    if best < 0:
        raise ValueError(f"recipe.lr: training diverged in its first epoch with lr {recipe.lr:g}; lower it.")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return FitRecord(recipe=recipe.document(), history=tuple(history), best=best, parameters=parameters), weights


def _better(now: EpochRecord, before: EpochRecord) -> bool:
    if now.validation is None or before.validation is None:
        return True
    return now.validation.accuracy > before.validation.accuracy


def _batch_sizes(n: int, batch: int) -> list[int]:
    sizes = [batch] * (n // batch) + [n % batch] * (n % batch > 0)
    if len(sizes) > 1 and sizes[-1] == 1 < batch:
        sizes[-2:] = [sizes[-2] + 1]
    return sizes


def _check(model: nn.Module, labelled: Examples, recipe: Recipe) -> None:
    if len(labelled) == 0:
        raise ValueError("partition.labelled: nothing is labelled, so there is nothing to train on; raise it.")
    augment = recipe.augment
    if len(labelled.inputs.shape) != 3 and (augment.crop or augment.flip or augment.window or augment.randaugment):
        raise ValueError("recipe.augment: its changes are for images, and the data set has vectors; remove it.")
    if len(labelled.inputs.shape) != 3 and recipe.mix and recipe.mix.name == "cutmix":
        raise ValueError("recipe.mix: cutmix is for images, and the data set has vectors; take mixup.")
    normalised = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())  # noqa: SLF001 - the one common base
    least = min(_batch_sizes(len(labelled), recipe.batch)) // recipe.accumulate
    if least < World.here().size:
        raise ValueError("recipe.batch: some process, or part of a batch, has no example to learn from; raise it.")
    if normalised and least == 1:
        raise ValueError(
            "recipe.batch: a network with batch normalisation cannot learn from batches of one example; "
            "raise recipe.batch and partition.labelled above 1."
        )
