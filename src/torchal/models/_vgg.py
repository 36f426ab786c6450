"""Networks of 3x3 convolutions with batch normalisation, in TorchAL's form.

Simonyan & Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition". As in TorchAL, the
maps are averaged to 7x7 and the classifier is 25088-4096-512-classes with one dropout layer, after the first of its
activations. Weights start as torch's layers draw them.
"""

from pydantic import Field
from torch import nn

from torchal.models import Classifier
from torchal.models._average import AverageTo
from torchal.models._image import ImageModel

MULTIPLES = (1, 2, 4, 8, 8)
"""Channels of each stage by their multiple of the width."""


class VggModel(ImageModel):
    """A network of five stages of convolutions and a large classifier."""

    width: int = Field(64, ge=1)
    """Channels of the first convolutions; the classifier's layers scale with it."""

    dropout: float = Field(0.5, ge=0, lt=1)
    """Share of units dropped after the classifier's first layer in training."""


def vgg_network(model: VggModel, shape: tuple[int, ...], classes: int, depths: tuple[int, ...]) -> Classifier:
    """Return a network with so many convolutions in each stage.

    Raises:
        ValueError: if the inputs are not images of at least 32 pixels a side, which is halved five times.
    """
    model.check(shape, 32, "choose resnet8 or mlp")
    maps, hidden, features = 8 * model.width * 7 * 7, 64 * model.width, 8 * model.width
    steps = [*_convolutions(shape[0], model.width, depths), AverageTo(7), nn.Flatten()]
    steps += [nn.Linear(maps, hidden), nn.ReLU(inplace=True), nn.Dropout(model.dropout)]
    steps += [nn.Linear(hidden, features), nn.ReLU(inplace=True)]
    return Classifier(nn.Sequential(*steps), nn.Linear(features, classes))


def _convolutions(width_in: int, width: int, depths: tuple[int, ...]) -> list[nn.Module]:
    steps: list[nn.Module] = []
    for multiple, depth in zip(MULTIPLES, depths, strict=True):
        channels = multiple * width
        for _ in range(depth):
            steps += [nn.Conv2d(width_in, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
            width_in = channels
        steps.append(nn.MaxPool2d(2))
    return steps
