"""CoreGCN: core-set on features of a graph network that tells labelled rows from the pool.

Caramalau, Bhattarai & Kim 2021, "Sequential Graph Convolutional Network for Active Learning" (CVPR).

Formula: a two-layer graph network on the cosine similarities of the embeddings is trained with binary cross-entropy
`-mean log s(labelled) - balance * mean log(1 - s(pool))`; the choice is greedy k-centre on its hidden features.

Cost: `epochs` steps of `n * d * hidden` operations for n rows and width d, and the k-centre selection.

Evidence: average rank 6.5 in CDALBench (2024), where random has 7.0; a reader who repeated its CIFAR-10 curve had it
four points above random at 5,000 labels. TorchAL lists it, but its code for it is commented out.

Deviations: the graph has the whole pool in it, where the paper draws 10,000 rows (`subsample` does that). It links
each pair of rows, as in the paper, but is never built. Where embeddings have both signs, 1 is added to similarities.
"""

from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Int64
from torch import Tensor

from torchal.kernels.k_centre import k_centre_greedy
from torchal.models.own.graph import GraphTraining, Similarities
from torchal.query import QueryContext, Strategy


class Coregcn(GraphTraining, Strategy):
    """Prefer the points that lie farthest from everything labelled in the features of a graph network."""

    order_free: ClassVar[bool] = False  # the network drops units by position

    @torch.no_grad()
    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions in the order in which the greedy cover takes them."""
        graph = Similarities(torch.cat([ctx.labelled_embeddings, ctx.embeddings]))
        network = ctx.own("graph", partial(self.build, graph), partial(self.learn, graph, ctx.known))
        hidden = network.hidden(graph)
        return k_centre_greedy(hidden[ctx.known :], hidden[: ctx.known], ctx.budget)
