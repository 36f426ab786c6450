"""What a training depends on beside its recipe and its address."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torchal.data.dataset import Examples
from torchal.digest import digest_of_bytes
from torchal.models import Model


@dataclass(frozen=True)
class Task:
    """A network to train, what it learns from and what it is validated on. Test data have no place in it."""

    model: Model
    labelled: Examples
    validation: Examples | None
    classes: int
    dataset: str
    """Digest of the data set that the rows refer to."""

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What a result depends on, as JSON values: contents by digest."""
        return {
            "model": self.model.identity(),
            "dataset": self.dataset,
            "classes": self.classes,
            "labelled": _digest(self.labelled),
            "validation": None if self.validation is None else _digest(self.validation),
            "normalised": _moments(self.labelled),
        }


def _digest(examples: Examples) -> str:
    return digest_of_bytes(examples.rows.cpu().numpy(), b"|", examples.labels.cpu().numpy())


def _moments(examples: Examples) -> list[list[float]] | None:
    inputs = examples.inputs
    if inputs.mean is None or inputs.std is None:
        return None
    return [inputs.mean.tolist(), inputs.std.tolist()]
