"""Choosing by score."""

import torch
from jaxtyping import Int64, Real, Shaped
from torch import Tensor


def top(scores: Real[Tensor, " rows"], k: int) -> Int64[Tensor, " k"]:
    """Return the indices of the k highest scores, highest first; of equal scores the lowest index first.

    Cost: one stable sort.

    Raises:
        ValueError: if a score is NaN, which no order has a place for, or if there are fewer than k scores.
    """
    _refuse_nan(scores)
    if k > len(scores):
        raise ValueError(f"k: {k} exceeds the {len(scores)} scores; ask for at most that many.")
    return scores.argsort(descending=True, stable=True)[:k]


def ranks(*scores: Shaped[Tensor, " rows"]) -> Int64[Tensor, " rows"]:
    """Return integers that rise with the first score, among equals with the second, and so on; equal rows stay equal.

    Cost: a sort for each score.

    Raises:
        ValueError: if a score is NaN.
    """
    for score in scores:
        _refuse_nan(score)
    rank = torch.zeros(len(scores[0]), dtype=torch.int64, device=scores[0].device)
    for score in scores:
        levels, level = score.unique(return_inverse=True)
        rank = (rank * len(levels) + level).unique(return_inverse=True)[1]
    return rank


def _refuse_nan(scores: Tensor) -> None:
    unknown = scores.isnan().nonzero()
    if len(unknown):
        raise ValueError(
            f"scores: {len(unknown)} of {len(scores)} are NaN, the first at index {int(unknown[0])}; "
            "look for a network that diverged, or for 0 * log 0 in the score."
        )
