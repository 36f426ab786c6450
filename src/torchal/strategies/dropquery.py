"""DropQuery: rows whose predicted class does not survive dropout on the embeddings, one from each of `b` clusters.

Gupte, Aklilu, Nirschl & Yeung-Levy 2024, "Revisiting Active Learning in the Era of Vision Foundation Models" (TMLR).

Formula: units of the embeddings are dropped with probability `rate`, `samples` times; candidates are the rows whose
predicted class changes in more than half of the samples; they are clustered by k-means into `b` clusters, each of
which gives the row nearest to its centroid.

Cost: `samples n d C` operations, and k-means on the candidates.

Evidence: made for frozen features of foundation models, where its own paper has it ahead of BADGE, TypiClust and
ALFA-Mix on most data sets.

Deviations: a sample drops the same units for all rows, as everywhere here. With fewer candidates than the budget, the
rows of most changes and then of smallest margin are chosen.
"""

from typing import ClassVar

import torch
from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from torchal.kernels.confidence import closeness
from torchal.kernels.middle import central
from torchal.kernels.ranking import ranks, top
from torchal.query import QueryContext, Strategy


class Dropquery(Strategy):
    """Prefer points whose class hangs on few features, spread over the embeddings."""

    order_free: ClassVar[bool] = False  # k-means starts from positions

    samples: int = Field(3, ge=1)
    """Times that units are dropped."""
    rate: float = Field(0.75, gt=0, lt=1)
    """Probability to drop a unit."""

    @torch.no_grad()
    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions nearest to the centroids of the candidates."""
        changes = self._changes(ctx)
        count = max(ctx.budget, int((2 * changes > self.samples).sum()))
        candidates = top(ranks(changes, closeness(ctx.logits)), count)
        return candidates[central(ctx.embeddings[candidates], ctx.budget, ctx.generator("k-means"))]

    def _changes(self, ctx: QueryContext) -> Int64[Tensor, " pool"]:
        """Return how often a row's predicted class is another one."""
        drawn = torch.rand(self.samples, ctx.embeddings.shape[1], generator=ctx.generator("dropout"))
        masks = ((drawn >= self.rate) / (1 - self.rate)).to(ctx.embeddings)
        changes = torch.zeros(ctx.size, dtype=torch.int64, device=ctx.device)
        for mask in masks:
            for part in torch.arange(ctx.size, device=ctx.device).split(4096):
                changes[part] += ctx.head(ctx.embeddings[part] * mask).argmax(1) != ctx.predicted[part]
        return changes
