"""What may be proposed for one field of a recipe."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Self

import numpy as np
from optuna.trial import Trial
from pydantic import BeforeValidator, Field, JsonValue, model_validator

from torchal.digest import canonical
from torchal.spec import Spec, one_or_many

Label = str | int | float | bool | None
"""What Optuna takes as one of some values."""

When = dict[str, Annotated[tuple[Label, ...], BeforeValidator(one_or_many)]]


class Domain(Spec, ABC):
    """Values for one field, proposed under a condition or always."""

    when: When = Field(default_factory=dict)
    """Other fields, by path, and the values they must have for this one to be proposed: ``{optimizer: sgd}``."""

    def met(self, values: Mapping[str, Any]) -> bool:
        """Return whether a recipe, by path, fulfils the condition."""
        return all(values.get(path) in wanted for path, wanted in self.when.items())

    @abstractmethod
    def suggest(self, trial: Trial, path: str) -> Any:
        """Return what a trial proposes."""

    @abstractmethod
    def examples(self) -> tuple[Any, ...]:
        """Return values that show whether a recipe can take what is proposed."""

    @abstractmethod
    def grid(self) -> tuple[Any, ...]:
        """Return the values of a grid.

        Raises:
            ValueError: if it is not said how many.
        """

    @abstractmethod
    def label(self, value: Any) -> Label:
        """Return a value as Optuna knows it."""


class Range(Domain):
    """Numbers between two ends, both included."""

    low: float
    """Smallest value proposed."""

    high: float
    """Largest value proposed."""

    log: bool = False
    """Draw uniformly in the logarithm."""

    integer: bool = False
    """Propose whole numbers."""

    points: int | None = Field(None, ge=2)
    """For sampler ``grid``: how many values it takes, evenly spaced (in the logarithm for ``log``)."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} must be less than high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low:g} must be above 0 for log: true")
        return self

    def suggest(self, trial: Trial, path: str) -> float | int:
        """Return what a trial proposes."""
        if self.integer:
            return trial.suggest_int(path, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(path, self.low, self.high, log=self.log)

    def examples(self) -> tuple[Any, ...]:
        """Return values that show whether a recipe can take what is proposed."""
        if self.integer:
            return int(self.low), int(self.high)
        return self.low, self.high, self.low + 0.381 * (self.high - self.low)  # no whole number between whole ones

    def grid(self) -> tuple[Any, ...]:
        """Return the values of a grid."""
        if self.points is None:
            raise ValueError("a grid needs to know how many values to take; add points, such as points: 4")
        spaced = (np.geomspace if self.log else np.linspace)(self.low, self.high, self.points)
        inside = np.clip(spaced, self.low, self.high)  # rounding must not lead out of the range
        return tuple(dict.fromkeys(inside.round().astype(int).tolist() if self.integer else inside.tolist()))

    def label(self, value: float) -> Label:
        """Return a value as Optuna knows it."""
        return value


class Choice(Domain):
    """One of some values."""

    choices: tuple[JsonValue, ...] = Field(min_length=1)
    """The values, each as likely as the others: text, numbers, true, false, null, or whole parts such as
    ``{epochs: 50}`` for ``swa``."""

    def suggest(self, trial: Trial, path: str) -> JsonValue:
        """Return what a trial proposes."""
        labels = [self.label(each) for each in self.choices]
        return self.choices[labels.index(trial.suggest_categorical(path, labels))]

    def examples(self) -> tuple[Any, ...]:
        """Return values that show whether a recipe can take what is proposed."""
        return self.choices

    def grid(self) -> tuple[Any, ...]:
        """Return the values of a grid: all."""
        return self.choices

    def label(self, value: JsonValue) -> Label:
        """Return a value as Optuna knows it: parts as text."""
        return canonical(value) if isinstance(value, dict | list) else value


def by_shape(value: Any) -> Any:
    """Read a list as a choice and ``{low, high}`` as a range, so that errors speak of the one that was meant."""
    if isinstance(value, list | tuple):
        value = {"choices": value}
    if isinstance(value, dict):
        return (Choice if "choices" in value else Range).model_validate(value)
    return value


AnyDomain = Annotated[Range | Choice, BeforeValidator(by_shape)]
