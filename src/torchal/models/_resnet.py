"""Residual networks for small images.

He, Zhang, Ren & Sun 2016, "Deep Residual Learning for Image Recognition". The stem is one 3x3 convolution without
pooling, as is usual for CIFAR. Where a block changes shape, the shortcut is a 1x1 convolution with batch normalisation.
Weights start as torch's layers draw them.
"""

from itertools import pairwise

from torch import Tensor, nn

from torchal.models import Classifier


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut around them."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *convolution(width_in, width, stride),
            nn.ReLU(inplace=True),
            *convolution(width, width),
        )
        same = stride == 1 and width_in == width
        self.shortcut = nn.Identity() if same else nn.Sequential(*convolution(width_in, width, stride, kernel=1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the rectified sum of both ways."""
        return nn.functional.relu(self.residual(x) + self.shortcut(x))


def convolution(width_in: int, width: int, stride: int = 1, kernel: int = 3) -> tuple[nn.Module, nn.Module]:
    """Return a convolution that keeps the size but for its stride, and the normalisation after it."""
    return nn.Conv2d(width_in, width, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(width)


def residual_network(
    shape: tuple[int, ...], classes: int, widths: tuple[int, ...], depth: int, dropout: float, name: str
) -> Classifier:
    """Return a network with a stage of ``depth`` blocks for each width; every stage but the first halves the size.

    Raises:
        ValueError: if the inputs are not images.
    """
    if len(shape) != 3:
        raise ValueError(f"model {name}: takes images (channels, height, width), not shape {shape}; choose mlp.")
    steps: list[nn.Module] = [*convolution(shape[0], widths[0]), nn.ReLU(inplace=True)]
    for stage, (width_in, width) in enumerate(pairwise((widths[0], *widths))):
        for block in range(depth):
            first = block == 0
            steps.append(BasicBlock(width_in if first else width, width, 2 if first and stage else 1))
    steps += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if dropout:
        steps.append(nn.Dropout(dropout))
    return Classifier(nn.Sequential(*steps), nn.Linear(widths[-1], classes))
