"""What was read from a source, before it is a data set: checked, digested, and given its statistics."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from torchal.data.dataset import Dataset, Resident, Split
from torchal.digest import canonical, digest_of_bytes

Statistics = tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]
"""Mean and standard deviation of each channel, of images scaled to 0..1."""


@dataclass(frozen=True, eq=False)
class Contents:
    """Both sides of a data set as plain tensors: images (uint8, ``n c h w``) or feature vectors (float32, ``n d``)."""

    SIDES: ClassVar[tuple[str, ...]] = ("train", "train_labels", "test", "test_labels")
    """Names of the tensors, in order."""

    train: Tensor
    train_labels: Int64[Tensor, " train"]
    test: Tensor
    test_labels: Int64[Tensor, " test"]
    classes: tuple[str, ...]

    @property
    def arrays(self) -> dict[str, Tensor]:
        """The tensors by name."""
        return {name: getattr(self, name) for name in self.SIDES}

    @property
    def digest(self) -> str:
        """The SHA-256 over all values, labels, shapes and names of classes."""
        arrays = [np.ascontiguousarray(each.numpy()) for each in self.arrays.values()]
        outline = [[list(each.shape), str(each.dtype)] for each in arrays]
        return digest_of_bytes(canonical([outline, self.classes]).encode(), *arrays)

    def checked(self, name: str) -> "Contents":
        """Return these contents if they make a data set.

        Raises:
            ValueError: if a side is empty, shapes differ, a label is no class, or training lacks a class.
        """
        check_side(f"{name}: the training side", self.train, self.train_labels, len(self.classes))
        check_side(f"{name}: the test side", self.test, self.test_labels, len(self.classes))
        shapes = [tuple(each.shape[1:]) for each in (self.train, self.test)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"{name}: training examples have shape {shapes[0]} and test examples {shapes[1]}; make them equal."
            )
        if torch.equal(self.train, self.test):
            raise ValueError(f"{name}: the test examples are the training examples; give separate ones.")
        check_present(name, self.train_labels, self.classes)
        return self

    def statistics(self) -> Statistics:
        """Return mean and standard deviation of each channel over the training images, from counts of their values."""
        channels = [torch.bincount(self.train[:, c].flatten(), minlength=256) for c in range(self.train.shape[1])]
        counts, values = torch.stack(channels).double(), torch.arange(256).double() / 255
        share = counts / counts.sum(1, keepdim=True)
        mean = share @ values
        std = ((values - mean[:, None]).square() * share).sum(1).sqrt()
        return mean.float(), std.float()

    def dataset(self, name: str, digest: str | None = None, statistics: Statistics | None = None) -> Dataset:
        """Return the data set.

        Args:
            name: of the data set.
            digest: of these contents, if it is already known.
            statistics: to normalise images with, of which the digest of the data set then speaks too.

        Raises:
            ValueError: if a channel to be normalised is constant.
        """
        digest, (mean, std) = digest or self.digest, statistics or (None, None)
        if mean is not None and std is not None:
            if not bool((std > 0).all()):
                raise ValueError(f"{name}: a channel of the training images is constant; set normalise: false.")
            digest = digest_of_bytes(digest.encode(), mean.numpy(), std.numpy())
        train = Split(Resident(self.train, mean, std), self.train_labels)
        return Dataset(name, train, Split(Resident(self.test, mean, std), self.test_labels), self.classes, digest)


def check_side(side: str, values: Tensor, labels: Int64[Tensor, " n"], classes: int) -> None:
    """Refuse a side that is empty, has other than one label an example, or a label that is no class.

    Raises:
        ValueError: beginning with how ``side`` is called.
    """
    if len(values) != len(labels):
        raise ValueError(f"{side} has {len(values)} examples and {len(labels)} labels; give one label an example.")
    if values.numel() == 0:
        raise ValueError(f"{side} is empty; give it at least one example.")
    wrong = ((labels < 0) | (labels >= classes)).nonzero()
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(
            f"{side} has label {int(labels[row])} in row {row}, and labels go from 0 to {classes - 1}; correct the "
            "label or the list of classes."
        )


def check_present(name: str, labels: Int64[Tensor, " n"], classes: tuple[str, ...]) -> None:
    """Refuse training labels among which a class is absent.

    Raises:
        ValueError: naming the first such class.
    """
    absent = (torch.bincount(labels, minlength=len(classes)) == 0).nonzero()
    if len(absent):
        which = classes[int(absent[0])]
        raise ValueError(f"{name}: class '{which}' has no training example; add one or leave the class out.")
