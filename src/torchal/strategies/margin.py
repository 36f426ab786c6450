"""Margin sampling: the smaller the lead of the most probable class over the second, the sooner.

Scheffer, Decomain & Wrobel 2001, "Active Hidden Markov Models for Information Extraction".

Deviation: rows are ranked by the log-odds of the margin ``p1 - p2``. The order is the same, but rows that the network
is almost sure of do not tie.
"""

from jaxtyping import Int64
from torch import Tensor

from torchal.kernels.confidence import closeness
from torchal.query import QueryContext, Strategy


class Margin(Strategy):
    """Prefer the points on which the two most probable classes are the closest."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions of smallest margin."""
        return ctx.top(closeness(ctx.logits))
