"""Random crops and flips of a whole batch, as index arithmetic: each image has a draw of its own."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchal.training.recipe import Augment


def augmented(x: Float[Tensor, "batch ..."], augment: Augment, draw: torch.Generator) -> Float[Tensor, "batch ..."]:
    """Return a batch with the recipe's random changes, drawn on its device; as it is if there are none."""
    if augment.crop:
        x = cropped(x, augment.crop, draw)
    if augment.flip:
        x = flipped(x, draw)
    return x


def cropped(
    x: Float[Tensor, "batch channels height width"], padding: int, draw: torch.Generator
) -> Float[Tensor, "batch channels height width"]:
    """Pad each image with zeros on every side and cut a window of its original size out of it."""
    n, _, height, width = x.shape
    offsets = torch.randint(0, 2 * padding + 1, (2, n, 1), generator=draw, device=x.device)
    rows = offsets[0] + torch.arange(height, device=x.device)
    columns = offsets[1] + torch.arange(width, device=x.device)
    padded = nn.functional.pad(x, [padding] * 4)
    image = torch.arange(n, device=x.device)[:, None, None]
    # indexing around the channels puts them last
    return padded[image, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def flipped(
    x: Float[Tensor, "batch channels height width"], draw: torch.Generator
) -> Float[Tensor, "batch channels height width"]:
    """Mirror each image left and right with probability one half."""
    mirror = torch.randint(0, 2, (len(x), 1, 1, 1), generator=draw, device=x.device).bool()
    return torch.where(mirror, x.flip(-1), x)
