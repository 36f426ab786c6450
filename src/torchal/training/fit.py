"""Train a network, as a generator: stopping early, pruning and showing progress are the caller's ``for`` body."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from torchal.data.dataset import Examples
from torchal.models import Classifier, Model
from torchal.records import EpochRecord, FitRecord
from torchal.rng import Address, generator, seeded
from torchal.training.augment import augmented
from torchal.training.metrics import evaluate
from torchal.training.recipe import Augment, Recipe
from torchal.training.schedule import rate_factor

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Epoch:
    """A finished epoch, while the network still is as it left it."""

    record: EpochRecord
    finite: bool
    """False if the loss was not finite; the training ends with such an epoch."""
    weights: Callable[[], Weights]
    """Copies the network's current weights to the CPU. What it returned does not change as training goes on."""


def fresh(model: Model, shape: tuple[int, ...], classes: int, where: Address) -> Classifier:
    """Build a network whose initial weights belong to an address."""
    with seeded(*where, "init"):
        return model.build(shape, classes)


def fit(
    model: Classifier, labelled: Examples, validation: Examples | None, recipe: Recipe, where: Address, classes: int
) -> Iterator[Epoch]:
    """Train a network in place and yield every epoch as it ends.

    The order of examples, their augmentation and dropout are drawn from the address and the epoch alone, so an epoch is
    the same whatever the caller draws in between. A last batch of one example joins the batch before it, since batch
    normalisation cannot learn from one, unless ``recipe.batch`` is 1.

    Raises:
        ValueError: if nothing is labelled, or the recipe cannot be applied to these inputs or this network.
    """
    _check(model, labelled, recipe)
    device, batches = labelled.labels.device, _batch_sizes(len(labelled), recipe.batch)
    optimizer, scheduler = _optimizer(model, recipe, recipe.epochs * len(batches))
    for epoch in range(recipe.epochs):
        order = torch.randperm(len(labelled), generator=generator(*where, "order", epoch)).to(device)
        draw = generator(*where, "augment", epoch, device=device)
        rate = scheduler.get_last_lr()[0]
        model.train()
        with seeded(*where, "dropout", epoch):
            loss = _epoch(model, optimizer, scheduler, labelled, order.split(batches), recipe.augment, draw)
        finite = math.isfinite(loss)
        score = None if validation is None else evaluate(model, validation, classes)
        record = EpochRecord(epoch=epoch, loss=loss if finite else None, lr=rate, validation=score)
        yield Epoch(record, finite, partial(_copied, model))
        if not finite:
            return


def _epoch(
    model: Classifier,
    optimizer: torch.optim.Optimizer,
    scheduler: LambdaLR,
    labelled: Examples,
    batches: Iterable[Tensor],
    augment: Augment,
    draw: torch.Generator,
) -> float:
    """Go once over the examples and return their mean loss; the device is waited for once, at the end."""
    total = torch.zeros((), device=labelled.labels.device)
    for positions in batches:
        x, y = labelled.batch(positions)
        loss = nn.functional.cross_entropy(model(augmented(x, augment, draw)), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.detach() * len(y)
    return total.item() / len(labelled)


def keep_best(epochs: Iterable[Epoch], recipe: Recipe, model: nn.Module) -> tuple[FitRecord, Weights]:
    """Train to the end and return the record and a copy of the best epoch's weights.

    The best epoch is the first of the highest validation accuracy; without validation it is the last.

    Raises:
        ValueError: if the first epoch already diverged.
    """
    history: list[EpochRecord] = []
    best, weights = -1, {}
    for epoch in epochs:
        history.append(epoch.record)
        if epoch.finite and (best < 0 or _better(epoch.record, history[best])):
            best, weights = epoch.record.epoch, epoch.weights()
    if best < 0:
        raise ValueError(f"recipe.lr: training diverged in its first epoch with lr {recipe.lr:g}; lower it.")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return FitRecord(recipe=recipe.document(), history=tuple(history), best=best, parameters=parameters), weights


def _better(now: EpochRecord, before: EpochRecord) -> bool:
    if now.validation is None or before.validation is None:
        return True
    return now.validation.accuracy > before.validation.accuracy


def _copied(model: nn.Module) -> Weights:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in model.state_dict().items()}


def _batch_sizes(n: int, batch: int) -> list[int]:
    sizes = [batch] * (n // batch) + [n % batch] * (n % batch > 0)
    if len(sizes) > 1 and sizes[-1] == 1 < batch:
        sizes[-2:] = [sizes[-2] + 1]
    return sizes


def _optimizer(model: nn.Module, recipe: Recipe, steps: int) -> tuple[torch.optim.Optimizer, LambdaLR]:
    optimizer: torch.optim.Optimizer
    if recipe.optimizer == "adam":
        optimizer = torch.optim.Adam(model.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
    else:
        optimizer = torch.optim.SGD(model.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay)
    return optimizer, LambdaLR(optimizer, lambda step: rate_factor(recipe.schedule, step, steps))


def _check(model: nn.Module, labelled: Examples, recipe: Recipe) -> None:
    if len(labelled) == 0:
        raise ValueError("partition.labelled: nothing is labelled, so there is nothing to train on; raise it.")
    if (recipe.augment.crop or recipe.augment.flip) and len(labelled.inputs.shape) != 3:
        raise ValueError("recipe.augment: crop and flip are for images, and the data set has vectors; remove it.")
    normalised = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())  # noqa: SLF001 - the one common base
    if normalised and min(_batch_sizes(len(labelled), recipe.batch)) == 1:
        raise ValueError(
            "recipe.batch: a network with batch normalisation cannot learn from batches of one example; "
            "raise recipe.batch and partition.labelled above 1."
        )
