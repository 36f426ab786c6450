"""Cluster-Margin: rows of small margin, taken from as many clusters as possible.

Citovsky, DeSalvo, Gentile, Karydas, Rajagopalan, Rostamizadeh & Kumar 2021, "Batch Active Learning at Scale"
(NeurIPS).

Formula: the `factor b` rows of smallest margin are clustered by their embeddings (hierarchically, average linkage)
into at most `b` clusters; from the smallest cluster to the largest and round again, each gives its row of smallest
margin.

Cost: `m^2 d` operations and `4 m^2` bytes for m candidates.

Evidence: made for pools of millions and batches of 100,000 rows in its own paper; no comparison under one protocol is
known to us.

Deviations: the candidates are clustered, at most `candidates` of them, where the paper clusters the whole pool once;
the number of clusters is set in place of a distance; a cluster gives its row of smallest margin, where the paper
draws one.
"""

import torch
from jaxtyping import Int64
from pydantic import Field
from scipy.cluster.hierarchy import fcluster, linkage
from torch import Tensor

from torchal.kernels.confidence import closeness
from torchal.kernels.ranking import top
from torchal.query import QueryContext, Strategy


class ClusterMargin(Strategy):
    """Prefer points on which the two most probable classes are close, from many clusters."""

    factor: int = Field(10, ge=1)
    """How many times the budget is clustered."""
    candidates: int = Field(8192, ge=2)
    """Candidates at most, unless the budget is larger."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions, cluster after cluster."""
        count = min(ctx.size, max(ctx.budget, min(self.factor * ctx.budget, self.candidates)))
        candidates = top(closeness(ctx.logits), count)
        cluster = _clusters(ctx.embeddings[candidates], ctx.budget)
        return candidates[_round_robin(cluster)[: ctx.budget]]


def _clusters(points: Tensor, most: int) -> Int64[Tensor, " points"]:
    if len(points) == 1:
        return torch.zeros(1, dtype=torch.int64, device=points.device)
    tree = linkage(points.double().cpu().numpy(), method="average")
    found = fcluster(tree, most, criterion="maxclust")
    return torch.from_numpy(found).long().to(points.device) - 1


def _round_robin(cluster: Int64[Tensor, " points"]) -> Int64[Tensor, " points"]:
    """Return all points, the first of every cluster before any second, within a round from the smallest cluster up."""
    sizes = cluster.bincount()
    by_cluster = cluster.argsort(stable=True)
    starts = sizes.cumsum(0) - sizes
    turn = torch.empty_like(cluster)
    turn[by_cluster] = torch.arange(len(cluster), device=cluster.device) - starts[cluster[by_cluster]]
    return (turn * (len(cluster) + 1) + sizes[cluster]).argsort(stable=True)
