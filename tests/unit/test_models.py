import pytest
import torch
from pydantic import ValidationError

from torchal.models._average import AverageTo
from torchal.models.mlp import Mlp
from torchal.models.resnet8 import Resnet8
from torchal.models.resnet18 import Resnet18
from torchal.models.vgg16 import Vgg16
from torchal.rng import generator


@pytest.mark.parametrize(
    ("model", "classes", "count"),
    [
        (Vgg16(), 10, 119_590_474),
        (Vgg16(), 100, 119_636_644),
        (Resnet18(), 10, 11_173_962),
        (Resnet18(), 100, 11_220_132),
        (Resnet8(), 10, 78_042),
    ],
)
def test_a_network_has_the_published_number_of_parameters(model, classes, count):
    with torch.device("meta"):
        network = model.build((3, 32, 32), classes)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_torchals_vgg_has_one_dropout_layer_and_512_rectified_features():
    with torch.device("meta"):
        network = Vgg16().build((3, 32, 32), 10)
    assert [step.p for step in network.body.modules() if isinstance(step, torch.nn.Dropout)] == [0.5]
    assert network.head.in_features == 512
    assert isinstance(network.body[-1], torch.nn.ReLU)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 7), (10, 16)])
def test_averages_by_matrix_product_and_their_gradients_equal_torchs_pooling(size):
    ours, theirs = (
        torch.rand(2, 3, *size, generator=generator("maps"), dtype=torch.float64).requires_grad_() for _ in range(2)
    )
    result, expected = AverageTo(7)(ours), torch.nn.AdaptiveAvgPool2d(7)(theirs)
    assert torch.allclose(result, expected, atol=1e-12)
    for each in (result, expected):
        each.square().sum().backward()
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-12)


def test_a_hidden_layer_without_units_is_refused():
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Mlp(hidden=(16, 0))
