"""Cluster-stratified random: random rows, equally many from each cluster of the embeddings.

Own rule; the plain baseline of stratification by where rows lie, with the clusters of Lloyd 1982, "Least Squares
Quantization in PCM".

Formula: k-means parts the pool into `clusters`; the budget is spread over them as evenly as their sizes allow, and
each share is drawn at random.

Cost: `n * clusters * d` operations for each of at most 100 iterations of k-means, for n rows of width d.

Evidence: field studies ask for stronger random baselines, of which this is one kind; no figures for it are known to
us.

Deviations: none. Where the clusters do not divide the budget, the first ones give one row more; they have no order.
"""

from typing import ClassVar

from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from torchal.kernels.lloyd import kmeans
from torchal.kernels.quota import quotas, stratified
from torchal.query import QueryContext, Strategy


class ClusterStratifiedRandom(Strategy):
    """Prefer nothing but that each region of the embeddings be there equally often."""

    order_free: ClassVar[bool] = False  # clusters start from rows drawn by position

    clusters: int = Field(50, ge=1)
    """Clusters of the pool; as many as rows if there are fewer of these."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return random positions, cluster after cluster."""
        clusters = min(self.clusters, ctx.size)
        cluster_of, _ = kmeans(ctx.embeddings, clusters, ctx.generator("clusters"))
        shares = quotas(cluster_of.bincount(minlength=clusters), ctx.budget)
        return stratified(cluster_of, shares, ctx.generator("stratified"))
