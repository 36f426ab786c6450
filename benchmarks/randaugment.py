"""RandAugment of a whole batch against a loop over its images with Pillow and, where it is installed, kornia."""

import importlib.util
import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from torchal.rng import generator
from torchal.training.draw import Draw
from torchal.training.randaugment import OPERATIONS, randaugmented

ENHANCED = {
    "colour": ImageEnhance.Color,
    "contrast": ImageEnhance.Contrast,
    "brightness": ImageEnhance.Brightness,
    "sharpness": ImageEnhance.Sharpness,
}


def measure(n: int = 30, batch: int = 256, magnitude: int = 5) -> dict[str, Any]:
    """Augment a batch of 32 by 32 colour images, one operation each, n times on each side, in turns."""
    x = torch.randint(0, 256, (batch, 3, 32, 32), generator=generator("images"), dtype=torch.uint8)
    sides = {"torchal": _ours(magnitude), "pillow": _pillow(magnitude)} | _kornia(magnitude)
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(n):
        for side, augment in sides.items():
            started = time.perf_counter()
            augment(x)
            seconds[side].append(time.perf_counter() - started)
    each = {side: median(times) / batch for side, times in seconds.items()}
    return {
        "microseconds_per_image": {side: round(1e6 * one, 1) for side, one in each.items()},
        "ratio": round(each["pillow"] / each["torchal"], 1),
        "n": n,
        "batch": batch,
        "threads": torch.get_num_threads(),
    }


def _ours(magnitude: int) -> Callable[[Tensor], Tensor]:
    draw = generator("ours")
    return lambda x: randaugmented(x, 1, magnitude, Draw(draw, len(x)))


def _pillow(magnitude: int) -> Callable[[Tensor], Tensor]:
    draw = generator("pillow")

    def one(image: Tensor) -> Tensor:
        kind, sign = (int(torch.randint(0, high, (), generator=draw)) for high in (len(OPERATIONS), 2))
        centre = torch.rand(2, generator=draw).tolist()
        return from_pillow(with_pillow(to_pillow(image), OPERATIONS[kind], magnitude / 9, 2 * sign - 1, centre))

    return lambda x: torch.stack([one(image) for image in x])


def _kornia(magnitude: int) -> dict[str, Callable[[Tensor], Tensor]]:
    if importlib.util.find_spec("kornia") is None:
        return {}
    from kornia.augmentation.auto import RandAugment  # noqa: PLC0415 - not a dependency

    augment = RandAugment(n=1, m=round(magnitude / 9 * 29))  # its magnitudes end below 30
    return {
        "kornia, one operation a batch": lambda x: augment(x.float() / 255),
        "kornia, one operation an image": lambda x: torch.cat([augment(one) for one in (x.float() / 255).split(1)]),
    }


def to_pillow(image: Tensor) -> Image.Image:
    """Return an image of one or three channels as Pillow's."""
    pixels = image.permute(1, 2, 0).contiguous().numpy()
    return Image.fromarray(pixels[..., 0] if len(image) == 1 else pixels)


def from_pillow(image: Image.Image) -> Tensor:
    """Return Pillow's image as a tensor of channels."""
    return torch.from_numpy(np.array(image, ndmin=3).reshape(*image.size[::-1], -1)).permute(2, 0, 1)


def with_pillow(image: Image.Image, name: str, level: float, sign: int, centre: list[float]) -> Image.Image:
    """Apply an operation of a level from 0 to 1 to one image."""
    match name:
        case "invert" | "autocontrast" | "equalize":
            changed: Image.Image = getattr(ImageOps, name)(image)
        case "solarize":
            # Pillow compares with any number, whatever its types say
            changed = ImageOps.solarize(image, math.ceil(256 * (1 - level)))
        case "posterize":
            changed = ImageOps.posterize(image, round(8 - 4 * level))
        case "rotate":
            changed = image.rotate(30 * level)
        case "cutout":
            changed = _cut_out(image, 0.8 * level * image.width, centre)
        case name if name in ENHANCED:
            changed = ENHANCED[name](image).enhance(1 + 0.9 * sign * level)
        case _:
            changed = _moved(image, name, sign * level)
    return changed


def _moved(image: Image.Image, name: str, level: float) -> Image.Image:
    shear, shift = 0.3 * level, 150 / 331 * level
    data = {
        "shear_x": (1, shear, 0, 0, 1, 0),
        "shear_y": (1, 0, 0, shear, 1, 0),
        "translate_x": (1, 0, shift * image.width, 0, 1, 0),
        "translate_y": (1, 0, 0, 0, 1, shift * image.height),
    }[name]
    return image.transform(image.size, Image.Transform.AFFINE, data, fillcolor=_grey(image))


def _cut_out(image: Image.Image, side: float, centre: list[float]) -> Image.Image:
    # pixels whose middles are in the square
    left, top = (size * place - side / 2 for size, place in zip(image.size, centre, strict=True))
    first, upper, end, lower = (math.ceil(edge - 0.5) for edge in (left, top, left + side, top + side))
    image.paste(0 if image.mode == "L" else (0, 0, 0), (first, upper, end, lower))
    return image


def _grey(image: Image.Image) -> Any:
    return 128 if image.mode == "L" else (128, 128, 128)
