"""BALD: Bayesian active learning by disagreement, the mutual information between a label and the weights.

Houlsby, Huszár, Ghahramani & Lengyel 2011, "Bayesian Active Learning for Classification and Preference Learning"; by
Monte-Carlo dropout as in Gal, Islam & Ghahramani 2017, "Deep Bayesian Active Learning with Image Data".

Deviations: a sample drops the same units for every row, where others draw a mask for each row, so that it is one
network and the choice does not depend on the order of the pool. Nats instead of bits, which changes no order.
"""

from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from torchal.kernels.information import mutual_information
from torchal.query import QueryContext, Strategy


class Bald(Strategy):
    """Prefer the points on which the sampled networks are each sure and together disagree."""

    samples: int = Field(25, ge=2)
    """Networks drawn by dropout. More cost proportionally more time and make the choice less noisy."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions of highest mutual information."""
        return ctx.top(mutual_information(ctx.mc_probabilities(self.samples)))
