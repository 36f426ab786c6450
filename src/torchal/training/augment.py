"""Random changes to a whole batch of stored images, as index arithmetic: each image has a draw of its own."""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from torchal.training.draw import Draw
from torchal.training.randaugment import randaugmented
from torchal.training.recipe import Augment

_ASPECT = math.log(4 / 3)
"""Windows are from 3:4 to 4:3, uniformly in the logarithm."""


def windows(augment: Augment, draw: Draw) -> Float[Tensor, "batch 4"] | None:
    """Return which window of each image is shown, as :data:`torchal.data.dataset.Windows` says it; None for all."""
    if augment.window is None:
        return None
    low, high = augment.window
    area, aspect, across, down = draw.uniform(4).unbind(1)
    found = torch.stack([low + (high - low) * area, ((2 * aspect - 1) * _ASPECT).exp(), across, down], dim=1)
    return found.float()


def augmented(raw: Shaped[Tensor, "batch ..."], augment: Augment, draw: Draw) -> Shaped[Tensor, "batch ..."]:
    """Return stored examples with the recipe's random changes; as they are if there are none."""
    if augment.crop:
        raw = cropped(raw, augment.crop, draw)
    if augment.flip:
        raw = flipped(raw, draw)
    if augment.randaugment:
        raw = randaugmented(raw, augment.randaugment.operations, augment.randaugment.magnitude, draw)
    return raw


def cropped(
    x: Shaped[Tensor, "batch channels height width"], padding: int, draw: Draw
) -> Shaped[Tensor, "batch channels height width"]:
    """Pad each image with zeros on every side and cut a window of its original size out of it."""
    n, _, height, width = x.shape
    offsets = draw.sent(draw.integers(0, 2 * padding + 1, 2))
    rows = offsets[:, :1] + torch.arange(height, device=x.device)
    columns = offsets[:, 1:] + torch.arange(width, device=x.device)
    padded = nn.functional.pad(x, [padding] * 4)
    image = torch.arange(n, device=x.device)[:, None, None]
    # indexing around the channels puts them last
    return padded[image, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def flipped(
    x: Shaped[Tensor, "batch channels height width"], draw: Draw
) -> Shaped[Tensor, "batch channels height width"]:
    """Mirror each image left and right with probability one half."""
    mirror = draw.sent(draw.integers(0, 2, 1, 1, 1).bool())
    return torch.where(mirror, x.flip(-1), x)
