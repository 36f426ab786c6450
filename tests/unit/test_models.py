import pytest
import torch

from torchal.models.resnet8 import Resnet8
from torchal.models.resnet18 import Resnet18
from torchal.models.vgg16 import Vgg16


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
