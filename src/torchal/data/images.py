"""Compressed images to one uint8 tensor, decoded side by side."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from torchal.data.encoded import Encoded

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

    with _progress(title, total) as advance, ThreadPoolExecutor(os.cpu_count()) as threads:
        for done in threads.map(fill, range(0, total, _BLOCK)):
            advance(done)
    return torch.from_numpy(out)


def _pixels(side: Encoded, row: int, size: int | None, grey: bool) -> NDArray[np.uint8]:
    """Return one image, channels first."""
    source = side.images[row]
    try:
        with Image.open(source if isinstance(source, Path) else BytesIO(source)) as image:
            image.load()
    except _FAULTS as error:
        raise ValueError(f"{side.where(row)}: is no readable image ({error}); replace it or leave it out.") from error
    if image.mode not in _EIGHT_BITS:
        raise ValueError(f"{side.where(row)}: has pixels of mode {image.mode}; save images with 8 bits a channel.")
    if image.mode == "P":
        image = image.convert("RGBA")  # type: ignore[assignment]  # a palette may hold transparency, which Pillow warns of
    image = image.convert("L" if grey else "RGB")  # type: ignore[assignment]  # no longer the file, but its pixels
    if size is not None and image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)  # type: ignore[assignment]  # likewise
    pixels = np.asarray(image, dtype=np.uint8)
    return pixels[None] if grey else pixels.transpose(2, 0, 1)


def _alike(side: Encoded, row: int, pixels: NDArray[np.uint8], first: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.shape != first.shape:
        (height, width), expected = pixels.shape[1:], f"{first.shape[2]} x {first.shape[1]}"
        raise ValueError(
            f"{side.where(row)}: is {width} x {height} pixels, and the first image {expected}; set size to resize."
        )
    return pixels


@contextmanager
def _progress(title: str, total: int) -> Iterator[_Advance]:
    """Show a bar on a terminal, and nothing elsewhere."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"decoding {title}", total=total)
        yield lambda images: bar.advance(task, images)
