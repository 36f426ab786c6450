"""Operations on batches of 8-bit images, with the arithmetic and the rounding of the Pillow functions of their names.

Parameters that differ between images are tensors with one value for each. Nothing here waits for the device, and all of
it has a deterministic form there. Geometry samples the nearest pixel, as Pillow does unless told otherwise.
"""

import math

import torch
from jaxtyping import Float64, Int64, UInt8
from torch import Tensor

Images = UInt8[Tensor, "n c h w"]
Factors = Float64[Tensor, " n"]
Maps = Float64[Tensor, "n 2 3"]
Rows = tuple[tuple[float, float, float], tuple[float, float, float]]


def invert(x: Images) -> Images:
    """Return negatives."""
    return x.bitwise_not()


def solarize(x: Images, threshold: float) -> Images:
    """Invert the values from a threshold on."""
    values = torch.arange(256, device=x.device)
    table = torch.where(values < threshold, values, 255 - values)
    return _looked_up(x, table.byte().expand(*x.shape[:2], -1))


def posterize(x: Images, bits: int) -> Images:
    """Keep the highest bits of each value."""
    return x.bitwise_and(256 - 2 ** (8 - bits))


def autocontrast(x: Images) -> Images:
    """Stretch each channel so that it begins at 0 and ends at 255; a constant one stays."""
    low, high = (extreme.double() for extreme in x.flatten(2).aminmax(dim=2, keepdim=True))
    values = torch.arange(256, device=x.device)
    # Pillow's order, since truncation shows the last bit; torch takes a number over a tensor as a reciprocal's product
    scale = torch.full_like(low, 255) / (high - low)
    stretched = (values * scale + -low * scale).clamp(0, 255)
    return _looked_up(x, torch.where(high > low, stretched, values).byte())


def equalize(x: Images) -> Images:
    """Make the values of each channel as evenly frequent as a table can; one with too few pixels for it stays."""
    counts = _histograms(x)
    below = counts.cumsum(2) - counts
    below_highest = below.gather(2, x.flatten(2).amax(2, keepdim=True).long())
    step = below_highest // 255
    even = ((step // 2 + below) // step.clamp(min=1)).clamp(max=255)
    return _looked_up(x, torch.where(step > 0, even, torch.arange(256, device=x.device)).byte())


def _histograms(x: Images) -> Int64[Tensor, "n c 256"]:
    n, c = x.shape[:2]
    cells = (x.flatten(2) + 256 * torch.arange(n * c, device=x.device).view(n, c, 1)).flatten()
    # torch.bincount would wait for the device, and so would, in exact mode, adding in more than one dimension
    return cells.new_zeros(n * c * 256).scatter_add_(0, cells, torch.ones_like(cells)).view(n, c, 256)


def _looked_up(x: Images, tables: UInt8[Tensor, "n c 256"]) -> Images:
    return tables.gather(2, x.flatten(2).long()).view_as(x)


def colour(x: Images, factors: Factors) -> Images:
    """Blend with the grey image."""
    return _blended(x, _grey(x), factors)


def contrast(x: Images, factors: Factors) -> Images:
    """Blend with one grey, the mean of the grey image."""
    pixels = x.shape[2] * x.shape[3]
    mean = (2 * _grey(x).sum((2, 3), keepdim=True) + pixels) // (2 * pixels)
    return _blended(x, mean.byte(), factors)


def brightness(x: Images, factors: Factors) -> Images:
    """Blend with black."""
    return _blended(x, x.new_zeros(len(x), 1, 1, 1), factors)


def sharpness(x: Images, factors: Factors) -> Images:
    """Blend with the smoothed image."""
    return _blended(x, _smoothed(x), factors)


def _blended(x: Images, start: UInt8[Tensor, "n #c #h #w"], factors: Factors) -> Images:
    # from the start, at factor 0, through the image, at 1, and beyond
    origin = start.float()
    return (origin + factors.float()[:, None, None, None] * (x - origin)).clamp(0, 255).byte()


def _grey(x: Images) -> UInt8[Tensor, "n 1 h w"]:
    if x.shape[1] == 1:
        return x
    # luma of ITU-R BT.601, with 16 binary places
    red, green, blue = x.int().chunk(3, dim=1)
    return (red * 19595 + green * 38470 + blue * 7471 + 2**15).bitwise_right_shift(16).byte()


def _smoothed(x: Images) -> Images:
    # each pixel weighs 5 and its neighbours 1; the border stays
    pixels = x.float()
    across = pixels[..., :-2] + pixels[..., 1:-1] + pixels[..., 2:]
    around = across[..., :-2, :] + across[..., 1:-1, :] + across[..., 2:, :]
    result = x.clone()
    result[..., 1:-1, 1:-1] = ((around + 4 * pixels[..., 1:-1, 1:-1]) / 13 + 0.5).byte()
    return result


def rotation(degrees: float, h: int, w: int) -> Rows:
    """Return the map that turns an image counterclockwise about its middle."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (cos, -sin, (w - w * cos + h * sin) / 2), (sin, cos, (h - w * sin - h * cos) / 2)


def moved(x: Images, maps: Maps, fills: UInt8[Tensor, " n"]) -> Images:
    """Fill each pixel from where its image's map sends the pixel's middle (column, row, 1); from outside as told."""
    n, c, h, w = x.shape
    columns, rows = _sources(maps, h, w).unbind(1)
    inside = (columns >= 0) & (columns < w) & (rows >= 0) & (rows < h)
    places = torch.where(inside, rows * w + columns, 0).view(n, 1, -1).expand(-1, c, -1)
    return torch.where(inside[:, None], x.flatten(2).gather(2, places).view_as(x), fills[:, None, None, None])


def _sources(maps: Maps, h: int, w: int) -> Int64[Tensor, "n 2 h w"]:
    # Pillow counts with 16 binary places
    steps, starts = _fixed(maps[..., :2]), _fixed(maps[..., 2] + maps[..., :2].sum(2) / 2)
    columns, rows = (torch.arange(size, device=maps.device) for size in (w, h))
    across, down = steps[..., None, None].unbind(2)
    return (starts[..., None, None] + across * columns + down * rows[:, None]).bitwise_right_shift(16)


def _fixed(values: Float64[Tensor, "*any"]) -> Int64[Tensor, "*any"]:
    return (values * 2**16 + 0.5).floor().long()


def cutout(x: Images, centres: Float64[Tensor, "n 2"], side: float) -> Images:
    """Cover what lies in the image of a square whose centre is given as shares of width and height."""
    h, w = x.shape[2:]
    columns, rows = (torch.arange(size, device=x.device) + 0.5 for size in (w, h))
    across = (columns - w * centres[:, :1]).abs() < side / 2
    down = (rows - h * centres[:, 1:]).abs() < side / 2
    return x.masked_fill((down[:, :, None] & across[:, None])[:, None], 0)
