import pytest
import torch
from torch import nn

from torchal.data.dataset import Examples, Resident
from torchal.models import Classifier, Model
from torchal.models.mlp import Mlp
from torchal.models.resnet8 import Resnet8
from torchal.records import Effort, EpochRecord
from torchal.training.effort import flops_of, passed, spent
from torchal.training.recipe import Recipe
from torchal.training.task import Task


class Small(Model):
    """A convolution in groups, then batch normalisation, then a head."""

    groups: int = 1

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        convolutions = [nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, groups=self.groups)]
        return Classifier(nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten()), nn.Linear(4, classes))


def examples(n: int, *shape: int) -> Examples:
    return Examples(Resident(torch.zeros(n, *shape)), torch.arange(n), torch.arange(n) % 2)


def history(epochs: int, averaged: int = 0) -> list[EpochRecord]:
    return [
        EpochRecord(epoch=n, loss=1.0, lr=0.1, validation=None, averaged=n >= epochs - averaged) for n in range(epochs)
    ]


def task(model: Model, n: int, validation: int, *shape: int) -> Task:
    return Task(model, examples(n, *shape), examples(validation, *shape) if validation else None, 2, "digest")


def test_a_perceptron_costs_what_it_does_by_hand():
    # 6 inputs, 8 hidden units, 2 logits. Forward: 2 * (6 * 8 + 8 * 2). Backward: the weights of both layers once more,
    # and the hidden units' gradient; the inputs need none.
    forward = 2 * (6 * 8 + 8 * 2)
    assert flops_of(Mlp(hidden=(8,)), (6,), 2) == (forward, forward + 2 * (6 * 8 + 8 * 2) + 2 * 8 * 2)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_small_convolution_network_costs_what_it_does_by_hand(groups):
    # 2x6x6 -> 4x4x4 -> 4x2x2 -> 2 logits; a group sees 4 / groups channels
    first, second, head = 2 * 16 * 4 * 2 * 9, 2 * 4 * 4 * (4 // groups) * 9, 2 * 4 * 2
    forward = first + second + head
    assert flops_of(Small(groups=groups), (2, 6, 6), 2) == (forward, forward + first + 2 * second + 2 * head)


def test_counting_leaves_the_global_stream_alone():
    before = torch.get_rng_state()
    flops_of(Resnet8(width=4), (3, 9, 9), 2)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_training_passes_its_examples_both_ways_and_validation_forward_in_every_epoch():
    forward, both = flops_of(Mlp(hidden=(8,)), (6,), 2)
    effort = spent(task(Mlp(hidden=(8,)), 10, 4, 6), Recipe(epochs=3), history(3))
    assert effort == Effort(epochs=3, images=30, evaluated=12, flops=30 * both + 12 * forward)


def test_a_training_without_validation_passes_nothing_forward_only():
    assert spent(task(Mlp(), 10, 0, 6), Recipe(epochs=3), history(2)).evaluated == 0


@pytest.mark.parametrize(
    ("model", "average", "more"),
    [
        (Small(), {"swa": {"epochs": 2, "lr": 0.1}}, 10),
        (Mlp(), {"swa": {"epochs": 2, "lr": 0.1}}, 0),  # has no batch statistics
        (Small(), {"ema": {"decay": 0.9}}, 0),  # averages the statistics too
        (Small(), {}, 0),
    ],
)
def test_an_average_that_needs_batch_statistics_passes_the_labelled_examples_once_more(model, average, more):
    recipe = Recipe(epochs=3, **average)
    effort = spent(task(model, 10, 4, 2, 6, 6), recipe, history(5, averaged=1 if average else 0))
    assert effort.evaluated == 5 * 4 + more


def test_a_query_costs_its_forward_passes():
    forward, _ = flops_of(Mlp(hidden=(8,)), (6,), 2)
    assert passed(task(Mlp(hidden=(8,)), 10, 0, 6), 7) == Effort(epochs=0, images=0, evaluated=7, flops=7 * forward)
