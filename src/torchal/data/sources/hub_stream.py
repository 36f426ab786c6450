"""Image data sets from the Hugging Face hub, or from parquet files, decoded when they are needed.

Lhoest et al., "Datasets: A Community Library for Natural Language Processing", EMNLP 2021 (demonstrations): that
library keeps them on disk as tables that are mapped into memory, and converts parquet files to such tables once.
"""

from glob import escape
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray
from pydantic import model_validator

from torchal.data.files import digests
from torchal.data.sides import mapped, split_on_hub
from torchal.data.sources._streaming import Streaming
from torchal.data.table import Table, labels_in
from torchal.digest import digest_of


class HubStream(Streaming):
    """Any image data set of the Hugging Face hub, or parquet files, that may be larger than memory."""

    locations: ClassVar[frozenset[str]] = frozenset({"path"})

    repo: str | None = None
    """Name on the hub, such as ``ILSVRC/imagenet-1k``."""

    config: str | None = None
    """Configuration of the data set on the hub, where it has several."""

    revision: str | None = None
    """Branch, tag or commit on the hub; the newest if not given."""

    path: Path | None = None
    """Local folder with ``train*.parquet`` and ``test*.parquet``; in the place of ``repo``."""

    image_column: str = "image"
    """Column of the images."""

    label_column: str = "label"
    """Column of the labels."""

    @model_validator(mode="before")
    @classmethod
    def _entitle(cls, value: Any) -> Any:
        """Name the data set after where it comes from: reports and names of runs must tell it from others."""
        if not isinstance(value, dict) or value.get("title") or not (value.get("path") or value.get("repo")):
            return value
        place = Path(value["path"]).resolve().name if value.get("path") else str(value["repo"]).rpartition("/")[2]
        return value | {"title": place or "images"}

    @model_validator(mode="after")
    def _one_place(self) -> "HubStream":
        if (self.repo is None) == (self.path is None):
            raise ValueError("needs repo, a name on the hub, or path, a local folder; give one of them")
        return self

    def listed(self, side: str) -> tuple[Table, NDArray[Any]]:
        """Return the rows of a side, and their labels."""
        if self.path is None:
            data = split_on_hub(str(self.repo), self.config, self.revision, side)
            title, digest = f"{self.repo} ({side})", digest_of(["hub", data._fingerprint])  # noqa: SLF001 - no public name
        else:
            files = sorted(self.path.glob(f"{escape(side)}*.parquet"))
            if not files:
                raise ValueError(
                    f"{self.path}: there is no {side}*.parquet; set path, train and test to what is there."
                )
            data, title = mapped(files), f"{self.path}/{side}*.parquet"
            digest = digest_of(["parquet", self.image_column, digests(files)])
        table, column = data.data.table, self.label_column
        names = getattr(data.features.get(column), "names", None)
        rows = Table.of(table, (self.image_column, column), tuple(names) if names else None, title, digest)
        return rows, labels_in(table, column, title)
