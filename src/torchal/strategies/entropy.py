"""Maximum entropy: the more spread out the predicted distribution, the sooner.

Shannon 1948 for the measure; Settles 2009, "Active Learning Literature Survey", for its use as a query rule.

Formula: the `b` rows of largest `-sum_c p_c log p_c`.

Cost: `n C` operations.

Evidence: close to margin sampling with two classes; behind it with many, where the tail of unlikely classes counts;
robust to the first labelled set (Ji et al. 2023).

Deviations: computed from logits, in nats, so that saturated rows keep their order.
"""

from jaxtyping import Int64
from torch import Tensor

from torchal.kernels.confidence import softmax_entropy
from torchal.query import QueryContext, Strategy


class Entropy(Strategy):
    """Prefer the points whose predicted distribution has the highest entropy."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions of highest entropy."""
        return ctx.top(softmax_entropy(ctx.logits))
