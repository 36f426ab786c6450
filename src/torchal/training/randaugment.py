"""RandAugment: a few random changes to each training image, all of one magnitude.

Cubuk, Zoph, Shlens & Le 2020, "RandAugment: Practical automated data augmentation with a reduced search space". The
operations and their ranges are TorchAL's: of the paper's fourteen, ``invert`` stands in the place of the identity, and
``cutout`` (DeVries & Taylor 2017, "Improved regularization of convolutional neural networks with cutout") is added.

Deviations from TorchAL: shears sample the nearest pixel, not bicubically; a cutout square loses what lies outside the
image and is nowhere moved inside. Deviations of both from the paper's code: rotation and cutout leave black, there
grey; rotation is always counterclockwise, there either way; colour, contrast, brightness and sharpness go up or down at
random, there from a factor of .1 at magnitude 0 to 1.9 at the highest.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Float64, Int64, UInt8
from torch import Tensor

from torchal.training import operations as on
from torchal.training.draw import Draw
from torchal.training.operations import Factors, Images, Maps, Rows


class Settings(NamedTuple):
    """What an operation may take: one level for all images, and what each image drew."""

    level: float
    factors: Factors
    centres: Float64[Tensor, "n 2"]
    maps: Maps
    fills: UInt8[Tensor, " n"]


_ALONE: dict[str, Callable[[Images, Settings], Images]] = {
    "invert": lambda x, _: on.invert(x),
    "autocontrast": lambda x, _: on.autocontrast(x),
    "equalize": lambda x, _: on.equalize(x),
    "solarize": lambda x, to: on.solarize(x, 256 * (1 - to.level)),
    "posterize": lambda x, to: on.posterize(x, round(8 - 4 * to.level)),
    "colour": lambda x, to: on.colour(x, to.factors),
    "contrast": lambda x, to: on.contrast(x, to.factors),
    "brightness": lambda x, to: on.brightness(x, to.factors),
    "sharpness": lambda x, to: on.sharpness(x, to.factors),
    "cutout": lambda x, to: on.cutout(x, to.centres, 0.8 * to.level * x.shape[3]),
}

_SHIFT = 150 / 331
"""Of a side: AutoAugment's greatest translation, in pixels, and the side of the images it was found for."""

_MOVES: dict[str, Callable[[float, int, int], Rows]] = {
    "rotate": lambda level, h, w: on.rotation(30 * abs(level), h, w),
    "shear_x": lambda level, _h, _w: ((1, 0.3 * level, 0), (0, 1, 0)),
    "shear_y": lambda level, _h, _w: ((1, 0, 0), (0.3 * level, 1, 0)),
    "translate_x": lambda level, _h, w: ((1, 0, _SHIFT * level * w), (0, 1, 0)),
    "translate_y": lambda level, h, _w: ((1, 0, 0), (0, 1, _SHIFT * level * h)),
}

OPERATIONS = (*_ALONE, *_MOVES)
"""Names of the operations; a kind is a position in it."""

# the moves differ in their maps alone, so they are one batch
_BATCHES = (*_ALONE.values(), lambda x, to: on.moved(x, to.maps, to.fills))
_MOVED = len(_ALONE)
_FILLS = torch.tensor([0 if name == "rotate" else 128 for name in _MOVES], dtype=torch.uint8)
"""What a move leaves where the image has no pixel: black after a rotation, else grey."""


def randaugmented(x: Images, operations: int, magnitude: int, draw: Draw) -> Images:
    """Apply to each image some operations, drawn with replacement for it, of a magnitude from 1 to 9."""
    for _ in range(operations):
        kinds, signs, centres = draw.integers(0, len(OPERATIONS)), draw.signs(), draw.uniform(2)
        x = changed(x, magnitude / 9, kinds, signs, centres, draw)
    return x


def changed(
    x: Images,
    level: float,
    kinds: Int64[Tensor, " n"],
    signs: Int64[Tensor, " n"],
    centres: Float64[Tensor, "n 2"],
    draw: Draw,
) -> Images:
    """Apply to each image one operation; the kinds, signs and centres are on the CPU.

    Images are brought together by kind. Since the host knows all kinds, the sizes of these batches need no waiting.
    """
    batch = kinds.clamp(max=_MOVED)
    order, sizes = batch.argsort(stable=True), batch.bincount(minlength=_MOVED + 1).tolist()
    move = (kinds - _MOVED).clamp(min=0)
    maps = _maps(level, *x.shape[2:])[(signs + 1) // 2, move]
    drawn = (1 + 0.9 * level * signs.double(), centres, maps, _FILLS[move])
    settings = [draw.sent(each[order]).split(sizes) for each in drawn]
    parts = zip(_BATCHES, x[draw.sent(order)].split(sizes), *settings, strict=True)
    done = [apply(part, Settings(level, *each)) for apply, part, *each in parts if len(part)]
    return torch.cat(done)[draw.sent(order.argsort())]


@cache
def _maps(level: float, h: int, w: int) -> Float64[Tensor, "signs moves 2 3"]:
    signed = [[move(sign * level, h, w) for move in _MOVES.values()] for sign in (-1, 1)]
    return torch.tensor(signed, dtype=torch.float64)
