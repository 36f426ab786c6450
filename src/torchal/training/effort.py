"""What a training costs in arithmetic: counted from the network, and the same on every machine.

A multiplication with its addition counts as two operations. Matrix products, convolutions and attention are counted,
forward and backward, as torch counts them; what is done to single numbers, such as an activation, is not. The backward
pass of a convolution is counted here, since torch 2.13 counts that of a convolution in groups as if it had one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from torchal.digest import digest_of
from torchal.models import Classifier, Model
from torchal.records import Effort, EpochRecord
from torchal.rng import seeded
from torchal.training.fit import fresh
from torchal.training.recipe import Recipe
from torchal.training.task import Task

_BATCH = 2
"""The least that batch normalisation can learn from."""


def spent(task: Task, recipe: Recipe, history: Sequence[EpochRecord]) -> Effort:
    """Return what the epochs of a training cost, with a validation pass after each.

    An average of weights that needs batch statistics of its own (SWA's) takes one more pass over the labelled examples.
    """
    counted = _counted_for(task)
    again = sum(epoch.averaged for epoch in history) if recipe.swa and counted.normalised else 0
    images = len(history) * len(task.labelled)
    evaluated = len(history) * len(task.validation or ()) + again * len(task.labelled)
    flops = images * counted.both + evaluated * counted.forward
    return Effort(epochs=len(history), images=images, evaluated=evaluated, flops=flops)


def passed(task: Task, examples: int) -> Effort:
    """Return what it costs to send some examples forward through the task's network."""
    return Effort(epochs=0, images=0, evaluated=examples, flops=examples * _counted_for(task).forward)


def flops_of(model: Model, shape: tuple[int, ...], classes: int) -> tuple[int, int]:
    """Return the operations for one example: of a forward pass, and of a forward and a backward pass."""
    counted = _counted(_Network(digest_of([model.identity(), shape, classes]), model, shape, classes))
    return counted.forward, counted.both


@dataclass(frozen=True)
class _Network:
    """A network to be built, of which a cache sees but a digest."""

    digest: str
    model: Model = field(compare=False)
    shape: tuple[int, ...] = field(compare=False)
    classes: int = field(compare=False)


@dataclass(frozen=True)
class _Counted:
    forward: int
    both: int
    normalised: bool
    """Whether batch statistics are kept, which an average of weights then needs anew."""


def _counted_for(task: Task) -> _Counted:
    shape = tuple(task.labelled.inputs.shape)
    digest = digest_of([task.model.identity(), shape, task.classes])
    return _counted(_Network(digest, task.model, shape, task.classes))


def _conv_backward(grad: torch.Size, x: torch.Size, weight: torch.Size, *more: Any, **_: Any) -> int:
    """Return the operations for the gradients that are wanted, each of which costs what the forward pass does."""
    transposed, wanted = more[4], more[7]
    places = prod(x[2:] if transposed else grad[2:])
    return 2 * prod(weight) * grad[0] * places * sum(map(bool, wanted[:2]))


_BACKWARD = {torch.ops.aten.convolution_backward: _conv_backward}


@lru_cache(maxsize=16)
def _counted(network: _Network) -> _Counted:
    """Count on the meta device, which has shapes and computes nothing."""
    model = fresh(network.model, network.shape, network.classes, ("effort",)).to("meta").train()
    examples = torch.empty(_BATCH, *network.shape, device="meta")
    with seeded("effort"), torch.enable_grad():
        with FlopCounterMode(display=False) as forward:
            logits = model(examples)
        with FlopCounterMode(display=False, custom_mapping=_BACKWARD) as backward:
            logits.sum().backward()
    once, back = (each.get_total_flops() // _BATCH for each in (forward, backward))
    return _Counted(once, once + back, _normalised(model))


def _normalised(model: Classifier) -> bool:
    norms = (module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm))  # noqa: SLF001 - the one common base
    return any(norms)
