"""BADGE: batch active learning by diverse gradient embeddings, k-means++ seeding on gradients of the last layer.

Ash, Zhang, Krishnamurthy, Langford & Agarwal 2020, "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower
Bounds" (ICLR; Algorithm 1).

Formula: row x has the gradient embedding `(p - e_y) z`, an outer product, with y its predicted class and z its
embedding; rows are drawn one by one in proportion to their squared distance from the nearest one drawn before.

Cost: proportional to `b^2 (C + d)` and two passes of `n (C + d)`; the `n C d` numbers of the gradients are never
built.

Evidence: best overall with pretrained networks in Lüth et al. 2023 and robust to the first labelled set in Ji et al.
2023; with strong augmentation about level with uncertainty (Beck et al. 2021).

Deviations: the first row is the one of largest gradient, as in the authors' code, where k-means++ draws it uniformly.
The draws have the same law as plain k-means++, but are made by rejection.
"""

from typing import ClassVar

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from torchal.kernels.seeding import kmeanspp
from torchal.query import QueryContext, Strategy


class Badge(Strategy):
    """Prefer points whose gradients would be large and unlike each other."""

    order_free: ClassVar[bool] = False  # draws go by position

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions in the order in which they are drawn."""
        errors = _errors(ctx.log_probabilities)
        lengths = torch.linalg.vector_norm(errors, dim=1) * _norms(ctx.embeddings)
        return kmeanspp(errors, ctx.embeddings, ctx.budget, ctx.generator("draws"), first=int(lengths.argmax()))


def _norms(embeddings: Float[Tensor, "rows width"]) -> Float64[Tensor, " rows"]:
    """Return the norms of the rows, without a copy of all of them in float64."""
    norms = torch.empty(len(embeddings), dtype=torch.float64, device=embeddings.device)
    for part, rows in zip(norms.split(4096), embeddings.split(4096), strict=True):
        torch.linalg.vector_norm(rows.double(), dim=1, out=part)
    return norms


def _errors(log_probabilities: Float64[Tensor, "rows classes"]) -> Float64[Tensor, "rows classes"]:
    """Return the probabilities less 1 at the predicted class, without cancellation where that one is almost 1."""
    predicted = log_probabilities.argmax(1, keepdim=True)
    lead = log_probabilities.gather(1, predicted)
    return log_probabilities.exp().scatter(1, predicted, lead.expm1())
