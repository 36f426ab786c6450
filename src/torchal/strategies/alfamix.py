"""ALFA-Mix: rows whose predicted class flips when their embedding is mixed with labelled ones, spread by k-means.

Parvaneh, Abbasnejad, Teney, Haffari, van den Hengel & Shi 2022, "Active Learning by Feature Mixing" (CVPR; its
closed-form interpolation).

Formula: an embedding z is mixed with the mean labelled embedding a of each class, by the weights that raise the loss
at the predicted class the most: `z + reach |a - z| g / |g|` with g the gradient of that loss; candidates are the rows
whose predicted class flips for some class; they are clustered by k-means into `b` clusters, each of which gives the
row nearest to its centroid.

Cost: `n d C` operations for gradients and as many for each class with labels, and k-means on the candidates.

Evidence: ahead of BADGE with few labels in its own paper; readers did not reach its CIFAR-100 figures (0.38 for
0.53).

Deviations: the weights of the mix are not clamped, so that the closed form can be written as above. With fewer
candidates than the budget, the rows of most flips and then of smallest margin are chosen, where the authors' code
reaches farther.
"""

from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from torchal.kernels.confidence import closeness
from torchal.kernels.middle import central
from torchal.kernels.ranking import ranks, top
from torchal.query import QueryContext, Strategy


class Alfamix(Strategy):
    """Prefer points whose class flips when they are mixed with labelled ones, spread over the embeddings."""

    order_free: ClassVar[bool] = False  # k-means starts from positions

    reach: float = Field(0.2, gt=0)
    """How far an embedding is moved, as a part of its distance from a class's mean."""

    @torch.no_grad()
    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions nearest to the centroids of the candidates."""
        flips = self._flips(ctx)
        candidates = top(ranks(flips, closeness(ctx.logits)), max(ctx.budget, int((flips > 0).sum())))
        return candidates[central(ctx.embeddings[candidates], ctx.budget, ctx.generator("k-means"))]

    def _flips(self, ctx: QueryContext) -> Int64[Tensor, " pool"]:
        """Return by how many classes' means a row's predicted class flips."""
        flips = torch.zeros(ctx.size, dtype=torch.int64, device=ctx.device)
        for part in torch.arange(ctx.size, device=ctx.device).split(4096):
            z, predicted = ctx.embeddings[part], ctx.predicted[part]
            errors = ctx.probabilities[part].to(z)
            errors[torch.arange(len(part), device=part.device), predicted] -= 1
            uphill = normalize(errors @ ctx.head.weight)
            for anchor in _anchors(ctx):
                moved = z + self.reach * torch.linalg.vector_norm(anchor - z, dim=1, keepdim=True) * uphill
                flips[part] += ctx.head(moved).argmax(1) != predicted
        return flips


def _anchors(ctx: QueryContext) -> list[Float[Tensor, " width"]]:
    """Return the mean labelled embedding of each class that has labels."""
    labels = ctx.labelled_labels.to(ctx.device)
    return [ctx.labelled_embeddings[labels == label].mean(0) for label in labels.unique()]
