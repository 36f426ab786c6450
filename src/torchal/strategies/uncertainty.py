"""Uncertainty sampling by least confidence: the lower the probability of the predicted class, the sooner.

Lewis & Gale 1994, "A Sequential Algorithm for Training Text Classifiers"; for more than two classes as in Culotta &
McCallum 2005, "Reducing Labeling Effort for Structured Prediction Tasks".

Formula: the `b` rows of largest `1 - max_c p_c`.

Cost: `n C` operations.

Evidence: from below random at 20 % of CIFAR-10 to two points above it at 40 % in TorchAL's comparison, which changes
with the first labelled set.

Deviations: rows are ranked by the log-odds against the predicted class. The order is the same, but rows that the
network is almost sure of do not tie.
"""

from jaxtyping import Int64
from torch import Tensor

from torchal.kernels.confidence import doubt
from torchal.query import QueryContext, Strategy


class Uncertainty(Strategy):
    """Prefer the points whose predicted class is the least probable."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions of least confidence."""
        return ctx.top(doubt(ctx.logits))
