"""What a training depends on beside its recipe and its address."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torchal.data.dataset import Examples
from torchal.digest import digest_of_bytes
from torchal.models import Model


@dataclass(frozen=True)
class Previous:
    """The weights that the cycle before ended with."""

    path: Path
    digest: str


@dataclass(frozen=True)
class Task:
    """A network to train, what it learns from and what it is validated on. Test data have no place in it."""

    model: Model
    labelled: Examples
    validation: Examples | None
    classes: int
    dataset: str
    """Digest of the data set that the rows refer to."""
    previous: Previous | None = None
    """The weights to begin with, for a recipe that goes on from the cycle before."""

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What a result depends on, as JSON values: contents by digest."""
        return {
            "model": self.model.identity(),
            "dataset": self.dataset,
            "classes": self.classes,
            "labelled": _digest(self.labelled),
            "validation": None if self.validation is None else _digest(self.validation),
        } | ({"previous": self.previous.digest} if self.previous else {})


def _digest(examples: Examples) -> str:
    return digest_of_bytes(examples.rows.cpu().numpy(), b"|", examples.labels.cpu().numpy())
