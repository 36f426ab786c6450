"""Centre of gravity: the rows farthest from the mean of all rows in the space of the penultimate layer.

Munjal, Hayat, Hayat, Sourati & Khan 2022, "Towards Robust and Reproducible Active Learning Using Neural Networks"
(CVPR); the rule is in their toolkit TorchAL, as `cog`.

Formula: `|| z(x) - m ||` with `z` the penultimate features and `m` their mean over labelled rows and pool.

Cost: `n * d` operations for n rows of width d.

Evidence: none is known to us; the published comparison of TorchAL does not report it. It takes outliers, alike ones
together.

Deviations: none in the rule. Distances are taken from differences in float64.
"""

import torch
from jaxtyping import Int64
from torch import Tensor

from torchal.query import QueryContext, Strategy

_CHUNK = 4096


class CentreOfGravity(Strategy):
    """Prefer the points that lie farthest from the mean of everything, labelled or not."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions of largest distance from the mean."""
        pool, labelled = ctx.embeddings, ctx.labelled_embeddings
        centre = (pool.sum(0, dtype=torch.float64) + labelled.sum(0, dtype=torch.float64)) / (len(pool) + len(labelled))
        return ctx.top(torch.cat([torch.linalg.vector_norm(part - centre, dim=1) for part in pool.split(_CHUNK)]))
