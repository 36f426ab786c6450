"""TCM: TypiClust while labels are few, margin sampling from then on.

Doucet, Estermann, Aczel & Wattenhofer 2024, "Bridging Diversity and Uncertainty in Active Learning with
Self-Supervised Pre-Training".

Formula: the choice of `before` while there are fewer than `labels_per_class` labels for each class, else that of
`after`.

Cost: that of the strategy asked.

Evidence: in its own paper ahead of TypiClust and of margin sampling alone over small and middling budgets, with
self-supervised embeddings.

Deviations: the paper counts queries and gives their number by size of the budget; here labels are counted, so that
the switch does not depend on how many rows a query buys.
"""

from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from torchal.query import AnyStrategy, QueryContext, Strategy, choose
from torchal.spec import build


class Tcm(Strategy):
    """Prefer what stands for many while labels are few, and what the network is unsure of later."""

    before: AnyStrategy = Field(default_factory=lambda: build(Strategy, "typiclust"))
    """Who chooses while labels are few."""
    after: AnyStrategy = Field(default_factory=lambda: build(Strategy, "margin"))
    """Who chooses later."""
    labels_per_class: float = Field(10.0, ge=0)
    """Labels for each class, in the mean, from which on labels are many."""

    @property
    def order_free(self) -> bool:  # type: ignore[override]  # as the strategies inside are
        """Whether the same rows are chosen however the pool is ordered, ties aside."""
        return self.before.order_free and self.after.order_free

    @property
    def samples_dropout(self) -> bool:  # type: ignore[override]  # as those inside do
        """Whether one of the strategies inside does."""
        return self.before.samples_dropout or self.after.samples_dropout

    @property
    def trainings(self) -> int:
        """The larger of those inside."""
        return max(self.before.trainings, self.after.trainings)

    def enlisted(self, known: int, classes: int) -> int:
        """Return those of the strategy of this stage."""
        return self._asked(known, classes).enlisted(known, classes)

    def most(self, classes: int) -> int | None:
        """Return what both can serve."""
        limits = [limit for limit in (self.before.most(classes), self.after.most(classes)) if limit is not None]
        return min(limits, default=None)

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions that the strategy of this stage chooses."""
        return choose(self._asked(ctx.known, ctx.classes), ctx)

    def _asked(self, known: int, classes: int) -> Strategy:
        return self.before if known < self.labels_per_class * classes else self.after
