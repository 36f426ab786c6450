import pytest
import torch
from torch import nn

from torchal.models import Classifier, Model
from torchal.spec import names, resolve
from torchal.testing.models import CHECKS, check_body_is_a_sequence, check_evaluation_is_deterministic, check_parts

SMALL = {
    "vgg16": ({"width": 2}, (3, 32, 32)),
    "resnet18": ({"width": 4}, (3, 16, 16)),
    "resnet8": ({"width": 4}, (1, 8, 8)),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", names("torchal.models"))
def test_a_model_keeps_its_promise(name, check):
    options, shape = SMALL.get(name, ({}, (1, 8, 8)))
    check(resolve(Model, name)(**options), shape, 4)


@pytest.mark.parametrize("name", ["resnet8", "resnet18", "vgg16"])
def test_vectors_given_to_a_network_for_images_are_refused(name):
    with pytest.raises(ValueError, match=f"model {name}: takes images"):
        resolve(Model, name)().build((12,), 4)


def test_images_too_small_for_vgg_are_refused():
    with pytest.raises(ValueError, match="32x32"):
        resolve(Model, "vgg16")().build((1, 8, 8), 10)


class Noisy(Classifier):
    def forward(self, x):
        return super().forward(x) + torch.rand(1)


class Bad(Model):
    def build(self, shape, classes):
        return Noisy(nn.Sequential(nn.Flatten()), nn.Linear(shape[0], classes))


@pytest.mark.parametrize("check", [check_parts, check_body_is_a_sequence, check_evaluation_is_deterministic])
def test_the_suite_catches_a_model_that_breaks_its_promise(check):
    with pytest.raises(AssertionError):
        check(Bad(), (6,), 3)
