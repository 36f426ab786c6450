"""A data set as values: read-only inputs and labels, with train and test kept apart."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from torchal.data.windows import cut
from torchal.spec import ByName, Plugin

Windows = Float[Tensor, "batch 4"]
"""For each image the part of it to cut out and scale to the usual size: its share of the area, its width over its
height, and where it lies between left and right and between top and bottom (0 to 1). On the CPU."""


class Inputs(ABC):
    """Images or feature vectors of one side of a data set, without labels, in memory or to be read when needed."""

    shape: tuple[int, ...]
    """The shape of one example: ``(c, h, w)`` or ``(d,)``."""

    mean: Float[Tensor, " channels"] | None
    """Per channel, of images scaled to 0..1; subtracted if given."""

    std: Float[Tensor, " channels"] | None
    """Per channel, of images scaled to 0..1; divided by if given."""

    home: torch.device
    """Where the numbers of rows are looked up; other devices' row numbers are moved there."""

    @abstractmethod
    def __len__(self) -> int:
        """Return how many examples there are."""

    @abstractmethod
    def raw(self, rows: Int64[Tensor, " batch"], windows: Windows | None = None) -> Shaped[Tensor, "batch ..."]:
        """Return examples as they are stored, uint8 images or float32 vectors, on the device they are used on."""

    @abstractmethod
    def seen(self, raw: Shaped[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """Return stored examples as a network sees them: images in 0..1, then normalised if the data set says so."""

    @abstractmethod
    def to(self, device: torch.device | str) -> "Inputs":
        """Return the same inputs, to be used on a device."""

    def batch(self, rows: Int64[Tensor, " batch"]) -> Float[Tensor, "batch ..."]:
        """Return examples as a network sees them."""
        return self.seen(self.raw(rows))

    def raws(self, parts: Iterable[tuple[Tensor, Windows | None]]) -> Iterator[Shaped[Tensor, "_ ..."]]:
        """Yield :meth:`raw` of one part after the other; inputs that are read from disk read ahead."""
        return (self.raw(rows, windows) for rows, windows in parts)

    def batches(self, parts: Iterable[Int64[Tensor, " _"]]) -> Iterator[Float[Tensor, "_ ..."]]:
        """Yield :meth:`batch` of one part after the other; inputs that are read from disk read ahead."""
        return (self.seen(raw) for raw in self.raws((rows, None) for rows in parts))


@dataclass(frozen=True)
class Resident(Inputs):
    """Images (uint8, ``n c h w``) or feature vectors (float32, ``n d``) that lie in memory as one tensor."""

    values: Tensor
    mean: Float[Tensor, " channels"] | None = None
    """Per channel, of images scaled to 0..1; subtracted if given."""
    std: Float[Tensor, " channels"] | None = None
    """Per channel, of images scaled to 0..1; divided by if given."""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]  # a constant of its values
        """The shape of one example: ``(c, h, w)`` or ``(d,)``."""
        return tuple(self.values.shape[1:])

    @property
    def home(self) -> torch.device:  # type: ignore[override]  # likewise
        """Where the values lie."""
        return self.values.device

    def raw(self, rows: Int64[Tensor, " batch"], windows: Windows | None = None) -> Shaped[Tensor, "batch ..."]:
        """Return examples as they are stored, or the windows cut out of them."""
        values = self.values[rows.to(self.home)]
        return values if windows is None else cut(values, windows.to(self.home))

    def seen(self, raw: Shaped[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """Return stored examples as a network sees them: images in 0..1, then normalised if the data set says so."""
        return as_seen(raw, self.mean, self.std)

    def to(self, device: torch.device | str) -> "Resident":
        """Return the same inputs, resident on a device."""
        mean, std = (None if each is None else each.to(device) for each in (self.mean, self.std))
        return Resident(self.values.to(device), mean, std)


def as_seen(
    raw: Shaped[Tensor, "batch ..."], mean: Float[Tensor, " channels"] | None, std: Float[Tensor, " channels"] | None
) -> Float[Tensor, "batch ..."]:
    """Return stored examples as a network sees them: images in 0..1, shifted and scaled by channel if that is given."""
    x = raw.float().div_(255) if raw.dtype == torch.uint8 else raw
    if mean is None or std is None:
        return x
    return (x - mean[:, None, None]) / std[:, None, None]


@dataclass(frozen=True)
class Examples:
    """Rows of some inputs together with the labels that are known for them."""

    inputs: Inputs
    rows: Int64[Tensor, " n"]
    labels: Int64[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, positions: Int64[Tensor, " batch"]) -> tuple[Float[Tensor, "batch ..."], Int64[Tensor, " batch"]]:
        """Return inputs and labels at positions 0..n-1 of these examples."""
        return self.inputs.batch(self.rows[positions]), self.labels[positions]


@dataclass(frozen=True)
class Split:
    """One side of a data set: train or test."""

    inputs: Inputs
    labels: Int64[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.labels)

    def examples(self, rows: Int64[Tensor, " some"] | None = None) -> Examples:
        """Return some rows, or all, with their true labels."""
        rows = torch.arange(len(self), device=self.labels.device) if rows is None else rows
        return Examples(self.inputs, rows, self.labels[rows])

    def to(self, device: torch.device | str) -> "Split":
        """Return the same split, resident on a device."""
        return Split(self.inputs.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """A whole data set. Train and test are separate values, so that what is given one cannot see the other."""

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    digest: str
    """SHA-256 over all inputs and labels of both sides."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example: ``(c, h, w)`` or ``(d,)``."""
        return self.train.inputs.shape

    def to(self, device: torch.device | str) -> "Dataset":
        """Return the same data set, resident on a device."""
        return replace(self, train=self.train.to(device), test=self.test.to(device))


class Source(Plugin):
    """Where a data set comes from. A subclass says how to read it, in a file of ``torchal/data/sources``."""

    room: ClassVar[str] = "torchal.data.sources"

    augment: ClassVar[dict[str, Any]] = {}
    """Fields of the recipe's ``augment`` that are usual for training on these data."""

    @abstractmethod
    def load(self) -> Dataset:
        """Return the data set, on the CPU; images decoded once and then read from the cache.

        Raises:
            ValueError: if a file is missing or corrupt, a label is out of range, or a class is absent from training.
        """


AnySource = Annotated[Source, *ByName.of(Source)]
