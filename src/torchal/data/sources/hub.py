"""Image data sets from the Hugging Face hub, or from a folder on this machine.

Lhoest et al., "Datasets: A Community Library for Natural Language Processing", EMNLP 2021 (demonstrations), for what
comes from the hub; a folder is read without that library.
"""

import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from torchal.data.cache import cached
from torchal.data.contents import Contents
from torchal.data.dataset import Dataset, Source
from torchal.data.images import decoded
from torchal.data.labels import numbered
from torchal.data.sides import Sides, in_folder, on_hub

Title = Annotated[str, Field(pattern=r"^([^./\\][^/\\]*)?$")]
"""A name that can be a folder's: without slashes, not beginning with a dot."""
Split = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
"""A name that files and folders can start with."""


class Hub(Source):
    """Any image data set of the Hugging Face hub, or local parquet files or folders of images."""

    locations: ClassVar[frozenset[str]] = frozenset({"path"})

    pixels: ClassVar[int | None] = None
    """Side of the square images that a preset promises."""
    classes: ClassVar[int | None] = None
    """Number of classes that a preset promises."""

    repo: str | None = None
    """Name on the hub, such as ``uoft-cs/cifar10``."""

    config: str | None = None
    """Configuration of the data set on the hub, where it has several."""

    revision: str | None = None
    """Branch, tag or commit on the hub; the newest if not given."""

    path: Path | None = None
    """Local folder with ``train*.parquet`` and ``test*.parquet``, or ``train/CLASS/*.png`` and ``test/CLASS/*.png``.

    Else ``$TORCHAL_DATA/TITLE`` is read if it exists, and else the hub.
    """

    title: Title = ""
    """What the data set is called; by default the last part of ``repo``, or the name of the folder."""

    image_column: str = "image"
    """Column of the images."""

    label_column: str = "label"
    """Column of the labels."""

    train: Split = "train"
    """Name of the training split, which local files or folders start with."""

    test: Split = "test"
    """Name of the test split, which local files or folders start with."""

    size: int | None = Field(None, ge=1)
    """Pixels of a side of the square that every image is scaled to; needed if images differ in size."""

    grey: bool = False
    """Whether images become one channel of brightness instead of red, green and blue."""

    normalise: bool = False
    """Whether each channel is shifted and scaled by mean and standard deviation of the training side."""

    @model_validator(mode="before")
    @classmethod
    def _entitle(cls, value: Any) -> Any:
        """Name a data set that is only a folder after it: reports and names of runs must tell it from others."""
        if isinstance(value, dict) and value.get("path") and not (value.get("title") or cls._preset(value)):
            return value | {"title": Path(value["path"]).resolve().name or "images"}
        return value

    @classmethod
    def _preset(cls, value: dict[str, Any]) -> bool:
        return bool(value.get("repo") or cls.model_fields["repo"].default)

    @model_validator(mode="after")
    def _two_sides(self) -> "Hub":
        if not (self.repo or self.path):
            raise ValueError("needs repo, a name on the hub, or path, a local folder; give one of them")
        if self.train == self.test:
            raise ValueError(f"train and test are both '{self.train}'; give separate splits")
        return self

    @property
    def called(self) -> str:
        """The data set's name in messages, and of its folder in ``$TORCHAL_DATA``."""
        return self.title or str(self.repo).rpartition("/")[2]

    def load(self) -> Dataset:
        """Return the data set, decoded once and then read from the cache.

        Raises:
            ValueError: if it cannot be found, a file or image is corrupt, or it is not what a preset promises.
        """
        found = self._found()
        options = {"columns": [self.image_column, self.label_column], "size": self.size, "grey": self.grey}
        promises = {"pixels": self.pixels, "classes": self.classes}
        kept = cached({"sides": found.made_of, **options, **promises}, partial(self._decoded, found))
        return kept.contents.dataset(self.called, kept.digest, kept.statistics if self.normalise else None)

    def _found(self) -> Sides:
        splits, columns = (self.train, self.test), (self.image_column, self.label_column)
        everywhere = os.environ.get("TORCHAL_DATA")
        folder = self.path
        if folder is None and everywhere and (Path(everywhere) / self.called).is_dir():
            folder = Path(everywhere) / self.called
        if folder is not None:
            return in_folder(folder, splits, columns)
        return on_hub(str(self.repo), self.config, self.revision, splits, columns)

    def _decoded(self, found: Sides) -> Contents:
        train, test = found.train(), found.test()
        names = train.classes or (tuple(map(str, range(self.classes))) if self.classes else None)
        labels, test_labels, names = numbered(self.called, train.labels, test.labels, names)
        images, test_images = (
            decoded(side, self.size, self.grey, f"{self.called} {name}")
            for side, name in ((train, self.train), (test, self.test))
        )
        contents = Contents(images, labels, test_images, test_labels, names).checked(self.called)
        self._check_promise(contents)
        return contents

    def _check_promise(self, contents: Contents) -> None:
        """Refuse another data set under a preset's name."""
        if self.classes not in (None, len(contents.classes)):
            raise ValueError(
                f"{self.called}: has {self.classes} classes, and {len(contents.classes)} were found; is path right?"
            )
        height, width = contents.train.shape[2:]
        if self.size is None and self.pixels is not None and (height, width) != (self.pixels, self.pixels):
            raise ValueError(
                f"{self.called}: has images of {self.pixels} x {self.pixels} pixels, and those found are {width} x "
                f"{height}; is path right?"
            )
