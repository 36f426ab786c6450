"""How unsure a softmax classifier is of each row, from its logits alone.

Everything is expressed by how far the other logits lie below the largest one, in float64. Probabilities near 1 differ
by less than their rounding, so ranking them ties all rows of a confident network; these distances do not. Adding a
constant to a row's logits changes nothing, so log-probabilities may be given as well. Cost: one sort along the classes.
"""

from jaxtyping import Float, Float64
from torch import Tensor


def doubt(logits: Float[Tensor, "rows classes"]) -> Float64[Tensor, " rows"]:
    """Return the log-odds against the most probable class, ``log((1 - p1) / p1)``; it rises with ``1 - p1``."""
    return _gaps(logits).logsumexp(-1)


def closeness(logits: Float[Tensor, "rows classes"]) -> Float64[Tensor, " rows"]:
    """Return the negative log-odds of the margin ``m = p1 - p2``, ``log((1 - m) / m)``; it falls with the margin.

    Infinite where the two largest logits are equal.
    """
    gaps = _gaps(logits)
    rival = gaps[:, 0]
    # (1 - m) / m = (e2 + e2 + e3 + ...) / (1 - e2) with e_k the odds of class k to the first: no cancellation anywhere
    return gaps.logsumexp(-1).logaddexp(rival) - (-rival.expm1()).log()


def softmax_entropy(logits: Float[Tensor, "rows classes"]) -> Float64[Tensor, " rows"]:
    """Return the entropy of the softmax in nats, as a sum of terms that are all positive."""
    gaps = _gaps(logits)
    odds = gaps.exp()
    total = odds.sum(-1)
    expected = (odds * gaps.clamp_min(-1e6)).sum(-1)  # bounded, so that a class of odds 0 counts 0, not 0 * infinity
    return total.log1p() - expected / (1 + total)


def _gaps(logits: Tensor) -> Tensor:
    """Return how far each other logit lies below the largest (numbers up to 0), the closest rival first."""
    ordered = logits.double().sort(dim=-1, descending=True).values
    return ordered[:, 1:] - ordered[:, :1]
