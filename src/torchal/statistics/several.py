"""Several methods at once: ranks over data sets, the paper's tests of equal means, and who beats whom how often."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Table = NDArray[np.float64]


class Ranks(NamedTuple):
    """Methods ranked on each of several data sets or settings."""

    mean: Table
    """Mean rank of each method; 1 is best."""
    p: float
    """Of Friedman's test that all methods are alike."""
    critical: float
    """Mean ranks that lie less far apart than this are not told apart (Nemenyi's test)."""


def ranks(scores: ArrayLike, alpha: float = 0.05) -> Ranks:
    """Return mean ranks, Friedman's test and Nemenyi's critical difference; ties get the mean of their ranks.

    As in Demsar 2006, "Statistical Comparisons of Classifiers over Multiple Data Sets".

    Args:
        scores: settings x methods; higher is better.
        alpha: level of the critical difference.

    Raises:
        ValueError: if there are fewer than two settings or three methods.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] < 3 or not np.isfinite(table).all():
        raise ValueError(
            "scores: ranks need two settings and three methods with a score each; give settings x methods."
        )
    settings, methods = table.shape
    order = stats.rankdata(-table, axis=1)
    spread = stats.studentized_range.ppf(1 - alpha, methods, np.inf) / np.sqrt(2)
    critical = spread * np.sqrt(methods * (methods + 1) / (6 * settings))
    same = (table == table[:, :1]).all()
    p = 1.0 if same else float(stats.friedmanchisquare(*table.T).pvalue)
    return Ranks(order.mean(axis=0), p, float(critical))


class EqualMeans(NamedTuple):
    """The tests of Munjal et al. 2022: whether any method differs, and which pairs do."""

    any_differs: float
    """p-value of Kruskal & Wallis's test."""
    pairs: Table
    """p-values of Games & Howell's test, methods x methods, corrected for the number of pairs."""


def equal_means(samples: Sequence[ArrayLike]) -> EqualMeans:
    """Return the paper's two tests. They take runs as independent, so they know nothing of pairs.

    Args:
        samples: the scores of each method's runs.

    Raises:
        ValueError: if there are fewer than two methods, or one has fewer than two runs.
    """
    arrays = [np.asarray(sample, dtype=np.float64) for sample in samples]
    if len(arrays) < 2 or min(map(len, arrays)) < 2:
        raise ValueError("samples: the tests need two methods with two runs each; give more.")
    return EqualMeans(float(stats.kruskal(*arrays).pvalue), stats.tukey_hsd(*arrays, equal_var=False).pvalue)


def penalty(differences: ArrayLike, alpha: float = 0.05) -> Table:
    """Return how often each method beats each other one.

    The pairwise penalty matrix of Ash et al. 2020, "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower
    Bounds".

    Row i, column j is the share of the settings in which i is better than j by a paired t test, so a good method has a
    high row and a low column.

    Args:
        differences: settings x methods x methods x replications: the score of i less that of j in each pair of runs.
        alpha: level of each two-sided test.

    Raises:
        ValueError: if it is not of that shape, or has fewer than two replications.
    """
    table = np.asarray(differences, dtype=np.float64)
    if table.ndim != 4 or table.shape[1] != table.shape[2] or table.shape[3] < 2 or not table.shape[0]:
        raise ValueError("differences: give settings x methods x methods x replications, two replications at least.")
    mean, error = table.mean(axis=3), table.std(axis=3, ddof=1) / np.sqrt(table.shape[3])
    beyond = stats.t.ppf(1 - alpha / 2, table.shape[3] - 1) * error
    return np.asarray((mean > beyond).mean(axis=0))
