"""Folders of photographs in any number, arranged as ImageNet is, decoded when they are needed.

Deng, Dong, Socher, Li, Li & Fei-Fei, "ImageNet: A Large-Scale Hierarchical Image Database", CVPR 2009, whose labelled
validation images serve as the test side, as is usual. Rows follow the names of classes and files; TorchAL followed the
order in which its file system listed them, so its sets of row numbers mean other images here.
"""

from multiprocessing import parent_process
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from rich.console import Console
from rich.markup import escape

from torchal.data.contents import check_present
from torchal.data.dataset import Dataset, Source
from torchal.data.dataset import Split as Side
from torchal.data.examined import Examined, examined
from torchal.data.labels import numbered
from torchal.data.listing import Listing, labels_of
from torchal.data.sources.hub import Split, Title
from torchal.data.streamed import Streamed
from torchal.digest import canonical, digest_of_bytes

_STATISTICS = {"imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), "none": None}
"""Mean and standard deviation of each channel."""


class Folder(Source):
    """A folder of images, ``train/CLASS/*.jpg`` and ``val/CLASS/*.jpg``, that may be larger than memory."""

    locations: ClassVar[frozenset[str]] = frozenset({"path"})

    augment: ClassVar[dict[str, Any]] = {"window": (0.08, 1.0), "flip": True}

    path: Path
    """The folder."""

    title: Title = ""
    """What the data set is called; by default the name of the folder."""

    train: Split = "train"
    """Name of the folder of training images."""

    test: Split = "val"
    """Name of the folder of test images."""

    size: int = Field(224, ge=1)
    """Pixels of a side of the square that a network is shown."""

    resize: int = Field(256, ge=1)
    """Pixels that the short side is scaled to before the central square is cut out, where no window is drawn."""

    normalise: Literal["imagenet", "none"] = "imagenet"
    """``imagenet``: channels are shifted and scaled by the usual figures for ImageNet; ``none``: they stay in 0..1."""

    corrupt: Literal["refuse", "skip"] = "refuse"
    """Images that cannot be decoded are refused, or left out, which changes the numbers of the rows after them."""

    @model_validator(mode="before")
    @classmethod
    def _entitle(cls, value: Any) -> Any:
        """Name the data set after its folder: reports and names of runs must tell it from others."""
        if isinstance(value, dict) and value.get("path") and not value.get("title"):
            return value | {"title": Path(value["path"]).resolve().name or "images"}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> "Folder":
        if self.train == self.test:
            raise ValueError(f"train and test are both '{self.train}'; give separate folders")
        if self.resize < self.size:
            raise ValueError(f"resize {self.resize} is less than size {self.size}; make it at least as much")
        return self

    def load(self) -> Dataset:
        """Return the data set. Every image is read once to check it, which is remembered while no file changes.

        Raises:
            ValueError: if a folder is missing, an image is corrupt and to be refused, or a class has no training image.
        """
        (train, contents), (test, test_contents) = (self._side(name) for name in (self.train, self.test))
        if contents == test_contents:
            raise ValueError(f"{self.path}: the test images are the training images; give separate ones.")
        labels, test_labels, classes = numbered(self.title, labels_of(train), labels_of(test), train.classes)
        check_present(self.title, labels, classes)
        facts = [contents, test_contents, classes, self.size, self.resize, _STATISTICS[self.normalise]]
        digest = digest_of_bytes(canonical(facts).encode(), labels.numpy(), test_labels.numpy())
        sides = Side(self._inputs(train), labels), Side(self._inputs(test), test_labels)
        return Dataset(self.title, *sides, classes, digest)

    def _inputs(self, listing: Listing) -> Streamed:
        statistics = _STATISTICS[self.normalise]
        mean, std = map(torch.tensor, statistics) if statistics else (None, None)
        return Streamed(listing, listing.where, self.size, self.resize, mean, std)

    def _side(self, name: str) -> tuple[Listing, str]:
        """Return the usable images of one side, and the digest of their contents."""
        if not (self.path / name).is_dir():
            raise ValueError(
                f"{self.path}: there is no folder '{name}' in it; set path, train and test to what is there."
            )
        listing = Listing.of(self.path / name)
        if len(listing) == 0:
            raise ValueError(
                f"{listing.folder}: has no image in a folder of its class, such as CLASS/1.jpg; arrange it so."
            )
        found = examined(listing, f"{self.title} {name}")
        if found.unreadable:
            self._judge(listing, found)
        return listing.without(found.unreadable), found.contents

    def _judge(self, listing: Listing, found: Examined) -> None:
        """Refuse images that cannot be decoded, or say that they are left out."""
        counted = f"{len(found.unreadable)} of {len(listing)} images of {listing.folder}"
        name, fault = next(iter(found.unreadable.items()))
        if self.corrupt == "refuse":
            raise ValueError(
                f"{counted} cannot be used, of which the first, {name}, {fault.rpartition(';')[0]}; replace those that "
                f"{found.record} lists, or set corrupt: skip."
            )
        if len(found.unreadable) == len(listing):
            raise ValueError(f"{listing.folder}: no image can be used, and {found.record} says why; replace them.")
        if parent_process() is None:  # what a worker loads, the process that began it has reported
            text = f"{counted} cannot be used and are left out; {found.record} lists them"
            Console(stderr=True).print(f"[yellow]skipped[/yellow] {escape(text)}", soft_wrap=True)
