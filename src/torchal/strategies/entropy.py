"""Maximum entropy: the more spread out the predicted distribution, the sooner.

Shannon 1948 for the measure; Settles 2009, "Active Learning Literature Survey", for its use as a query rule.

Deviation: none in the rule. The entropy is computed from logits, in nats, so that saturated rows keep their order.
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
