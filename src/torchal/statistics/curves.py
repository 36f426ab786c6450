"""Learning curves as numbers: the area under them, and the labels that one of them saves."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Labels(NamedTuple):
    """Labels that a baseline needs for what another method reaches."""

    needed: float
    """The smallest number at which the baseline's curve is as high; its last number where it never is."""
    at_least: bool
    """Whether the baseline never gets there, so that it needs more than that."""


def area(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the score averaged over the budget: the trapezoid under the curve divided by its range.

    Raises:
        ValueError: if labels do not rise, or there is not one score for each.
    """
    x, y = _curve(labels, scores)
    return float(y[0]) if len(x) == 1 else float(np.trapezoid(y, x) / (x[-1] - x[0]))


def labels_needed(labels: ArrayLike, scores: ArrayLike, reached: float) -> Labels:
    """Return how many labels a baseline needs to reach a score, its curve being straight between points.

    What a curve has once reached counts, though it may fall again. A score below the first point needs the labels of
    the first.

    Args:
        labels: at which the baseline was measured, rising.
        scores: what it had there.
        reached: the score to reach.

    Raises:
        ValueError: if labels do not rise, or there is not one score for each.
    """
    x, y = _curve(labels, scores)
    if reached > y.max():
        return Labels(float(x[-1]), at_least=True)
    end = int((y >= reached).argmax())
    if end == 0:
        return Labels(float(x[0]), at_least=False)
    share = (reached - y[end - 1]) / (y[end] - y[end - 1])
    return Labels(float(x[end - 1] + share * (x[end] - x[end - 1])), at_least=False)


def _curve(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if x.ndim != 1 or not len(x) or x.shape != y.shape or (np.diff(x) <= 0).any() or not np.isfinite(y).all():
        raise ValueError("curve: labels must rise, with a score for each; sort them and drop what was not measured.")
    return x, y
