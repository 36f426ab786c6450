import inspect

import pytest
import torch
from torch import nn

from torchal.data.dataset import Examples, Resident
from torchal.models import Classifier
from torchal.rng import generator
from torchal.training import fit as module
from torchal.training.fit import fit, fresh, keep_best
from torchal.training.recipe import Recipe


class Watching(nn.Module):
    """The first step of a body, which remembers what it was shown in training and in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.shown = {True: [], False: []}

    def forward(self, x):
        self.shown[self.training].append(x.detach().clone())
        return x.flatten(1)


def watched(n, where=("watch",), *, training=True, **fields) -> list[torch.Tensor]:
    """Return what a network was shown in each step of three epochs, or in each validation after them."""
    values = torch.rand(n, 1, 4, 4, generator=generator("images"))
    data = Examples(Resident(values), torch.arange(n), torch.arange(n) % 2)
    watching = Watching()
    network = Classifier(nn.Sequential(watching), nn.Linear(16, 2))
    list(fit(network, data, data, Recipe(**{"epochs": 3, "lr": 1e-6, **fields}), where, 2))
    return watching.shown[training]


@pytest.mark.parametrize(
    ("n", "batch", "sizes"), [(8, 4, [4, 4]), (9, 4, [4, 5]), (10, 4, [4, 4, 2]), (3, 1, [1, 1, 1]), (1, 4, [1])]
)
def test_batches_have_the_recipes_size_and_only_a_last_one_of_one_joins_another(n, batch, sizes):
    assert [len(x) for x in watched(n, batch=batch, epochs=1)] == sizes


def test_every_epoch_shows_each_example_once_in_an_order_of_its_own():
    epochs = watched(12, batch=12)
    assert not torch.equal(epochs[0], epochs[1])
    assert all(
        torch.equal(x.flatten(1).sum(1).sort().values, epochs[0].flatten(1).sum(1).sort().values) for x in epochs
    )


def test_the_order_belongs_to_the_address():
    assert torch.equal(watched(12)[0], watched(12)[0])
    assert not torch.equal(watched(12)[0], watched(12, where=("elsewhere",))[0])


def test_augmentation_is_drawn_anew_in_every_epoch_and_belongs_to_the_address():
    first, second, _ = watched(1, augment={"crop": 4})
    again, *_ = watched(1, augment={"crop": 4})
    assert not torch.equal(first, second)
    assert torch.equal(first, again)


def test_images_are_not_augmented_for_validation():
    plain, changed = (watched(6, training=False, augment={"crop": crop}) for crop in (0, 4))
    assert len(changed) == 3
    assert all(torch.equal(x, plain[0]) for x in changed)


@pytest.mark.parametrize("function", [fit, fresh, keep_best])
def test_no_function_of_training_can_be_given_test_data(function):
    assert not [name for name in inspect.signature(function).parameters if "test" in name or name == "dataset"]
    assert not hasattr(module, "Dataset")


def test_what_an_epochs_weights_returned_does_not_change_as_training_goes_on():
    values = torch.randn(8, 3, generator=generator("vectors"))
    data = Examples(Resident(values), torch.arange(8), torch.arange(8) % 2)
    network = Classifier(nn.Sequential(nn.Flatten()), nn.Linear(3, 2))
    epochs = fit(network, data, None, Recipe(epochs=2, lr=0.1), ("weights",), 2)
    first = next(epochs).state().network
    before = first["head.weight"].clone()
    next(epochs)
    assert torch.equal(first["head.weight"], before)
    assert not torch.equal(network.head.weight, before)
