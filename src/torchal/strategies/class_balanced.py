"""Class-balanced: another strategy, asked about each predicted class for as many rows as the labels lack of it.

Own rule; balancing a query by predicted classes is common practice where classes are rare.

Formula: the budget is spread over the predicted classes so that labelled and chosen rows together are as even as
their sizes allow; the other strategy chooses each share within its class.

Cost: that of the other strategy in each class.

Evidence: none is known to us for this very rule; comparisons on imbalanced pools list variants of it, such as
class-balanced entropy and core-set. Predicted classes are no true ones, so that an untrained network balances
nothing.

Deviations: none. Ties go to the lowest classes. Strategies that look at what they chose before, such as core-set, do
so within a class.
"""

import torch
from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from torchal.kernels.quota import quotas
from torchal.query import AnyStrategy, QueryContext, Strategy, choose
from torchal.spec import build


class ClassBalanced(Strategy):
    """Prefer what another strategy prefers among predictions of the classes that have the fewest labels."""

    strategy: AnyStrategy = Field(default_factory=lambda: build(Strategy, "margin"))
    """Who chooses within a class; margin sampling by default."""

    @property
    def order_free(self) -> bool:  # type: ignore[override]  # as the strategy inside is
        """Whether the same rows are chosen however the pool is ordered, ties aside."""
        return self.strategy.order_free

    @property
    def samples_dropout(self) -> bool:  # type: ignore[override]  # as the strategy inside does
        """Whether the strategy inside does."""
        return self.strategy.samples_dropout

    @property
    def trainings(self) -> int:
        """Those of the strategy inside."""
        return self.strategy.trainings

    def enlisted(self, known: int, classes: int) -> int:
        """Return those of the strategy inside."""
        return self.strategy.enlisted(known, classes)

    def most(self, classes: int) -> int | None:
        """Return what the strategy inside can serve."""
        return self.strategy.most(classes)

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions that the other strategy chooses, class after class."""
        labelled = ctx.labelled_labels.bincount(minlength=ctx.classes).to(ctx.device)
        shares = quotas(ctx.predicted.bincount(minlength=ctx.classes), ctx.budget, labelled)
        return torch.cat([self._of(label, share, ctx) for label, share in enumerate(shares.tolist()) if share])

    def _of(self, label: int, share: int, ctx: QueryContext) -> Int64[Tensor, " share"]:
        rows = (ctx.predicted == label).nonzero()[:, 0]
        return rows[choose(self.strategy, ctx.part(rows, share, f"class {label}"))]
