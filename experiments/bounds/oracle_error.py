"""Oracle error: rows on which the network errs. It cheats: it sees the true labels of the pool.

Own rule: a bound for benchmarks and no strategy, since nobody who could follow it would need labels. It lies outside
of torchal's strategies, which have no way to such labels, and reports show its name: `oracle_error(...)`.

Formula: rows whose predicted class is wrong come first, in random order; with `among: loss`, by `-log p_y(x)`,
largest first.

Cost: reading the data set once a query.

Evidence: on digits, three partitions of two seeds, 1.4 points above random averaged over the budget in random order,
and 3.8 below it by loss, which takes wrong labels and freaks first. It bounds how well errors can be found, not what
accuracy can be had: a greedy oracle that trains on each candidate, as in CDALBench (2024), bounds that, at far more
cost.

Deviations: none.
"""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from torchal.data.dataset import AnySource
from torchal.kernels.ranking import ranks
from torchal.query import QueryContext, Strategy
from torchal.query.network import NetworkEvidence


class OracleError(Strategy):
    """Prefer, with the true labels in hand, points on which the network errs."""

    order_free: ClassVar[bool] = False  # chance goes by position

    dataset: AnySource
    """The data set of the experiment, from which the labels are read."""
    among: Literal["chance", "loss"] = "chance"
    """What orders the rows on which the network errs."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return positions of errors, and of other rows only once there are no more errors."""
        truth = self._labels(ctx).to(ctx.device)
        return ctx.top(ranks(ctx.predicted != truth, self._order(ctx, truth)))

    def _order(self, ctx: QueryContext, truth: Tensor) -> Float64[Tensor, " pool"]:
        if self.among == "loss":
            return -ctx.log_probabilities.gather(1, truth[:, None])[:, 0]
        return torch.rand(ctx.size, generator=ctx.generator("order"), dtype=torch.float64).to(ctx.device)

    def _labels(self, ctx: QueryContext) -> Int64[Tensor, " pool"]:
        if not isinstance(ctx.evidence, NetworkEvidence):
            raise ValueError(
                "oracle_error: knows the rows of an experiment alone; run it in one, by torchal run --with."
            )
        pool, n = ctx.evidence.rows.pool.cpu(), len(ctx.evidence.examples)
        labels = self.dataset.load().train.labels
        if len(labels) != n:
            raise ValueError(
                f"oracle_error.dataset: has {len(labels)} training rows where the experiment has {n}; "
                "give the experiment's own data set, with all its options."
            )
        return labels[pool if ctx.positions is None else pool[ctx.positions.cpu()]]
