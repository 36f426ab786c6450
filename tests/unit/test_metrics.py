import pytest
import torch

from torchal.data.dataset import Examples, Resident
from torchal.models.vgg16 import Vgg16
from torchal.rng import generator
from torchal.testing.models import ExactOnly
from torchal.training.fit import fit, fresh
from torchal.training.metrics import reliability, scores
from torchal.training.recipe import Recipe


def test_accuracy_of_every_class_equals_a_loop_over_classes():
    logits = torch.randn(200, 5, generator=generator("logits"))
    labels = torch.randint(0, 4, (200,), generator=generator("labels"))
    right = logits.argmax(1) == labels
    expected = [right[labels == each].double().mean().item() for each in range(4)]
    assert scores(logits, labels, 5).per_class == (*expected, None)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below_it():
    """0.6 is the upper edge of the ninth of 15 bins, so it shares a bin with 0.55 and not with 0.65."""
    p = torch.tensor([0.6, 0.55, 0.65], dtype=torch.float64)
    logits = torch.stack([p, 1 - p], 1).log()
    found = scores(logits, torch.tensor([1, 0, 0]), 2)
    together, alone = abs((0 - 0.6) + (1 - 0.55)), 1 - 0.65
    assert abs(found.ece - (together + alone) / 3) < 1e-9


def test_training_and_scoring_use_nothing_that_exact_mode_refuses_on_an_accelerator():
    values = torch.randint(0, 256, (4, 3, 32, 32), generator=generator("images"), dtype=torch.uint8)
    data = Examples(Resident(values), torch.arange(4), torch.arange(4) % 2)
    network = fresh(Vgg16(width=1), (3, 32, 32), 2, ("exact",))
    recipe = Recipe(epochs=1, batch=2, augment={"crop": 2, "flip": True})
    with ExactOnly():
        epochs = list(fit(network, data, data, recipe, ("exact",), 2))
    assert epochs[0].record.validation.examples == 4


def test_reliability_holds_the_means_of_each_bin_and_the_calibration_error_follows_from_it():
    probabilities = torch.tensor([[0.9, 0.1], [0.95, 0.05], [0.3, 0.7], [0.2, 0.8]], dtype=torch.float64)
    logits, labels = probabilities.log(), torch.tensor([0, 1, 1, 0])
    found = reliability(logits, labels)
    # bins of 1/15: 0.7 is in the 11th, 0.8 in the 12th (its upper edge), 0.9 in the 14th, 0.95 in the 15th
    assert [n for n, count in enumerate(found.counts) if count] == [10, 11, 13, 14]
    assert found.confidence[13] == pytest.approx(0.9)
    assert (found.accuracy[10], found.accuracy[11], found.accuracy[13], found.accuracy[14]) == (1, 0, 1, 0)
    bins = zip(found.counts, found.confidence, found.accuracy, strict=True)
    error = sum(n * abs(sure - right) for n, sure, right in bins if n) / 4
    assert scores(logits, labels, 2).ece == pytest.approx(error)


def test_predictions_that_are_no_numbers_have_no_reliability():
    assert reliability(torch.full((2, 3), float("nan")), torch.tensor([0, 1])) is None
