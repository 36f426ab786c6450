"""PowerMargin: rows drawn with chances as a power of how small their margin is.

Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron & Gal 2023, "Stochastic Batch Acquisition: A Simple Baseline
for Deep Active Learning" (TMLR), applied to margin sampling.

Formula: the top b of `log (1 - (p1 - p2)) + g / beta`, with `p1` and `p2` the two highest probabilities and `g`
standard Gumbel noise; that is b draws without replacement with chances as `(1 - p1 + p2) ** beta`.

Cost: as margin sampling, and two more sorts of the pool.

Evidence: the noise helped several scores in its own paper. The score is listed as PowerMargin in comparisons of
others, of which no figures are known to us.

Deviations: none. The logarithm of the score is computed from logits, so that rows which the network is almost sure of
keep their chances.
"""

from typing import ClassVar

from jaxtyping import Int64
from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from torchal.kernels.confidence import closeness
from torchal.kernels.noise import powered
from torchal.query import QueryContext, Strategy


class Powermargin(Strategy):
    """Prefer, at random, the points on which the two most probable classes are close."""

    order_free: ClassVar[bool] = False  # each position has its own noise

    beta: float = Field(1.0, gt=0)
    """Power of the scores: near 0 the draw is uniform, and the larger it is, the nearer to taking the best."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return drawn positions, first drawn first."""
        # the sigmoid undoes the log-odds that margins are ranked by
        return ctx.top(powered(logsigmoid(closeness(ctx.logits)), self.beta, ctx.generator("power")))
