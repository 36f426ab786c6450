"""PowerBALD: rows drawn with chances as a power of BALD's score, so that a batch is not all of one kind.

Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron & Gal 2023, "Stochastic Batch Acquisition: A Simple Baseline
for Deep Active Learning" (TMLR).

Formula: the top b of `log s + g / beta`, with `s` the mutual information between a row's label and the weights (by
Monte-Carlo dropout) and `g` standard Gumbel noise; that is b draws without replacement with chances as `s ** beta`.

Cost: as BALD, `samples` passes of what lies after the first dropout, and a sort.

Evidence: on MNIST with repeated images ahead of BALD and BADGE and level with BatchBALD at a fraction of its cost, in
its own paper.

Deviations: rows of score 0, which have no chance, come last in random order, so that any budget is met. One dropout
mask for all rows, as in `bald`.
"""

from typing import ClassVar

from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from torchal.kernels.information import mutual_information
from torchal.kernels.noise import powered
from torchal.query import QueryContext, Strategy


class Powerbald(Strategy):
    """Prefer, at random, the points on which the sampled networks are each sure and together disagree."""

    order_free: ClassVar[bool] = False  # each position has its own noise
    samples_dropout: ClassVar[bool] = True

    samples: int = Field(25, ge=2)
    """Networks drawn by dropout. More cost proportionally more time and make the scores less noisy."""
    beta: float = Field(1.0, gt=0)
    """Power of the scores: near 0 the draw is uniform, and the larger it is, the nearer to taking the best."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return drawn positions, first drawn first."""
        scores = mutual_information(ctx.mc_probabilities(self.samples))
        return ctx.top(powered(scores.log(), self.beta, ctx.generator("power")))
