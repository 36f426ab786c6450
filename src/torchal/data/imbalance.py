"""How many rows each class has, where classes are not alike.

``torchal`` is the curve of Munjal et al. 2022, "Towards Robust and Reproducible Active Learning Using Neural Networks",
as their code computes it: class i of C counts as floor(a + k exp(-d (i + 1/2))), scaled to the size asked for. Their
constants are for 10 and for 100 classes; other numbers of classes take the curve of 10 stretched over them. The long
tail is that of Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples": class i has
ratio^(-i/(C-1)) times the rows of class 0. The step is that of Buda et al. 2018, "A systematic study of the class
imbalance problem in convolutional neural networks": two groups of classes, equal within.
"""

import math
from abc import abstractmethod
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

import torch
from jaxtyping import Int64
from pydantic import BeforeValidator, Field
from torch import Tensor

from torchal.data.size import Share
from torchal.spec import Spec


class Imbalance(Spec):
    """A shape of class counts. Class 0 has most rows and the last class least."""

    @abstractmethod
    def weights(self, classes: int) -> tuple[Fraction, ...]:
        """Return how the counts of the classes are to each other."""

    def counts(self, total: int, classes: int) -> tuple[int, ...]:
        """Return how many of so many rows each class has, rounded by largest remainders; of equal ones the first."""
        weights = self.weights(classes)
        exact = [total * weight / sum(weights) for weight in weights]
        counts = [math.floor(each) for each in exact]
        by_remainder = sorted(range(classes), key=lambda c: counts[c] - exact[c])
        for c in by_remainder[: total - sum(counts)]:
            counts[c] += 1
        return tuple(counts)

    def most(self, available: tuple[int, ...]) -> tuple[int, ...]:
        """Return the largest counts of this shape that so many rows of each class allow.

        Raises:
            ValueError: if a class would have no row.
        """
        weights = self.weights(len(available))
        scale = min(Fraction(rows) / weight for rows, weight in zip(available, weights, strict=True))
        counts = tuple(math.floor(scale * weight) for weight in weights)
        if min(counts) < 1:
            raise ValueError(
                f"pool.imbalance: leaves class {counts.index(min(counts))} without a row, of {min(available)} to "
                f"{max(available)} that each class has; make it milder"
            )
        return counts


class LongTail(Imbalance):
    """Counts that fall by the same factor from class to class."""

    long_tail: float = Field(ge=1)
    """Rows of the first class for one of the last."""

    def weights(self, classes: int) -> tuple[Fraction, ...]:
        """Return how the counts of the classes are to each other."""
        steps = max(1, classes - 1)
        return tuple(Fraction(self.long_tail ** (-c / steps)) for c in range(classes))


class Step(Imbalance):
    """Many rows of the first classes and few of the others."""

    step: float = Field(ge=1)
    """Rows of a class of the majority for one of a class of the minority."""

    minority: Share = 0.5
    """Share of the classes that are in the minority, rounded to the nearest number of classes and at least one."""

    def weights(self, classes: int) -> tuple[Fraction, ...]:
        """Return how the counts of the classes are to each other."""
        few = min(max(1, math.floor(self.minority * classes + 0.5)), classes)
        return (Fraction(self.step),) * (classes - few) + (Fraction(1),) * few


class Torchal(Imbalance):
    """The published curve of TorchAL's imbalanced initial sets."""

    torchal: Literal[True]

    _CURVES: ClassVar[dict[int, tuple[int, int, float]]] = {10: (500, 4000, 0.32), 100: (100, 400, 0.046)}

    def weights(self, classes: int) -> tuple[Fraction, ...]:
        """Return how the counts of the classes are to each other."""
        stretched = (500, 4000, 3.2 / classes)
        least, scale, decay = self._CURVES.get(classes, stretched)
        return tuple(Fraction(math.floor(least + scale * math.exp(-decay * (c + 0.5)))) for c in range(classes))


def _described(value: Any) -> Any:
    if value is None or isinstance(value, Imbalance):
        return value
    if value == "torchal":
        return Torchal(torchal=True)
    kinds: dict[str, type[Imbalance]] = {"long_tail": LongTail, "step": Step, "torchal": Torchal}
    found = [kind for kind in kinds if isinstance(value, dict) and kind in value]
    if len(found) != 1:
        raise ValueError("is no imbalance; give {long_tail: 100}, {step: 10, minority: 50%} or torchal")
    return kinds[found[0]].model_validate(value)


AnyImbalance = Annotated[LongTail | Step | Torchal | None, BeforeValidator(_described)]
"""One of the three, told apart by their key, or none."""


def firsts(
    order: Int64[Tensor, " n"], labels: Int64[Tensor, " rows"], counts: tuple[int, ...]
) -> tuple[Int64[Tensor, " some"], Int64[Tensor, " others"]]:
    """Return the first rows of each class in an order, as many as asked for, and the others, both in that order.

    Raises:
        ValueError: naming the class that has too few.
    """
    wanted = torch.tensor(counts, dtype=torch.int64)
    classes = labels[order]
    available = torch.bincount(classes, minlength=len(counts))
    short = (available < wanted).nonzero()
    if len(short):
        c = int(short[0])
        raise ValueError(f"imbalance: asks for {counts[c]} rows of class {c}, and there are {int(available[c])}")
    places = classes.argsort(stable=True)  # class by class, each in the order's order
    begin = (available.cumsum(0) - available)[classes[places]]
    early = torch.empty_like(classes, dtype=torch.bool)
    early[places] = torch.arange(len(order)) - begin < wanted[classes[places]]
    return order[early], order[~early]
