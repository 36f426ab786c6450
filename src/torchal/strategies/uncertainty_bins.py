"""Uncertainty bins: random rows from every level of confidence, from the highest level down.

Munjal, Hayat, Hayat, Sourati & Khan 2022, "Towards Robust and Reproducible Active Learning Using Neural Networks"
(CVPR); the rule is in their toolkit TorchAL, as `uncertainty_uniform_discretize`.

Formula: rows sorted by `max_c logit_c`, highest first, are cut into `bins` runs of equal length, of which each gives
`ceil(b / bins)` random rows until b are together.

Cost: a sort of the pool and a shuffle.

Evidence: none is known to us; the published comparison of TorchAL does not report it. Where `bins` does not divide
the budget, the least confident bins give few rows or none.

Deviations: a pool of fewer rows than `bins` has a bin for each row, where TorchAL fails; rows left over by the
division go to bins spread over all levels, where TorchAL adds them to the last; so no bin runs dry before b are
together. Draws are addressed, where TorchAL's are not seeded, and by rank, so that the order of the pool decides
between ties alone.
"""

import torch
from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from torchal.kernels.quota import stratified
from torchal.kernels.ranking import top
from torchal.query import QueryContext, Strategy


class UncertaintyBins(Strategy):
    """Prefer no level of confidence, though the most confident ones are served first."""

    bins: int = Field(500, ge=1)
    """Levels of confidence, of equally many rows; as many as rows if there are fewer of these."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return random positions from each level of confidence, the highest level first."""
        ranked = top(ctx.logits.amax(1), ctx.size)
        bins = min(self.bins, ctx.size)
        levels = torch.arange(ctx.size, device=ctx.device) * bins // ctx.size
        shares = torch.full((bins,), -(-ctx.budget // bins), device=ctx.device)
        return ranked[stratified(levels, shares, ctx.generator("bins"))[: ctx.budget]]
