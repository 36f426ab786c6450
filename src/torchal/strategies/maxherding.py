"""MaxHerding: cover the pool softly, each row by its most similar labelled or chosen row.

Bae, Noh & Sutherland 2024, "Generalized Coverage for More Robust Low-Budget Active Learning" (ECCV).

Formula: `b` times the row that adds most to `sum_n max_c k(x_n, c)` over labelled and chosen rows c, with `k(x, c) =
exp(-|x - c|^2 / radius^2)` on embeddings of length 1.

Cost: `n^2 d` operations for the first gains, and `n d` for each of the few taken anew.

Evidence: made for few labels, where it beats ProbCover and TypiClust in its own paper and hardly depends on its
radius.

Deviations: none known; sums stand for means, which changes no choice.
"""

from jaxtyping import Int64
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from torchal.kernels.herding import facility_location
from torchal.query import QueryContext, Strategy


class Maxherding(Strategy):
    """Prefer the points that make the pool most similar to what is labelled or chosen."""

    radius: float = Field(1.0, gt=0)
    """At this distance the similarity has fallen to 1/e. Two rows are at most 2 apart."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions in the order in which the greedy cover takes them."""
        pool, labelled = normalize(ctx.embeddings.double()), normalize(ctx.labelled_embeddings.double())
        return facility_location(pool, labelled, pool.new_ones(ctx.size), ctx.budget, self.radius)
