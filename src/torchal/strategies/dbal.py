"""DBAL: deep Bayesian active learning by maximum entropy of the mean Monte-Carlo dropout prediction.

Gal, Islam & Ghahramani 2017, "Deep Bayesian Active Learning with Image Data" (their acquisition function Max
Entropy).

Formula: the `b` rows of largest entropy of `mean_t p_t`, over networks sampled by dropout.

Cost: `samples` passes of what follows the first active dropout, and `samples n C` operations.

Evidence: half a point to one and a half above random from 20 to 40 % of CIFAR-10 in TorchAL's comparison; not above
it on CIFAR-100 before 40 %.

Deviations: a sample drops the same units for every row, where others draw a mask for each row, so that it is one
network and the choice does not depend on the order of the pool. Nats instead of bits, which changes no order. Where
probabilities are exactly 0 they count 0, so that certain rows rank last and are not NaN.
"""

from typing import ClassVar

from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from torchal.kernels.information import entropy
from torchal.query import QueryContext, Strategy


class Dbal(Strategy):
    """Prefer the points on which the sampled networks, taken together, are the least sure."""

    samples_dropout: ClassVar[bool] = True

    samples: int = Field(25, ge=2)
    """Networks drawn by dropout. More cost proportionally more time and make the choice less noisy."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions of highest entropy of the mean prediction."""
        return ctx.top(entropy(ctx.mc_probabilities(self.samples).mean(0)))
