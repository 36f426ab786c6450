"""Windows of random size and place, cut out of images and scaled to a common size (Szegedy et al. 2015, section 6)."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor


def boxes(windows: Float[Tensor, "batch 4"], height: int, width: int) -> Float[Tensor, "batch 4"]:
    """Return left, top, width and height in pixels of each window in an image of some size.

    A window that would be wider or higher than the image is as wide or high as the image.
    """
    area, aspect, across, down = windows.unbind(1)
    wide = (area * height * width * aspect).sqrt().clamp(1, width)
    high = (area * height * width / aspect).sqrt().clamp(1, height)
    return torch.stack([across * (width - wide), down * (height - high), wide, high], dim=1)


def cut(images: UInt8[Tensor, "batch c h w"], windows: Float[Tensor, "batch 4"]) -> UInt8[Tensor, "batch c h w"]:
    """Return each image's window at the image's own size, by bilinear interpolation between pixel centres."""
    height, width = images.shape[2:]
    left, top, wide, high = boxes(windows, height, width).unbind(1)
    down = _positions(top, high, height)
    across = _positions(left, wide, width)
    return _between(_between(images.float(), down, 2), across, 3).round_().byte()


def _positions(
    start: Float[Tensor, " batch"], length: Float[Tensor, " batch"], size: int
) -> Float[Tensor, "batch size"]:
    """Return where on the old axis the centres of the new pixels lie."""
    centres = (torch.arange(size, device=start.device) + 0.5) / size
    return (start[:, None] + centres * length[:, None] - 0.5).clamp(0, size - 1)


def _between(
    x: Float[Tensor, "batch c h w"], at: Float[Tensor, "batch size"], axis: int
) -> Float[Tensor, "batch c h w"]:
    """Return values at fractional positions of one axis."""
    below = at.floor()
    shape = [len(x), 1, 1, 1]
    shape[axis] = at.shape[1]
    share = (at - below).view(shape)
    low = below.long().view(shape).expand_as(x)
    high = (below.long() + 1).clamp_(max=x.shape[axis] - 1).view(shape).expand_as(x)
    return torch.lerp(x.gather(axis, low), x.gather(axis, high), share)
