"""Folders of photographs in any number, arranged as ImageNet is, decoded when they are needed.

Deng, Dong, Socher, Li, Li & Fei-Fei, "ImageNet: A Large-Scale Hierarchical Image Database", CVPR 2009, whose labelled
validation images serve as the test side, as is usual. Rows follow the names of classes and files; TorchAL followed the
order in which its file system listed them, so its sets of row numbers mean other images here.
"""

from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray
from pydantic import model_validator

from torchal.data.listing import Listing, labels_of
from torchal.data.sources._streaming import Streaming
from torchal.data.sources.hub import Split


class Folder(Streaming):
    """A folder of images, ``train/CLASS/*.jpg`` and ``val/CLASS/*.jpg``, that may be larger than memory."""

    locations: ClassVar[frozenset[str]] = frozenset({"path"})

    path: Path
    """The folder."""

    test: Split = "val"
    """Name of the folder of test images."""

    @model_validator(mode="before")
    @classmethod
    def _entitle(cls, value: Any) -> Any:
        """Name the data set after its folder: reports and names of runs must tell it from others."""
        if isinstance(value, dict) and value.get("path") and not value.get("title"):
            return value | {"title": Path(value["path"]).resolve().name or "images"}
        return value

    def listed(self, side: str) -> tuple[Listing, NDArray[Any]]:
        """Return the image files of a side, and the class of each by name."""
        if not (self.path / side).is_dir():
            raise ValueError(
                f"{self.path}: there is no folder '{side}' in it; set path, train and test to what is there."
            )
        listing = Listing.of(self.path / side)
        if len(listing) == 0:
            raise ValueError(
                f"{listing.folder}: has no image in a folder of its class, such as CLASS/1.jpg; arrange it so."
            )
        return listing, labels_of(listing)
