"""Which recipes a search may propose."""

from typing import Annotated, Any, Self

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from torchal.spec import Spec
from torchal.training.recipe import Recipe


class Range(Spec):
    """Numbers between two ends, both included."""

    low: float
    """Smallest value proposed."""

    high: float
    """Largest value proposed."""

    log: bool = False
    """Draw uniformly in the logarithm."""

    integer: bool = False
    """Propose whole numbers."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} must be less than high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low:g} must be above 0 for log: true")
        return self

    def distribution(self) -> BaseDistribution:
        """Return it as Optuna says it."""
        if self.integer:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def examples(self) -> tuple[Any, ...]:
        """Return values that show whether a recipe can take what is proposed."""
        return (int(self.low), int(self.high)) if self.integer else (self.low, self.high)


class Choice(Spec):
    """One of some values."""

    choices: tuple[str | int | float | bool, ...] = Field(min_length=1)
    """The values, each as likely as the others."""

    def distribution(self) -> BaseDistribution:
        """Return it as Optuna says it."""
        return CategoricalDistribution(self.choices)

    def examples(self) -> tuple[Any, ...]:
        """Return values that show whether a recipe can take what is proposed."""
        return self.choices


def _by_shape(value: Any) -> Any:
    """Read a list as a choice and ``{low, high}`` as a range, so that errors speak of the one that was meant."""
    if isinstance(value, list | tuple):
        value = {"choices": value}
    if isinstance(value, dict):
        return (Choice if "choices" in value else Range).model_validate(value)
    return value


def _sorted(space: dict[str, Any]) -> dict[str, Any]:
    """Samplers draw field by field, so the order in which people write the fields must not reach them."""
    return dict(sorted(space.items()))


Space = Annotated[dict[str, Annotated[Range | Choice, BeforeValidator(_by_shape)]], AfterValidator(_sorted)]
"""Path of a recipe's field, such as ``lr`` or ``augment.crop``, to what may be proposed for it, sorted by path."""

PAPER: Space = {
    "batch": Choice(choices=(8, 16, 32, 64, 128, 256, 512)),
    "lr": Range(low=1e-5, high=1e-2, log=True),
    "optimizer": Choice(choices=("sgd", "adam")),
    "weight_decay": Range(low=1e-8, high=1e-3, log=True),
}
"""The search space of Munjal et al. (CVPR 2022)."""

STRONG: Space = {
    "augment.randaugment.magnitude": Range(low=1, high=9, integer=True),
    "augment.randaugment.operations": Range(low=1, high=15, integer=True),
    **PAPER,
}
"""Their search space for strong regularisation."""

SPACES = {"paper": PAPER, "strong": STRONG}
"""Spaces by name."""


def proposed(recipe: Recipe, proposal: dict[str, Any]) -> Recipe:
    """Return a recipe with some fields, given by path, replaced.

    Raises:
        pydantic.ValidationError: if the recipe cannot take a value or has no such field.
    """
    document = recipe.document()
    for path, value in proposal.items():
        *parents, last = path.split(".")
        place = document
        for part in parents:
            if place.get(part) is None:
                place[part] = {}
            place = place[part]
        place[last] = value
    return Recipe.model_validate(document)


def check(space: Space, recipe: Recipe) -> None:
    """Refuse a space that proposes what the recipe cannot take.

    Raises:
        ValueError: naming the path and the value.
    """
    if "init" in space:
        raise ValueError("space.init: where a training begins belongs to the protocol; set recipe.init and remove it")
    for path, domain in space.items():
        for value in domain.examples():
            try:
                proposed(recipe, {path: value})
            except (ValueError, AttributeError) as error:
                raise ValueError(f"space.{path} may propose {value!r}, which the recipe refuses: {error}") from error
