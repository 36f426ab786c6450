"""How sure the rank of a method is, when replications come in groups."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from torchal.statistics.several import Table


def rank_intervals(
    blocks: Sequence[ArrayLike], rng: np.random.Generator, level: float = 0.95, resamples: int = 2000
) -> Table:
    """Return rank, lowest and highest rank of each method, of all blocks one after the other; 1 is best.

    Groups are drawn with replacement as often as there are, for all methods of a block alike, so that what groups have
    in common does not blur how methods differ. The bounds hold the central share ``level`` of the ranks of the means.
    They are NaN of methods with one group. Tied methods share the best of their ranks.

    Args:
        blocks: methods x groups each, of methods that have their groups in common; higher is better.
        rng: what is drawn from.
        level: share of the ranks to hold.
        resamples: how often is drawn.

    Raises:
        ValueError: if there is no method, or a value is missing.
    """
    tables = [np.asarray(block, dtype=np.float64) for block in blocks]
    if not tables or any(each.ndim != 2 or not each.size or not np.isfinite(each).all() for each in tables):
        raise ValueError("blocks: ranks need methods x groups without gaps; give a value for each.")
    order = _ranks(np.concatenate([each.mean(axis=1) for each in tables])[None])[0]
    drawn = _ranks(np.concatenate([_drawn(each, rng, resamples) for each in tables], axis=1))
    parts = np.split(drawn, np.cumsum([len(each) for each in tables])[:-1], axis=1)
    bounds = [_bounds(ranks, each.shape[1], level) for ranks, each in zip(parts, tables, strict=True)]
    return np.column_stack([order, np.concatenate(bounds, axis=1).T])


def _bounds(ranks: NDArray[np.float64], groups: int, level: float) -> NDArray[np.float64]:
    """Return the lowest and the highest rank of each method of a block."""
    if groups == 1:
        return np.full((2, ranks.shape[1]), np.nan)
    outside = stats.norm.cdf(-np.sqrt(groups / (groups - 1)) * stats.t.ppf((1 + level) / 2, groups - 1))
    return np.asarray(np.quantile(ranks, [outside, 1 - outside], axis=0, method="inverted_cdf"))


def _ranks(means: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(stats.rankdata(-means, method="min", axis=1), dtype=np.float64)


def _drawn(table: NDArray[np.float64], rng: np.random.Generator, resamples: int) -> NDArray[np.float64]:
    """Return the means of the methods in some resamples: resamples x methods."""
    groups = table.shape[1]
    times = rng.multinomial(groups, np.full(groups, 1 / groups), size=resamples)
    return np.asarray(times @ table.T / groups)
