"""Core-set: cover the pool, so that no point is far from a labelled one.

Sener & Savarese 2018, "Active Learning for Convolutional Neural Networks: A Core-Set Approach", the greedy k-centre
algorithm on the penultimate representation.

Formula: `b` times the row whose embedding is farthest from its nearest labelled or chosen one.

Cost: at most `(l + b) n d` operations for l labelled rows and width d; few of them are carried out.

Evidence: about random on CIFAR-10 and one to two points above it on CIFAR-100 in TorchAL's comparison; below random
on a linear head over CLIP features of CIFAR-100 (LabelBench 2024).

Deviations: the mixed integer programme, which improves on the greedy cover while setting outliers aside, is left out,
as it is in most comparisons. With nothing labelled, the first pick is the point nearest to the mean of the pool.
"""

from jaxtyping import Int64
from torch import Tensor

from torchal.kernels.k_centre import k_centre_greedy
from torchal.query import QueryContext, Strategy


class Coreset(Strategy):
    """Prefer the points that lie farthest from everything labelled or already chosen."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions in the order in which the greedy cover takes them."""
        return k_centre_greedy(ctx.embeddings, ctx.labelled_embeddings, ctx.budget)
