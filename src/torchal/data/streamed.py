"""Images that are decoded when they are asked for, so that a data set may be larger than memory.

Orientation noted in a photograph's metadata is not applied, as in most published results on ImageNet.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from torchal.data.dataset import Inputs, Windows, as_seen
from torchal.data.encoded import Images
from torchal.data.images import picture_of
from torchal.data.threads import threads
from torchal.data.windows import boxes

_AHEAD = 2
"""Batches that are decoded while one is used."""
_CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Streamed(Inputs):
    """Compressed colour images, decoded side by side and cut to squares of one size.

    What becomes of a row depends on the row and its window alone: of the whole image the short side is scaled to
    ``resize`` and the centre is cut out; a window is cut out of the image in its own size and scaled. Scaling is
    bilinear, and averages where it makes smaller.
    """

    images: Images
    where: Callable[[int], str]
    """Says where a row comes from, for errors."""
    size: int
    """Pixels of a side of what a network is shown."""
    resize: int
    """Pixels of the short side before the centre is cut out; at least ``size``."""
    mean: Float[Tensor, " channels"] | None = None
    """Per channel, of images scaled to 0..1; subtracted if given."""
    std: Float[Tensor, " channels"] | None = None
    """Per channel, of images scaled to 0..1; divided by if given."""
    device: torch.device = _CPU
    """Where decoded images are sent."""

    home = _CPU

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]  # a constant of its size
        """The shape of one example: ``(3, h, w)``."""
        return 3, self.size, self.size

    def raw(self, rows: Int64[Tensor, " batch"], windows: Windows | None = None) -> UInt8[Tensor, "batch 3 h w"]:
        """Return decoded images, or the windows cut out of them.

        Raises:
            ValueError: naming an image that cannot be read or has changed.
        """
        (only,) = self.raws([(rows, windows)])
        return only

    def raws(self, parts: Iterable[tuple[Tensor, Windows | None]]) -> Iterator[UInt8[Tensor, "_ 3 h w"]]:
        """Yield :meth:`raw` of one part after the other, while the next two are decoded."""
        under_way: deque[_Batch] = deque()
        try:
            for rows, windows in parts:
                under_way.append(self._begun(rows, windows))
                if len(under_way) > _AHEAD:
                    yield under_way.popleft().finished(self.device)
            while under_way:
                yield under_way.popleft().finished(self.device)
        finally:
            for batch in under_way:
                batch.cancel()

    def _begun(self, rows: Int64[Tensor, " batch"], windows: Windows | None) -> "_Batch":
        # only from pinned memory does a copy to an accelerator run beside the computation
        raw = torch.empty(len(rows), *self.shape, dtype=torch.uint8, pin_memory=self.device.type == "cuda")
        cuts = [None] * len(rows) if windows is None else windows.unbind()
        jobs = zip(raw.numpy(), rows.tolist(), cuts, strict=True)
        return _Batch(raw, [threads().submit(self._decode, *job) for job in jobs])

    def _decode(self, into: NDArray[np.uint8], row: int, window: Float[Tensor, "4"] | None) -> None:
        image = picture_of(self.images, row, self.where, "RGB")
        box = _centre(*image.size, self.size, self.resize) if window is None else _inside(*image.size, window)
        cut = image.resize((self.size, self.size), Image.Resampling.BILINEAR, box)
        into[:] = np.asarray(cut).transpose(2, 0, 1)

    def seen(self, raw: UInt8[Tensor, "batch 3 h w"]) -> Float[Tensor, "batch 3 h w"]:
        """Return decoded images as a network sees them: in 0..1, then normalised if the data set says so."""
        return as_seen(raw, self.mean, self.std)

    def to(self, device: torch.device | str) -> "Streamed":
        """Return the same images, to be sent to a device when they are decoded."""
        mean, std = (None if each is None else each.to(device) for each in (self.mean, self.std))
        return replace(self, mean=mean, std=std, device=torch.device(device))


@dataclass(frozen=True, eq=False)
class _Batch:
    """Images that threads are at work on."""

    raw: UInt8[Tensor, "batch 3 h w"]
    jobs: list[Future[None]]

    def finished(self, device: torch.device) -> UInt8[Tensor, "batch 3 h w"]:
        """Wait for all, or for the first that fails."""
        try:
            for job in self.jobs:
                job.result()
        finally:
            self.cancel()
        return self.raw.to(device, non_blocking=True)

    def cancel(self) -> None:
        """Leave what has not been begun."""
        for job in self.jobs:
            job.cancel()


_Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""


def _centre(width: int, height: int, size: int, resize: int) -> _Box:
    """Return which part becomes the central square, once the short side has been scaled to ``resize``."""
    across, down = (resize * side // min(width, height) for side in (width, height))
    left, top = round((across - size) / 2), round((down - size) / 2)
    x, y = width / across, height / down
    return left * x, top * y, min((left + size) * x, width), min((top + size) * y, height)


def _inside(width: int, height: int, window: Float[Tensor, "4"]) -> _Box:
    """Return which part a window is, without what rounding adds beyond the edges."""
    left, top, wide, high = boxes(window[None], height, width)[0].tolist()
    return left, top, min(left + wide, width), min(top + high, height)
