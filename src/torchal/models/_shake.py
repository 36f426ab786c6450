"""Shake-shake networks for small images.

Gastaldi 2017, "Shake-Shake regularization", in the form that draws its weights anew for each image, forwards and
backwards ("Shake-Shake-Image"). A ReLU follows the stem's normalisation, as in TorchAL; it changes nothing where the
first block has convolutions in its shortcut. As in the author's code, and unlike TorchAL, a ReLU precedes the average
of the last maps, and a shortcut shifts to the right and below. Weights start as torch's layers draw them.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchal.models import Classifier
from torchal.models._image import ImageModel, least_side, stages
from torchal.models._pointwise import Pointwise
from torchal.models._resnet import convolution


class ShakeBlock(nn.Module):
    """Two residual branches, mixed at random in training, and a shortcut around them."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = _branch(width_in, width, stride)
        self.second = _branch(width_in, width, stride)
        same = stride == 1 and width_in == width
        self.shortcut = nn.Identity() if same else ShiftedShortcut(width_in, width, stride)

    def forward(self, x: Float[Tensor, "n c_in h_in w_in"]) -> Float[Tensor, "n c h w"]:
        """Return the sum of the shortcut and the mixture, which is the mean in evaluation."""
        first, second = self.first(x), self.second(x)
        mixture = shaken(first, second) if self.training else (first + second) / 2
        total: Tensor = self.shortcut(x) + mixture
        return total


class ShiftedShortcut(nn.Module):
    """Two 1x1 convolutions side by side; where they halve the size, the second sees pixels that the first leaves out.

    A convolution with a stride takes the place of the paper's average over one pixel, with a stride, before it.
    """

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.straight = Pointwise(width_in, width // 2, stride, bias=False)
        self.shifted = Pointwise(width_in, width - width // 2, stride, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Float[Tensor, "n c_in h_in w_in"]) -> Float[Tensor, "n c h w"]:
        """Return the normalised channels of both, of which the second sees the maps a pixel to the right and below."""
        x = x.relu()
        moved = nn.functional.pad(x, (1, -1, 1, -1))
        normalised: Tensor = self.norm(torch.cat([self.straight(x), self.shifted(moved)], 1))
        return normalised


def shaken(first: Float[Tensor, "n c h w"], second: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Return alpha * first + (1 - alpha) * second, whose gradient is as if beta stood in the place of alpha.

    Both are uniform on [0, 1), independent, and drawn for each image from torch's global stream.
    """
    alpha, beta = torch.rand(2, len(first), 1, 1, 1, dtype=first.dtype, device=first.device).unbind()
    gap = first - second
    return second + beta * gap + ((alpha - beta) * gap).detach()


def shake_network(model: ImageModel, shape: tuple[int, ...], classes: int, stem: int) -> Classifier:
    """Return the network of 26 layers that begins with ``stem`` channels.

    Raises:
        ValueError: if the inputs are not images, or so small that a stage would halve a side of 1.
    """
    model.check(shape, least_side(2))
    start = [*convolution(shape[0], stem), nn.ReLU(inplace=True)]
    blocks = stages(stem, model.width, (4, 4, 4), ShakeBlock)
    return model.pooled([*start, *blocks, nn.ReLU()], 4 * model.width, classes)


def _branch(width_in: int, width: int, stride: int) -> nn.Sequential:
    first = convolution(width_in, width, stride)
    return nn.Sequential(nn.ReLU(), *first, nn.ReLU(inplace=True), *convolution(width, width))
