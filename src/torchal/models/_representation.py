"""What models on representations from elsewhere have in common: the files they come from, and a head on vectors."""

import re
from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from torchal.data.dataset import Dataset, Resident
from torchal.data.files import digests
from torchal.digest import digest_of
from torchal.models import Classifier, Model
from torchal.models.mlp import Mlp

_LONG = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{32,}\b")
"""Digests and commits, of which people need the first eight digits."""


class Representation(Model):
    """A head on what files hold. Results depend on the contents of the files, and not on where they lie."""

    locations: ClassVar[frozenset[str]] = frozenset({"path"})

    path: Path | None = None
    """File or folder."""

    digest: str = ""
    """SHA-256 of what lies at ``path``: filled in from there, and if given, refused where it is another."""

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Units of each hidden layer of the head; with none the head is linear."""

    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of units dropped after each hidden layer, or without one of the features; above 0 for MC-dropout."""

    @property
    def family(self) -> Literal["scratch", "head", "finetuned"]:
        """A head on fixed features."""
        return "head"

    @classmethod
    @abstractmethod
    def files(cls, path: Path) -> list[Path]:
        """Return the files at a path that results depend on, in a fixed order.

        Raises:
            ValueError: if one is missing, or cannot be used.
        """

    @model_validator(mode="before")
    @classmethod
    def _digested(cls, value: Any) -> Any:
        if not (isinstance(value, dict) and isinstance(value.get("path"), str | Path)):
            return value
        files = cls.files(Path(value["path"]))
        found = digest_of([[file.name, digest] for file, digest in zip(files, digests(files), strict=True)])
        if (value.get("digest") or found) != found:
            raise ValueError(
                f"digest: what lies at {value['path']} changed since this was written; remove digest to accept that"
            )
        return value | {"digest": found}

    @property
    def label(self) -> str:
        """The name, the name of the file with the start of its digest, and whatever differs from the defaults."""
        named = super().label.replace("digest=", f"{self.path.resolve().name}@" if self.path else "")
        return _LONG.sub(r"\1", named)

    def head(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the head on vectors.

        Raises:
            ValueError: if the shape is not that of a vector.
        """
        if len(shape) != 1:
            raise ValueError(
                f"model {self.plugin_name()}: its head takes vectors, not shape {shape}; build it for the data "
                "set that its prepare returns."
            )
        return Mlp(hidden=self.hidden, dropout=self.dropout).build(shape, classes)


def with_vectors(
    data: Dataset, train: Float[Tensor, "train width"], test: Float[Tensor, "test width"], digest: str
) -> Dataset:
    """Return the data set with other inputs, which its new digest speaks of, on the device it is on."""
    device = data.train.labels.device
    train_side = replace(data.train, inputs=Resident(train.to(device)))
    return replace(data, train=train_side, test=replace(data.test, inputs=Resident(test.to(device))), digest=digest)
