"""Choosing by score."""

from jaxtyping import Int64, Real
from torch import Tensor


def top(scores: Real[Tensor, " rows"], k: int) -> Int64[Tensor, " k"]:
    """Return the indices of the k highest scores, highest first; of equal scores the lowest index first.

    Cost: one stable sort.

    Raises:
        ValueError: if a score is NaN, which no order has a place for, or if there are fewer than k scores.
    """
    unknown = scores.isnan().nonzero()
    if len(unknown):
        raise ValueError(
            f"scores: {len(unknown)} of {len(scores)} are NaN, the first at index {int(unknown[0])}; "
            "look for a network that diverged, or for 0 * log 0 in the score."
        )
    if k > len(scores):
        raise ValueError(f"k: {k} exceeds the {len(scores)} scores; ask for at most that many.")
    return scores.argsort(descending=True, stable=True)[:k]
