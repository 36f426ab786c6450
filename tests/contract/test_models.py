import pytest
import torch
from torch import nn

from torchal.models import Classifier, Model
from torchal.rng import seeded
from torchal.spec import names, resolve
from torchal.testing.models import (
    CHECKS,
    check_addressed_weights,
    check_body_is_a_sequence,
    check_cost_can_be_counted,
    check_evaluation_is_deterministic,
    check_exact,
    check_gradients,
    check_learns,
    check_parts,
)

FROM_FILES = {"pretrained", "embeddings"}
"""Models that need a file, held to the same promises in their own tests."""

# at least 8 channels: torch 2.13 writes past the end in the gradient of a 1 x 1 convolution of stride 2 with fewer, in
# channels-last order, on processors without AVX-512
SMALL = {
    "anynet": (
        {
            "width": 4,
            "depths": (1, 1),
            "widths": (8, 16),
            "strides": (1, 2),
            "group_widths": (4, 4),
            "bottlenecks": (1.0, 0.5),
            "squeeze": 0.25,
        },
        (3, 16, 16),
    ),
    "regnet": ({"width": 8, "design": "y-200mf"}, (3, 16, 16)),
    "efficientnet_b0": ({"width": 8}, (3, 16, 16)),
    "vgg16": ({"width": 2}, (3, 32, 32)),
    "vgg19": ({"width": 2}, (3, 32, 32)),
    "resnet8": ({"width": 8}, (1, 8, 8)),
    "resnet18": ({"width": 8}, (3, 16, 16)),
    "resnet34": ({"width": 8}, (3, 8, 8)),
    "resnet50": ({"width": 4}, (3, 8, 8)),
    "resnext50": ({"width": 4}, (3, 8, 8)),
    "wrn50_2": ({"width": 4}, (3, 8, 8)),
    "wrn28_2": ({"width": 4}, (3, 8, 8)),
    "wrn28_10": ({"width": 4}, (1, 8, 8)),
    "shake26_2x32d": ({"width": 4}, (3, 8, 8)),
    "shake26_2x96d": ({"width": 4}, (1, 8, 8)),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", [name for name in names("torchal.models") if name not in FROM_FILES])
def test_a_model_keeps_its_promise(name, check):
    options, shape = SMALL.get(name, ({}, (1, 8, 8)))
    check(resolve(Model, name)(**options), shape, 4)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_residual_network_keeps_its_promise_with_the_stem_for_large_images(check):
    check(resolve(Model, "resnet18")(width=8, stem="imagenet"), (3, 32, 32), 4)


@pytest.mark.parametrize("name", SMALL)
def test_vectors_given_to_a_network_for_images_are_refused(name):
    with pytest.raises(ValueError, match=f"model {name}: takes images"):
        resolve(Model, name)().build((12,), 4)


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_images_too_small_for_vgg_are_refused(name):
    with pytest.raises(ValueError, match="32x32"):
        resolve(Model, name)().build((1, 8, 8), 10)


class Noisy(Classifier):
    def forward(self, x):
        return super().forward(x) + torch.rand(1)


class Idle(Classifier):
    """Its body's weights take no part in the answer."""

    def features(self, x):
        return self.body(x).detach()


class Bad(Model):
    def build(self, shape, classes):
        return Noisy(nn.Sequential(nn.Flatten()), nn.Linear(shape[0], classes))


class Unlearnt(Model):
    """Neither drawn from the global stream nor able to learn."""

    def build(self, shape, classes):
        network = Idle(nn.Sequential(nn.Linear(shape[0], 4), nn.ReLU()), nn.Linear(4, classes))
        for parameter in network.parameters():
            nn.init.zeros_(parameter)
        return network


class Peeking(Classifier):
    """How it computes depends on what it is given."""

    def forward(self, x):
        return super().forward(x if x.sum().item() > 0 else -x)


class Uncounted(Model):
    def build(self, shape, classes):
        return Peeking(nn.Sequential(nn.Flatten()), nn.Linear(shape[0], classes))


class Inexact(Model):
    def build(self, shape, classes):
        body = nn.Sequential(nn.Linear(6, 6), nn.Unflatten(1, (1, 2, 3)), nn.AdaptiveAvgPool2d((2, 2)), nn.Flatten())
        return Classifier(body, nn.Linear(4, classes))


@pytest.mark.parametrize(
    ("check", "model"),
    [
        (check_parts, Bad()),
        (check_body_is_a_sequence, Bad()),
        (check_evaluation_is_deterministic, Bad()),
        (check_addressed_weights, Unlearnt()),
        (check_gradients, Unlearnt()),
        (check_cost_can_be_counted, Uncounted()),
        (check_exact, Inexact()),
        (check_learns, Unlearnt()),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_the_suite_catches_a_model_that_breaks_its_promise(check, model):
    with seeded("noise"), pytest.raises(AssertionError):
        check(model, (6,), 3)


def test_every_promise_of_the_suite_is_shown_to_be_breakable():
    marks = test_the_suite_catches_a_model_that_breaks_its_promise.pytestmark
    assert [check for check, _ in marks[0].args[1]] == list(CHECKS)
