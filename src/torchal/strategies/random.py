"""Random sampling: the baseline that every other strategy has to beat.

Own rule, which needs no source.

Formula: the first `b` rows of one shuffle of the pool. The shuffle depends on the address of the query and the size
of the pool alone, so a larger budget extends the choice of a smaller one.

Cost: one shuffle of n numbers. The network is not asked.

Evidence: under one protocol and with strong regularisation no strategy in TorchAL's comparison (Munjal et al. 2022)
beats it consistently.

Deviations: none.
"""

from typing import ClassVar

import torch
from jaxtyping import Int64
from torch import Tensor

from torchal.query import QueryContext, Strategy


class Random(Strategy):
    """Prefer nothing: every set of rows is equally likely."""

    order_free: ClassVar[bool] = False

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the first positions of a shuffle."""
        return torch.randperm(ctx.size, generator=ctx.generator("random"))[: ctx.budget]
