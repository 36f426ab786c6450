"""Subsample: another strategy, asked about random rows of the pool alone.

Own rule, of common practice: Yoo & Kweon 2019, "Learning Loss for Active Learning" (CVPR), draw 10,000 rows before
they rank.

Formula: `max(size, b)` rows drawn at random from the pool, of which the other strategy chooses b.

Cost: that of the other strategy in a pool of `size` rows; the network passes no other row.

Evidence: none is known to us that compares it with asking about the whole pool. Chance thins out near-copies, which
helps strategies that take the best of a ranking.

Deviations: none.
"""

from typing import ClassVar

import torch
from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from torchal.query import AnyStrategy, QueryContext, Strategy, choose
from torchal.spec import build


class Subsample(Strategy):
    """Prefer what another strategy prefers among random rows."""

    order_free: ClassVar[bool] = False  # rows are drawn by position

    strategy: AnyStrategy = Field(default_factory=lambda: build(Strategy, "margin"))
    """Who chooses among the rows drawn; margin sampling by default."""
    size: int = Field(10_000, ge=1)
    """Rows drawn; the budget if that is more, and the whole pool if that is less."""

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
        """Return the positions that the other strategy chooses."""
        # the size is in the address, so that a subsample of a subsample draws anew
        shuffle = torch.randperm(ctx.size, generator=ctx.generator(f"subsample {self.size}"))
        drawn = shuffle[: max(self.size, ctx.budget)].sort().values.to(ctx.device)
        return drawn[choose(self.strategy, ctx.part(drawn, ctx.budget))]
