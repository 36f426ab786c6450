"""UncertainGCN: the rows on which a graph network that tells labelled rows from the pool is nearest to a margin.

Caramalau, Bhattarai & Kim 2021, "Sequential Graph Convolutional Network for Active Learning" (CVPR).

Formula: a two-layer graph network on the cosine similarities of the embeddings is trained with binary cross-entropy
`-mean log s(labelled) - balance * mean log(1 - s(pool))`; the choice is the `b` rows of smallest `|s - margin|`.

Cost: `epochs` steps of `n * d * hidden` operations for n rows and width d.

Evidence: no comparison under one protocol is known to us.

Deviations: the graph has the whole pool in it, where the paper draws 10,000 rows (`subsample` does that). It links
each pair of rows, as in the paper, but is never built. Where embeddings have both signs, 1 is added to similarities.
"""

from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from torchal.models.own.graph import GraphTraining, Similarities
from torchal.query import QueryContext, Strategy


class Uncertaingcn(GraphTraining, Strategy):
    """Prefer the points that a graph network is unsure to be unlabelled."""

    order_free: ClassVar[bool] = False  # the network drops units by position

    margin: float = Field(0.1, ge=0, le=1)
    """Probability of being labelled that is sought."""

    @torch.no_grad()
    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions nearest to the margin."""
        graph = Similarities(torch.cat([ctx.labelled_embeddings, ctx.embeddings]))
        network = ctx.own("graph", partial(self.build, graph), partial(self.learn, graph, ctx.known)).eval()
        return ctx.top(-(network(graph)[ctx.known :].sigmoid() - self.margin).abs())
