"""Uncertainty mix: half of the budget for the least confident predictions, and half for the most confident.

Munjal, Hayat, Hayat, Sourati & Khan 2022, "Towards Robust and Reproducible Active Learning Using Neural Networks"
(CVPR); the rule is in their toolkit TorchAL.

Formula: the `floor(b / 2)` rows of lowest `max_c p_c`, then the `b - floor(b / 2)` others of highest `max_c p_c`.

Cost: a sort of the classes for each of the n rows, and two sorts of the pool.

Evidence: none is known to us; the published comparison of TorchAL does not report it.

Deviations: rows are ranked by the log-odds against the predicted class, so that rows which the network is almost sure
of do not tie.
"""

import torch
from jaxtyping import Int64
from torch import Tensor

from torchal.kernels.confidence import doubt
from torchal.kernels.ranking import top
from torchal.query import QueryContext, Strategy


class UncertaintyMix(Strategy):
    """Prefer the points at both ends: those the network is the least sure of, and those it is the most sure of."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the least confident half, then the most confident one."""
        scores = doubt(ctx.logits)
        unsure = top(scores, ctx.budget // 2)
        sure = top((-scores).index_fill(0, unsure, -torch.inf), ctx.budget - len(unsure))
        return torch.cat([unsure, sure])
