"""A data set as values: whole, read-only tensors, with train and test kept apart."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from torchal.spec import ByName, Plugin


@dataclass(frozen=True)
class Inputs:
    """Images (uint8, ``n c h w``) or feature vectors (float32, ``n d``) of one side of a data set, without labels."""

    values: Tensor
    mean: Float[Tensor, " channels"] | None = None
    """Per channel, of images scaled to 0..1; subtracted if given."""
    std: Float[Tensor, " channels"] | None = None
    """Per channel, of images scaled to 0..1; divided by if given."""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example: ``(c, h, w)`` or ``(d,)``."""
        return tuple(self.values.shape[1:])

    def batch(self, rows: Int64[Tensor, " batch"]) -> Float[Tensor, "batch ..."]:
        """Return examples as a network sees them: images in 0..1, then normalised if the data set says so."""
        x = self.values[rows]
        if x.dtype == torch.uint8:
            x = x.float().div_(255)
        if self.mean is not None and self.std is not None:
            x = (x - self.mean[:, None, None]) / self.std[:, None, None]
        return x

    def to(self, device: torch.device | str) -> "Inputs":
        """Return the same inputs, resident on a device."""
        mean, std = (None if each is None else each.to(device) for each in (self.mean, self.std))
        return Inputs(self.values.to(device), mean, std)


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

    @abstractmethod
    def load(self) -> Dataset:
        """Return the data set, on the CPU; images decoded once and then read from the cache.

        Raises:
            ValueError: if a file is missing or corrupt, a label is out of range, or a class is absent from training.
        """


AnySource = Annotated[Source, *ByName.of(Source)]
