"""Who answers when a label is asked for, how often wrongly, and at what price."""

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from jaxtyping import Float64, Int64
from pydantic import BeforeValidator, Field, field_validator
from torch import Tensor

from torchal.data.noise import AnyNoise, Noise, position
from torchal.data.partition import Partition
from torchal.digest import digest_of_bytes
from torchal.rng import Address
from torchal.spec import Spec


class Prices(Spec):
    """What a label costs. It may be given as one number."""

    each: float = Field(1.0, gt=0)
    """A label of a class that is not named below."""

    classes: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """A label of certain classes, by name. It is known only once the label is."""

    none: Annotated[float, Field(gt=0)] | None = None
    """The answer that an example belongs to none of the classes; by default ``each``."""

    @field_validator("classes", mode="before")
    @classmethod
    def _as_names(cls, value: Any) -> Any:
        return {str(name): price for name, price in value.items()} if isinstance(value, dict) else value

    def of(self, names: tuple[str, ...]) -> Float64[Tensor, "classes_and_none"]:
        """Return the price of each class and, last, of none.

        Raises:
            ValueError: if there is no such class.
        """
        found = torch.full((len(names) + 1,), self.each, dtype=torch.float64)
        for name, price in self.classes.items():
            found[position(name, names, "oracle.price.classes")] = price
        found[-1] = self.each if self.none is None else self.none
        return found


def _priced(value: Any) -> Any:
    return {"each": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


class Answers(Spec):
    """How labels are given: by default all are right and cost the same."""

    noise: AnyNoise = None
    """Wrong labels: ``{symmetric: 10%}``, ``{flip: {cat: dog}, rate: 40%}`` or ``{confusion: FILE.csv}``."""

    price: Annotated[Prices, BeforeValidator(_priced)] = Prices()
    """What a label costs: a number, or ``{each: 1, classes: {cat: 3}, none: 0.5}``. It counts where ``setting.budget``
    is a cost."""


@dataclass(frozen=True)
class Oracle:
    """Tells the label of a row. The answer belongs to the row: it is the same whenever it is asked."""

    answers: Int64[Tensor, " n"]
    """What it says of each row; -1 for none of the classes."""
    prices: Float64[Tensor, "classes_and_none"]
    """Of an answer of each class and, last, of none, on the CPU."""

    def labels(self, rows: Int64[Tensor, " some"]) -> Int64[Tensor, " some"]:
        """Return the labels of rows of the training side."""
        return self.answers[rows]

    def told(self, rows: Int64[Tensor, " some"]) -> Int64[Tensor, " known"]:
        """Return those of some rows that belong to a class, in their order."""
        rows = rows.to(self.answers.device)
        return rows[self.answers[rows] >= 0]

    def cost(self, rows: Int64[Tensor, " some"]) -> Float64[Tensor, " some"]:
        """Return what the answer for each row costs."""
        return self.prices[self.answers[rows.to(self.answers.device)].cpu()]

    def affordable(self, rows: Int64[Tensor, " some"], money: float) -> Int64[Tensor, " first"]:
        """Return the first rows, up to the first that the money left cannot pay."""
        paid = self.cost(rows).cumsum(0)
        return rows[: int((paid <= money + 1e-9 * max(1.0, money)).sum())]

    @property
    def digest(self) -> str:
        """The SHA-256 over answers and prices."""
        return digest_of_bytes(self.answers.cpu().numpy(), self.prices.numpy())


def asked(spec: Answers, truth: Int64[Tensor, " n"], rows: Partition, names: tuple[str, ...], where: Address) -> Oracle:
    """Return the oracle of a training side.

    Args:
        spec: how labels are given.
        truth: the right ones; -1 for none of the classes.
        rows: the first partition, which says what labels are initial, queried or for validation.
        names: of the classes.
        where: address of the noise: no seed and no cycle is in it, so that all trainings meet the same labels.

    Raises:
        ValueError: if the noise or a price names what there is not.
    """
    prices = spec.price.of(names)
    if spec.noise is None:
        return Oracle(truth, prices)
    wrong, answers = spec.noise.given(truth, names, where), truth.clone()
    for place, part in (("initial", rows.labelled), ("queried", rows.pool), ("validation", rows.validation)):
        if place in spec.noise.touches:
            part = part.to(truth.device)  # noqa: PLW2901 - the same rows, where they are needed
            answers[part] = wrong[part]
    return Oracle(answers, prices)


def tested(noise: Noise | None, truth: Int64[Tensor, " n"], names: tuple[str, ...], where: Address) -> Tensor:
    """Return the labels of the test side: the right ones, unless noise was asked for there."""
    if noise is None or "test" not in noise.touches:
        return truth
    return noise.given(truth, names, (*where, "test"))
