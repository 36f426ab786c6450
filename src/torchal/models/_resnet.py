"""Residual networks.

He, Zhang, Ren & Sun 2016, "Deep Residual Learning for Image Recognition". Where a block changes shape, the shortcut is
a 1x1 convolution with batch normalisation. A bottleneck that halves the size does so in its 3x3 convolution, as
torchvision does, where the paper does so in the 1x1 convolution before it. Weights start as torch's layers draw them.
"""

from collections.abc import Iterable
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from torchal.models import Classifier
from torchal.models._image import Block, ImageModel, least_side, stages
from torchal.models._pointwise import Pointwise

Stem = Literal["cifar", "imagenet"]


class ResidualModel(ImageModel):
    """A residual network, for small images or large ones."""

    stem: Stem = "cifar"
    """How a network begins: one 3x3 convolution for small images ("cifar"), or a 7x7 convolution and a pooling that
    quarter the size ("imagenet")."""


class ResidualBlock(nn.Module):
    """A residual branch and the shortcut around it."""

    def __init__(self, branch: Iterable[nn.Module], width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(*branch)
        same = stride == 1 and width_in == width
        self.shortcut = nn.Identity() if same else nn.Sequential(*shortcut(width_in, width, stride))

    def forward(self, x: Float[Tensor, "n c_in h_in w_in"]) -> Float[Tensor, "n c h w"]:
        """Return the rectified sum of both ways."""
        # in place, since memory is what a processor waits for
        both: Tensor = self.residual(x).add_(self.shortcut(x))
        return both.relu_()


def convolution(
    width_in: int, width: int, stride: int = 1, kernel: int = 3, groups: int = 1
) -> tuple[nn.Module, nn.Module]:
    """Return a convolution that keeps the size but for its stride, and the normalisation after it."""
    layer = nn.Conv2d(width_in, width, kernel, stride, kernel // 2, groups=groups, bias=False)
    return layer, nn.BatchNorm2d(width)


def shortcut(width_in: int, width: int, stride: int) -> tuple[nn.Module, nn.Module]:
    """Return what fits an input to a branch of another width or size, and the normalisation after it."""
    return Pointwise(width_in, width, stride, bias=False), nn.BatchNorm2d(width)


def basic(width_in: int, width: int, stride: int) -> ResidualBlock:
    """Return a block of two 3x3 convolutions."""
    branch = (*convolution(width_in, width, stride), nn.ReLU(inplace=True), *convolution(width, width))
    return ResidualBlock(branch, width_in, width, stride)


def bottleneck(width_in: int, width: int, stride: int, narrowing: int = 4, groups: int = 1) -> ResidualBlock:
    """Return a block with a 3x3 convolution, in groups, between two 1x1 ones, on channels narrowed so many times."""
    inner = width // narrowing
    branch = (
        *convolution(width_in, inner, kernel=1),
        nn.ReLU(inplace=True),
        *convolution(inner, inner, stride, groups=groups),
        nn.ReLU(inplace=True),
        *convolution(inner, width, kernel=1),
    )
    return ResidualBlock(branch, width_in, width, stride)


def residual_network(
    model: ResidualModel,
    shape: tuple[int, ...],
    classes: int,
    depths: tuple[int, ...],
    block: Block = basic,
    expansion: int = 1,
) -> Classifier:
    """Return a network with so many blocks in each stage, which end in ``expansion`` times the stage's width.

    Raises:
        ValueError: if the inputs are not images, or so small that a stage would halve a side of 1.
    """
    doublings, large = len(depths) - 1, model.stem == "imagenet"
    remedy = "set its stem to cifar, or choose mlp" if large else "choose mlp"
    model.check(shape, least_side(doublings + 2 * large), remedy)
    width = model.width * expansion
    steps = [*_stem(model, shape[0]), *stages(model.width, width, depths, block)]
    return model.pooled(steps, width * 2**doublings, classes)


def _stem(model: ResidualModel, channels: int) -> list[nn.Module]:
    if model.stem == "cifar":
        return [*convolution(channels, model.width), nn.ReLU(inplace=True)]
    first = convolution(channels, model.width, 2, kernel=7)
    return [*first, nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2, padding=1)]
