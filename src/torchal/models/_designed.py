"""What networks found by design-space search are made of: grouped bottlenecks, squeeze-and-excitation, rounded widths.

Radosavovic, Kosaraju, Girshick, He & Dollar 2020, "Designing Network Design Spaces", for the X and Y blocks; Hu, Shen &
Sun 2018, "Squeeze-and-Excitation Networks". Weights start as torch's layers draw them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from torchal.models._resnet import ResidualBlock, convolution

Stem = Literal["cifar", "imagenet"]


class Squeeze(nn.Module):
    """Scale each channel by what all channels' means say of it."""

    def __init__(self, width: int, inner: int, activation: Callable[[], nn.Module] = nn.ReLU) -> None:
        super().__init__()
        first, second = nn.Conv2d(width, inner, 1), nn.Conv2d(inner, width, 1)
        self.weigh = nn.Sequential(nn.AdaptiveAvgPool2d(1), first, activation(), second, nn.Sigmoid())

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Return the scaled channels."""
        scaled: Tensor = x * self.weigh(x)
        return scaled


@dataclass(frozen=True)
class Stage:
    """Blocks of one width, the first of which changes the size."""

    depth: int
    width: int
    stride: int
    group_width: int
    bottleneck: float
    """Channels of the grouped convolution as a share of the stage's width."""
    squeeze: float
    """Channels between the two layers of squeeze-and-excitation as a share of the block's incoming; 0 for none."""

    def blocks(self, width_in: int) -> list[nn.Module]:
        """Return the blocks of this stage."""
        widths = [width_in] + [self.width] * (self.depth - 1)
        return [self._block(each, 1 if place else self.stride) for place, each in enumerate(widths)]

    def _block(self, width_in: int, stride: int) -> ResidualBlock:
        inner = round(self.width * self.bottleneck)
        squeezed = [Squeeze(inner, round(width_in * self.squeeze))] if self.squeeze else []
        branch = (
            *convolution(width_in, inner, kernel=1),
            nn.ReLU(inplace=True),
            *convolution(inner, inner, stride, groups=inner // min(self.group_width, inner)),
            nn.ReLU(inplace=True),
            *squeezed,
            *convolution(inner, self.width, kernel=1),
        )
        return ResidualBlock(branch, width_in, self.width, stride)


def stem_of(stem: Stem, channels: int, width: int, activation: type[nn.Module]) -> list[nn.Module]:
    """Return one 3x3 convolution, which halves the size of large images."""
    return [*convolution(channels, width, 2 if stem == "imagenet" else 1), activation()]


def rounded(width: float, step: int = 8) -> int:
    """Return the nearest multiple of a step, no less than one step and no less than nine tenths of the width."""
    near = max(step, int(width + step / 2) // step * step)
    return near if near >= 0.9 * width else near + step
