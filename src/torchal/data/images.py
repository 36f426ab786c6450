"""Compressed images to one uint8 tensor, decoded side by side."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from torchal.data.encoded import Encoded, Images
from torchal.data.threads import threads

_BLOCK = 500
"""Images that one thread decodes at a time."""
_EIGHT_BITS = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}
_FAULTS = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises on damaged images, by format."""


class _Advance(Protocol):
    def __call__(self, images: int, /) -> None: ...


def decoded(side: Encoded, size: int | None, grey: bool, title: str) -> UInt8[Tensor, "n c h w"]:
    """Return the images of one side.

    Args:
        side: the compressed images.
        size: pixels of a side of the square that every image is scaled to, whatever its proportions; None leaves them.
        grey: whether to make one channel of brightness, else red, green and blue.
        title: what is decoded, for the bar of progress.

    Raises:
        ValueError: naming the first image that cannot be read or differs in size.
    """
    total = len(side.images)
    if total == 0:
        return torch.empty(0, 1 if grey else 3, size or 0, size or 0, dtype=torch.uint8)
    first = _pixels(side, 0, size, grey)
    out = np.empty((total, *first.shape), dtype=np.uint8)

    def fill(start: int) -> int:
        rows = range(start, min(start + _BLOCK, total))
        out[start : rows.stop] = [_alike(side, row, _pixels(side, row, size, grey), first) for row in rows]
        return len(rows)

    with progress(f"decoding {title}", total) as advance:
        for done in threads().map(fill, range(0, total, _BLOCK)):
            advance(done)
    return torch.from_numpy(out)


def _pixels(side: Encoded, row: int, size: int | None, grey: bool) -> NDArray[np.uint8]:
    """Return one image, channels first."""
    image = picture_of(side.images, row, side.where, "L" if grey else "RGB")
    if size is not None and image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, dtype=np.uint8)
    return pixels[None] if grey else pixels.transpose(2, 0, 1)


class Unreadable(ValueError):
    """An image cannot be used; the message says why, but not which."""


def picture_of(images: Images, row: int, where: Callable[[int], str], mode: str) -> Image.Image:
    """Return one of some images, decoded.

    Raises:
        ValueError: naming it, if it cannot be used.
    """
    try:
        return picture(images[row], mode)
    except Unreadable as fault:
        raise ValueError(f"{where(row)}: {fault}") from fault


def picture(source: bytes | Path, mode: str) -> Image.Image:
    """Return an image, decoded and converted to a mode: ``RGB``, or ``L`` for grey.

    Raises:
        Unreadable: if it is damaged, or has other than 8 bits a channel.
    """
    try:
        with Image.open(source if isinstance(source, Path) else BytesIO(source)) as image:
            image.load()
    except _FAULTS as error:
        # what Pillow says of an unknown format is where in memory it looked
        reason = "no known format" if isinstance(error, UnidentifiedImageError) else error
        raise Unreadable(f"is no readable image ({reason}); replace it or leave it out.") from error
    if image.mode not in _EIGHT_BITS:
        raise Unreadable(f"has pixels of mode {image.mode}; save images with 8 bits a channel.")
    # a palette may hold transparency, which Pillow warns of
    return (image.convert("RGBA") if image.mode == "P" else image).convert(mode)


def _alike(side: Encoded, row: int, pixels: NDArray[np.uint8], first: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.shape != first.shape:
        (height, width), expected = pixels.shape[1:], f"{first.shape[2]} x {first.shape[1]}"
        raise ValueError(
            f"{side.where(row)}: is {width} x {height} pixels, and the first image {expected}; "
            "set dataset.size, such as size: 32, to scale all."
        )
    return pixels


@contextmanager
def progress(title: str, total: int) -> Iterator[_Advance]:
    """Show a bar on a terminal, and nothing elsewhere."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=total)
        yield lambda images: bar.advance(task, images)
