"""VGG-16 with batch normalisation, in TorchAL's form.

Simonyan & Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition". As in TorchAL, the
maps are averaged to 7x7 and the classifier is 25088-4096-512-classes with one dropout layer, after the first of its
activations. Weights start as torch's layers draw them.
"""

from pydantic import Field
from torch import nn

from torchal.models import Classifier, Model
from torchal.models._average import AverageTo

PLAN = (1, 1, 0, 2, 2, 0, 4, 4, 4, 0, 8, 8, 8, 0, 8, 8, 8, 0)
"""Convolutions by their multiple of the width; 0 halves the size."""


class Vgg16(Model):
    """Thirteen convolutions and a large classifier: 119.6 million parameters at width 64."""

    width: int = Field(64, ge=1)
    """Channels of the first convolutions; the classifier's layers scale with it."""

    dropout: float = Field(0.5, ge=0, lt=1)
    """Share of units dropped after the classifier's first layer in training."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network.

        Raises:
            ValueError: if the inputs are not images of at least 32 pixels a side, which is halved five times.
        """
        if len(shape) != 3 or min(shape[1:]) < 32:
            raise ValueError(f"model vgg16: takes images of at least 32x32, not shape {shape}; choose resnet8 or mlp.")
        maps, features = 8 * self.width * 7 * 7, 8 * self.width
        steps = [*self._convolutions(shape[0]), AverageTo(7), nn.Flatten()]
        steps += [nn.Linear(maps, 64 * self.width), nn.ReLU(inplace=True), nn.Dropout(self.dropout)]
        steps += [nn.Linear(64 * self.width, features), nn.ReLU(inplace=True)]
        return Classifier(nn.Sequential(*steps), nn.Linear(features, classes))

    def _convolutions(self, width_in: int) -> list[nn.Module]:
        steps: list[nn.Module] = []
        for multiple in PLAN:
            if multiple == 0:
                steps.append(nn.MaxPool2d(2))
                continue
            width = multiple * self.width
            steps += [nn.Conv2d(width_in, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            width_in = width
        return steps
