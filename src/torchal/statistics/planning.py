"""How sure one is, and what it would take to be surer: power, and where variance comes from."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

MOST = 10_000
"""Replications beyond which nobody is told a number."""


def power(deviation: float, effect: float, n: int, alpha: float = 0.05) -> float:
    """Return how likely a paired two-sided t test shows a true mean difference.

    Args:
        deviation: standard deviation of the differences.
        effect: the true mean difference.
        n: pairs.
        alpha: level of the test.

    Raises:
        ValueError: if there are fewer than two pairs, or the deviation is negative.
    """
    if n < 2 or deviation < 0:
        raise ValueError("power: needs two pairs and a deviation of at least 0; give both.")
    if deviation == 0:
        return float(effect != 0)
    shift = abs(effect) / deviation * np.sqrt(n)
    bound = stats.t.ppf(1 - alpha / 2, n - 1)
    wrong_side = np.nan_to_num(stats.nct.cdf(-bound, n - 1, shift))  # scipy has no number where it is as good as 0
    return float(stats.nct.sf(bound, n - 1, shift) + wrong_side)


def pairs_needed(deviation: float, effect: float, wanted: float = 0.8, alpha: float = 0.05) -> int | None:
    """Return how many pairs show a true mean difference with the power wanted; None if more than :data:`MOST`.

    Args:
        deviation: standard deviation of the differences.
        effect: the true mean difference, not 0.
        wanted: the power.
        alpha: level of the test.
    """
    low, high = 1, 2
    while power(deviation, effect, high, alpha) < wanted:
        low, high = high, 2 * high
        if low > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(deviation, effect, middle, alpha) >= wanted else (middle, high)
    return high


class Variance(NamedTuple):
    """Variances of a score, in squared units of the score."""

    partition: float
    """Between initial sets, common to all methods."""
    seed: float
    """Between trainings on one initial set, common to all methods."""
    residual: float
    """What is left: how methods respond differently to the same initial set and seed, and chance."""


def components(scores: ArrayLike) -> Variance:
    """Return where variance comes from, by the expected mean squares of a balanced nested design.

    Methods are fixed; partitions are random, seeds random within partitions. An estimate below 0 is 0.

    Args:
        scores: methods x partitions x seeds.

    Raises:
        ValueError: if there are fewer than two methods, partitions or seeds, or a score is missing.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 3 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise ValueError("scores: variances need two methods, partitions and seeds, and every score; give all.")
    methods, partitions, seeds = table.shape
    centred = table - table.mean(axis=(1, 2), keepdims=True)
    runs = centred.mean(axis=0)
    sets = runs.mean(axis=1)
    between = methods * seeds * (sets**2).sum() / (partitions - 1)
    within = methods * ((runs - sets[:, None]) ** 2).sum() / (partitions * (seeds - 1))
    left = ((centred - runs) ** 2).sum() / ((methods - 1) * (partitions * seeds - 1))
    estimates = ((between - within) / (methods * seeds), (within - left) / methods, left)
    return Variance(*(max(0.0, float(each)) for each in estimates))
