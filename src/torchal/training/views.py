"""The labelled examples as a training sees them: in the order of an epoch, augmented, step by step."""

from collections.abc import Iterator
from math import prod

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from torchal.data.dataset import Examples, Inputs
from torchal.rng import Address, generator
from torchal.training.augment import augmented, windows
from torchal.training.draw import Draw, sent
from torchal.training.recipe import Augment
from torchal.training.world import World

_BYTES = 4 * 2**20
"""Stored examples augmented at a time: enough to keep a device busy, few enough to stay in a processor's cache."""

View = tuple[Float[Tensor, "batch ..."], Int64[Tensor, " batch"]]


def views(
    labelled: Examples, sizes: list[int], augment: Augment, where: Address, epoch: int, world: World
) -> Iterator[View]:
    """Yield this process's inputs and labels of every step of an epoch.

    Order and augmentation are drawn from the address and the epoch alone. What is drawn for an example depends neither
    on the device nor on how many processes share a batch.
    """
    inputs = labelled.inputs
    order = torch.randperm(len(labelled), generator=generator(*where, "order", epoch))
    groups = _groups(sizes, _in_one_go(inputs, max(sizes)))
    parts, chunks = _shares(groups, world), order.split([sum(group) for group in groups])
    cuts = generator(*where, "window", epoch)
    rows = labelled.rows.to(inputs.home)
    wanted = (
        (rows[sent(chunk[part], rows.device)], windows(augment, Draw(cuts, len(chunk), part)))
        for chunk, part in zip(chunks, parts, strict=True)
    )
    changes = generator(*where, "augment", epoch)
    for raw, chunk, part, group in zip(inputs.raws(wanted), chunks, parts, groups, strict=True):
        seen = augmented(raw, augment, Draw(changes, len(chunk), part, raw.device))
        labels = labelled.labels[sent(chunk[part], labelled.labels.device)]
        steps = world.shares(group)
        for x, y in zip(seen.split(steps), labels.split(steps), strict=True):
            yield inputs.seen(x), y


def _in_one_go(inputs: Inputs, batch: int) -> int:
    """Return how many steps are augmented together."""
    return max(1, _BYTES // (batch * prod(inputs.shape)))


def _groups(sizes: list[int], steps: int) -> list[list[int]]:
    return [sizes[start : start + steps] for start in range(0, len(sizes), steps)]


def _shares(groups: list[list[int]], world: World) -> list[Int64[Tensor, " part"]]:
    """Return which places of each group of steps are this process's."""
    return [torch.arange(sum(group))[_mine(group, world)] for group in groups]


def _mine(group: list[int], world: World) -> Bool[Tensor, " group"]:
    steps = (torch.zeros(size, dtype=torch.bool) for size in group)
    return torch.cat([step.index_fill(0, torch.arange(len(step))[world.share(len(step))], 1) for step in steps])
