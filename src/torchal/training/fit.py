"""Train a network, as a generator: stopping early, pruning and showing progress are the caller's ``for`` body."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from torchal.data.dataset import Examples
from torchal.models import Classifier, Model
from torchal.records import EpochRecord, FitRecord
from torchal.rng import Address, generator, seeded
from torchal.training.augment import augmented
from torchal.training.metrics import evaluate
from torchal.training.recipe import Recipe
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
    normalisation cannot learn from one.

    Raises:
        ValueError: if nothing is labelled, or the recipe cannot be applied to these inputs or this network.
    """
    _check(model, labelled, recipe)
    optimizer = _optimizer(model, recipe)
    batches = _batch_sizes(len(labelled), recipe.batch)
    for epoch in range(recipe.epochs):
        factor = partial(_set_rate, optimizer, recipe, epoch * len(batches), recipe.epochs * len(batches))
        rate = factor(0)
        model.train()
        with seeded(*where, "dropout", epoch):
            loss = _epoch(model, optimizer, labelled, batches, recipe, where, epoch, factor)
        finite = bool(torch.tensor(loss).isfinite())
        score = None if validation is None else evaluate(model, validation, classes)
        record = EpochRecord(epoch=epoch, loss=loss if finite else None, lr=rate, validation=score)
        yield Epoch(record, finite, partial(_copied, model))
        if not finite:
            return


def _epoch(
    model: Classifier,
    optimizer: torch.optim.Optimizer,
    labelled: Examples,
    batches: list[int],
    recipe: Recipe,
    where: Address,
    epoch: int,
    set_rate: Callable[[int], float],
) -> float:
    """Go once over the examples and return their mean loss; the device is waited for once, at the end."""
    device = labelled.labels.device
    order = torch.randperm(len(labelled), generator=generator(*where, "order", epoch)).to(device)
    draw = generator(*where, "augment", epoch, device=device)
    total = torch.zeros((), device=device)
    for step, positions in enumerate(order.split(batches)):
        set_rate(step)
        x, y = labelled.batch(positions)
        if recipe.augment.crop or recipe.augment.flip:
            x = augmented(x, recipe.augment, draw)
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
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
    if len(sizes) > 1 and sizes[-1] == 1:
        sizes[-2:] = [sizes[-2] + 1]
    return sizes


def _optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        model.parameters(), recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )


def _set_rate(optimizer: torch.optim.Optimizer, recipe: Recipe, start: int, steps: int, step: int) -> float:
    rate = recipe.lr * rate_factor(recipe.schedule, start + step, steps)
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


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
