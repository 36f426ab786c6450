"""Tests of paired differences, and their correction for how many there are.

All take one difference a partition, seeds averaged first: seeds of one partition share its initial labels.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

EXACT = 16
"""Up to so many differences all changes of sign are tried; beyond, as many as are asked for are drawn."""


class Equivalence(NamedTuple):
    """Whether a mean difference is smaller than a margin."""

    p: float
    """The larger of the two one-sided p-values."""
    low: float
    high: float
    """The interval of 1 - 2 alpha; it lies within the margin exactly where p is below alpha."""


def permutation(differences: ArrayLike, rng: np.random.Generator | None = None, draws: int = 100_000) -> float:
    """Return the two-sided p-value of the mean under changes of sign (Fisher's paired randomisation test).

    Args:
        differences: one for each pair.
        rng: what signs are drawn from where there are more than :data:`EXACT` differences.
        draws: how many, beside the signs that were observed.

    Raises:
        ValueError: if there is no difference, or too many to try all signs and nothing to draw from.
    """
    values = _finite(differences)
    observed = abs(values.sum())
    if len(values) <= EXACT:
        signs = np.array(list(product((1, -1), repeat=len(values))), dtype=np.float64)
        return float((_sums(signs, values) >= observed - _slack(values)).mean())
    if rng is None:
        raise ValueError(f"rng: {len(values)} differences have too many changes of sign to try all; give a generator.")
    hits = sum(
        int((_sums(rng.choice((-1.0, 1.0), (some, len(values))), values) >= observed - _slack(values)).sum())
        for some in _parts(draws, 10_000)
    )
    return (1 + hits) / (1 + draws)


def wilcoxon(differences: ArrayLike) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test; 1 if all differences are 0."""
    values = _finite(differences)
    return 1.0 if not values.any() else float(stats.wilcoxon(values).pvalue)


def equivalence(differences: ArrayLike, margin: float, alpha: float = 0.05) -> Equivalence:
    """Return Schuirmann's two one-sided t tests: whether the mean difference lies within the margin.

    Args:
        differences: one for each pair.
        margin: the largest difference that does not matter, on either side.
        alpha: the error that is allowed.

    Raises:
        ValueError: if there are fewer than two differences, or the margin is not above 0.
    """
    values = _finite(differences)
    if len(values) < 2 or not margin > 0:
        raise ValueError("equivalence: needs two differences and a margin above 0; give both.")
    mean, degrees = values.mean(), len(values) - 1
    error = values.std(ddof=1) / np.sqrt(len(values))
    half = stats.t.ppf(1 - alpha, degrees) * error
    if error == 0:
        return Equivalence(0.0 if abs(mean) < margin else 1.0, float(mean), float(mean))
    p = max(stats.t.sf((mean + margin) / error, degrees), stats.t.cdf((mean - margin) / error, degrees))
    return Equivalence(float(p), float(mean - half), float(mean + half))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p-values corrected for being looked at together (Holm 1979): the chance of any false finding is kept."""
    p = np.asarray(p_values, dtype=np.float64)
    order = p.argsort(kind="stable")
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1)
    return corrected


def _finite(differences: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError("differences: need one number for each pair, and at least one.")
    return values


def _sums(signs: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    sums: NDArray[np.float64] = np.abs(signs @ values)
    return sums


def _slack(values: NDArray[np.float64]) -> float:
    """Return how much sums of the same numbers in other orders may differ by rounding."""
    return float(np.abs(values).sum() * 1e-12)


def _parts(whole: int, part: int) -> list[int]:
    return [part] * (whole // part) + ([whole % part] if whole % part else [])
