"""UHerding: uncertainty herding, a soft cover of the rows that the network is unsure of.

Bae, Oliveira & Sutherland 2025, "Uncertainty Herding: One Active Learning Method for All Label Budgets" (ICLR).

Formula: `b` times the row that adds most to `sum_n u_n max_c k(x_n, c)` over labelled and chosen rows c, with `u = 1
- (p_(1) - p_(2))` at a calibrated temperature, `k(x, c) = exp(-|x - c|^2 / radius^2)` on embeddings of length 1, and
as radius the smallest distance between two labelled rows.

Cost: as for `maxherding`; a linear probe on the labelled embeddings besides.

Evidence: in its own paper level with the best method at small and at large budgets, where others suit one of them.
Reviewers asked for more seeds and for an ablation of its training.

Deviations: the temperature is the one of least calibration error for a linear probe trained on four fifths of the
labelled embeddings, on the fifth that it has not seen; it then divides the network's logits. With fewer than two
labelled rows the radius is 1, and without labelled rows all rows count the same.
"""

from functools import partial

import torch
from jaxtyping import Float64, Int64
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from torchal.kernels.calibration import best_temperature
from torchal.kernels.herding import facility_location
from torchal.kernels.nearest import knn_graph
from torchal.models.own.probe import learn, probe
from torchal.query import QueryContext, Strategy

_FOLDS = 5


class Uherding(Strategy):
    """Prefer the points that best stand for all those of which the network is unsure."""

    epochs: int = Field(200, ge=1)
    """Steps in the training of the linear probe."""

    @torch.no_grad()
    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions in the order in which the greedy cover takes them."""
        pool, labelled = normalize(ctx.embeddings.double()), normalize(ctx.labelled_embeddings.double())
        return facility_location(pool, labelled, self._unsure(ctx, labelled), ctx.budget, _radius(labelled))

    def _unsure(self, ctx: QueryContext, labelled: Tensor) -> Float64[Tensor, " pool"]:
        if ctx.known < _FOLDS:
            return torch.ones(ctx.size, dtype=torch.float64, device=ctx.device)
        unseen = torch.arange(ctx.known, device=ctx.device) % _FOLDS == 0
        x, y = labelled.float(), ctx.labelled_labels
        network = ctx.own("probe", partial(probe, x, ctx.classes), partial(learn, x[~unseen], y[~unseen], self.epochs))
        temperature = best_temperature(network(x[unseen]), y[unseen])
        first, second = (ctx.logits.double() / temperature).softmax(1).topk(min(2, ctx.classes)).values.unbind(1)
        return 1 - (first - second)


def _radius(labelled: Float64[Tensor, "labelled width"]) -> float:
    """Return the smallest distance between two rows that is not 0."""
    if len(labelled) < 2:
        return 1.0
    nearest = knn_graph(labelled, 1)[0]
    apart = nearest[nearest > 0]
    return float(apart.amin()) if len(apart) else 1.0
