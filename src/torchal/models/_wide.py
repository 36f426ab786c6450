"""Wide residual networks for small images, in TorchAL's form.

Zagoruyko & Komodakis 2016, "Wide Residual Networks": blocks that normalise and rectify before each convolution, with
dropout between their two convolutions. As in TorchAL, and unlike the paper, convolutions have biases, the activation is
a leaky ReLU of slope 0.2, a block that halves the size does so in its second convolution, and the 1x1 convolution of a
shortcut sees the block's input as it is. Unlike TorchAL, the last normalisation has torch's default momentum like all
others. Weights start as torch's layers draw them.
"""

from functools import partial

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from torchal.models import Classifier
from torchal.models._image import ImageModel, least_side, stages
from torchal.models._pointwise import Pointwise

STEM = 16
"""Channels of the first convolution, whatever the width."""


class WideModel(ImageModel):
    """A wide residual network."""

    block_dropout: float = Field(0.3, ge=0, lt=1)
    """Share of activations dropped between the two convolutions of each block in training."""


class WideBlock(nn.Module):
    """Two 3x3 convolutions, each after its normalisation, dropout between them and a shortcut around them."""

    def __init__(self, width_in: int, width: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *activation(width_in),
            nn.Conv2d(width_in, width, 3, padding=1),
            nn.Dropout(dropout),
            *activation(width),
            nn.Conv2d(width, width, 3, stride, padding=1),
        )
        same = stride == 1 and width_in == width
        self.shortcut = nn.Identity() if same else Pointwise(width_in, width, stride)

    def forward(self, x: Float[Tensor, "n c_in h_in w_in"]) -> Float[Tensor, "n c h w"]:
        """Return the sum of both ways."""
        total: Tensor = self.residual(x) + self.shortcut(x)
        return total


def activation(width: int) -> tuple[nn.Module, nn.Module]:
    """Return a normalisation and a leaky rectification."""
    return nn.BatchNorm2d(width), nn.LeakyReLU(0.2, inplace=True)


def wide_network(model: WideModel, shape: tuple[int, ...], classes: int, depths: tuple[int, ...]) -> Classifier:
    """Return a network with so many blocks in each stage.

    Raises:
        ValueError: if the inputs are not images, or so small that a stage would halve a side of 1.
    """
    doublings = len(depths) - 1
    model.check(shape, least_side(doublings))
    features = model.width * 2**doublings
    blocks = stages(STEM, model.width, depths, partial(WideBlock, dropout=model.block_dropout))
    steps = [nn.Conv2d(shape[0], STEM, 3, padding=1), *blocks, *activation(features)]
    return model.pooled(steps, features, classes)
