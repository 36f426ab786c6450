"""Image data sets of any size, decoded when they are needed: what their sources have in common."""

from abc import abstractmethod
from multiprocessing import parent_process
from typing import Any, ClassVar, Literal

import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from rich.console import Console
from rich.markup import escape

from torchal.data.contents import check_present
from torchal.data.dataset import Dataset, Source
from torchal.data.dataset import Split as Side
from torchal.data.examined import Examined, Listed, examined
from torchal.data.labels import numbered
from torchal.data.sources.hub import Split, Title
from torchal.data.streamed import Streamed
from torchal.digest import canonical, digest_of_bytes

_STATISTICS = {"imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), "none": None}
"""Mean and standard deviation of each channel."""


class Streaming(Source):
    """Images that may be larger than memory."""

    augment: ClassVar[dict[str, Any]] = {"window": (0.08, 1.0), "flip": True}

    title: Title = ""
    """What the data set is called."""

    train: Split = "train"
    """Name of the training side."""

    test: Split = "test"
    """Name of the test side."""

    size: int = Field(224, ge=1)
    """Pixels of a side of the square that a network is shown."""

    resize: int = Field(256, ge=1)
    """Pixels that the short side is scaled to before the central square is cut out, where no window is drawn."""

    normalise: Literal["imagenet", "none"] = "imagenet"
    """``imagenet``: channels are shifted and scaled by the usual figures for ImageNet; ``none``: they stay in 0..1."""

    corrupt: Literal["refuse", "skip"] = "refuse"
    """Images that cannot be decoded are refused, or left out, which changes the numbers of the rows after them."""

    @model_validator(mode="after")
    def _consistent(self) -> "Streaming":
        if self.train == self.test:
            raise ValueError(f"train and test are both '{self.train}'; give separate sides")
        if self.resize < self.size:
            raise ValueError(f"resize {self.resize} is less than size {self.size}; make it at least as much")
        return self

    @abstractmethod
    def listed(self, side: str) -> tuple[Listed, NDArray[Any]]:
        """Return the images of a side, unread, and their labels, which no method of the images tells.

        Raises:
            ValueError: if there are none.
        """

    def load(self) -> Dataset:
        """Return the data set. Every image is read once to check it, which is remembered while nothing changes.

        Raises:
            ValueError: if a side is missing, an image is corrupt and to be refused, or a class has no training image.
        """
        (train, names, contents), (test, test_names, test_contents) = map(self._side, (self.train, self.test))
        if contents == test_contents:
            raise ValueError(f"{self.title}: the test images are the training images; give separate ones.")
        labels, test_labels, classes = numbered(self.title, names, test_names, train.classes)
        check_present(self.title, labels, classes)
        facts = [contents, test_contents, classes, self.size, self.resize, _STATISTICS[self.normalise]]
        digest = digest_of_bytes(canonical(facts).encode(), labels.numpy(), test_labels.numpy())
        sides = Side(self._inputs(train), labels), Side(self._inputs(test), test_labels)
        return Dataset(self.title, *sides, classes, digest)

    def _inputs(self, listed: Listed) -> Streamed:
        statistics = _STATISTICS[self.normalise]
        mean, std = map(torch.tensor, statistics) if statistics else (None, None)
        return Streamed(listed, listed.where, self.size, self.resize, mean, std)

    def _side(self, name: str) -> tuple[Listed, NDArray[Any], str]:
        """Return the usable images of one side, their labels, and the digest of their contents."""
        listed, labels = self.listed(name)
        found = examined(listed, f"{self.title} {name}")
        if not found.unreadable:
            return listed, labels, found.contents
        self._judge(listed, found)
        kept = [row for row in range(len(listed)) if listed.name(row) not in found.unreadable]
        return listed.only(kept), labels[kept], found.contents

    def _judge(self, listed: Listed, found: Examined) -> None:
        """Refuse images that cannot be decoded, or say that they are left out."""
        counted = f"{len(found.unreadable)} of {len(listed)} images of {listed.title}"
        name, fault = next(iter(found.unreadable.items()))
        if self.corrupt == "refuse":
            raise ValueError(
                f"{counted} cannot be used, of which the first, {name}, {fault.rpartition(';')[0]}; replace those that "
                f"{found.record} lists, or set corrupt: skip."
            )
        if len(found.unreadable) == len(listed):
            raise ValueError(f"{listed.title}: no image can be used, and {found.record} says why; replace them.")
        if parent_process() is None:  # what a worker loads, the process that began it has reported
            text = f"{counted} cannot be used and are left out; {found.record} lists them"
            Console(stderr=True).print(f"[yellow]skipped[/yellow] {escape(text)}", soft_wrap=True)
