"""ProbCover: cover as much of the pool as possible by balls of one radius.

Yehuda, Dekel, Hacohen & Weinshall 2022, "Active Learning Through a Covering Lens" (NeurIPS).

Formula: `b` times the row whose ball holds the most rows that no ball of a labelled or chosen row holds, on
embeddings of length 1. The radius is the largest at which `purity` of all balls hold rows of one group only, with
k-means groups for classes.

Cost: `n^2 d` operations for the balls and 4 bytes for each pair of neighbours, one operation for each of them
afterwards.

Evidence: strong with few labels and self-supervised embeddings in its own paper; the choice of the radius decides
(Bae et al. 2024), and nothing is gained once everything is covered.

Deviations: once everything is covered, covering starts anew, where the paper says nothing. Groups that k-means finds
stand for classes, as in the paper. The radius is found exactly.
"""

from typing import ClassVar

from jaxtyping import Int64
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from torchal.kernels.balls import ball_cover, largest_pure_radius
from torchal.kernels.lloyd import kmeans
from torchal.query import QueryContext, Strategy


class Probcover(Strategy):
    """Prefer the points in whose neighbourhood the most points lie that nothing covers yet."""

    order_free: ClassVar[bool] = False  # k-means starts from positions

    radius: float | None = Field(None, gt=0)
    """Radius of a ball; if not given, by purity."""
    purity: float = Field(0.95, gt=0, le=1)
    """Share of the balls that are to hold rows of one group only."""
    groups: int | None = Field(None, ge=2)
    """Groups that k-means looks for; if not given, as many as there are classes."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions in the order in which the greedy cover takes them."""
        pool, labelled = normalize(ctx.embeddings.double()), normalize(ctx.labelled_embeddings.double())
        radius = self._pure_radius(ctx, pool) if self.radius is None else self.radius
        return ball_cover(pool, labelled, radius, ctx.budget)

    def _pure_radius(self, ctx: QueryContext, pool: Tensor) -> float:
        groups = min(self.groups or ctx.classes, ctx.size)
        if groups < 2:
            raise ValueError("probcover: the number of classes is not known; set its radius, or its groups.")
        assigned, _ = kmeans(pool, groups, ctx.generator("k-means"))
        return largest_pure_radius(pool, assigned, self.purity) if len(assigned.unique()) > 1 else 0.0
