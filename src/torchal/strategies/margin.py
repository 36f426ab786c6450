"""Margin sampling: the smaller the lead of the most probable class over the second, the sooner.

Scheffer, Decomain & Wrobel 2001, "Active Hidden Markov Models for Information Extraction".

Formula: the `b` rows of smallest `p_(1) - p_(2)`, the two largest probabilities.

Cost: a sort of each row's C classes.

Evidence: second to the oracle alone by average rank in CDALBench (2024), and ahead of random in LabelBench (2024);
among the cheapest strategies that are hard to beat with large budgets.

Deviations: rows are ranked by the log-odds of the margin. The order is the same, but rows that the network is almost
sure of do not tie.
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
