"""EfficientNet-B0: inverted bottlenecks with depthwise convolutions, squeeze-and-excitation and SiLU.

Tan & Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", table 1. Stochastic depth
(Huang et al. 2016) drops a residual branch, image by image, more often the deeper it lies. Deviation: the stem for
small images keeps the size.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from torchal.models import Classifier
from torchal.models._designed import Squeeze, Stem, rounded
from torchal.models._image import ImageModel, least_side


class Row(NamedTuple):
    """A row of the paper's table 1."""

    expansion: int
    width: int
    depth: int
    stride: int
    kernel: int


TABLE = (
    Row(1, 16, 1, 1, 3),
    Row(6, 24, 2, 2, 3),
    Row(6, 40, 2, 2, 5),
    Row(6, 80, 3, 2, 3),
    Row(6, 112, 3, 1, 5),
    Row(6, 192, 4, 2, 5),
    Row(6, 320, 1, 1, 3),
)


class EfficientnetB0(ImageModel):
    """Sixteen inverted bottlenecks: 5.3 million parameters for ImageNet."""

    width: int = Field(32, ge=1)
    """Channels of the first convolution, with which all others scale."""

    dropout: float = Field(0.2, ge=0, lt=1)
    """Share of features dropped before the head in training."""

    stochastic_depth: float = Field(0.2, ge=0, lt=1)
    """Probability with which the last residual branch is dropped; earlier ones in proportion to their place."""

    stem: Stem = "cifar"
    """Whether the first convolution keeps the size ("cifar") or halves it ("imagenet")."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network.

        Raises:
            ValueError: if the inputs are not images, or too small to be halved so often.
        """
        self.check(shape, least_side(4 + (self.stem == "imagenet")))
        width_in, features = self._scaled(32), self._scaled(1280)
        steps = _normalised(nn.Conv2d(shape[0], width_in, 3, 2 if self.stem == "imagenet" else 1, 1, bias=False))
        total, done = sum(row.depth for row in TABLE), 0
        for row in TABLE:
            for place in range(row.depth):
                block = row._replace(width=self._scaled(row.width), stride=1 if place else row.stride)
                steps.append(Inverted(width_in, block, self.stochastic_depth * done / total))
                width_in, done = block.width, done + 1
        steps += _normalised(nn.Conv2d(width_in, features, 1, bias=False))
        return self.pooled(steps, features, classes)

    def _scaled(self, width: int) -> int:
        return rounded(width * self.width / 32)


class Inverted(nn.Module):
    """Widen, look around in each channel, weigh the channels, and narrow; add the input where shapes allow."""

    def __init__(self, width_in: int, row: Row, drop: float) -> None:
        super().__init__()
        inner = width_in * row.expansion
        widen = _normalised(nn.Conv2d(width_in, inner, 1, bias=False)) if row.expansion > 1 else []
        around = nn.Conv2d(inner, inner, row.kernel, row.stride, row.kernel // 2, groups=inner, bias=False)
        squeeze = Squeeze(inner, max(1, width_in // 4), nn.SiLU)
        narrow = _normalised(nn.Conv2d(inner, row.width, 1, bias=False))[:-1]
        self.branch = nn.Sequential(*widen, *_normalised(around), squeeze, *narrow)
        self.residual = row.stride == 1 and width_in == row.width
        self.drop = drop

    def forward(self, x: Float[Tensor, "n c_in h_in w_in"]) -> Float[Tensor, "n c h w"]:
        """Return the branch, added to the input where shapes allow."""
        branch: Tensor = self.branch(x)
        if not self.residual:
            return branch
        if self.training and self.drop:
            kept = torch.rand(len(x), 1, 1, 1, device=x.device, dtype=x.dtype) >= self.drop
            branch = branch * (kept / (1 - self.drop)).to(branch.dtype)
        return x + branch


def _normalised(layer: nn.Conv2d) -> list[nn.Module]:
    """Return a convolution, its normalisation and SiLU."""
    return [layer, nn.BatchNorm2d(layer.out_channels, eps=1e-3, momentum=0.01), nn.SiLU(inplace=True)]
