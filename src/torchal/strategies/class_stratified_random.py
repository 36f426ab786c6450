"""Class-stratified random: random rows, equally many from each predicted class.

Own rule; the plain baseline of stratification by what the network predicts.

Formula: the budget is spread over the predicted classes as evenly as their sizes allow, and each share is drawn at
random.

Cost: a shuffle of the pool.

Evidence: in nnActive 2025, on 3-D segmentation, no strategy was reliably ahead of a random baseline that heeds
classes in another way; no figures for this rule are known to us.

Deviations: none. Where the classes do not divide the budget, the lowest classes give one row more.
"""

from typing import ClassVar

from jaxtyping import Int64
from torch import Tensor

from torchal.kernels.quota import quotas, stratified
from torchal.query import QueryContext, Strategy


class ClassStratifiedRandom(Strategy):
    """Prefer nothing but that each predicted class be there equally often."""

    order_free: ClassVar[bool] = False  # rows are drawn by position

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return random positions, class after class."""
        shares = quotas(ctx.predicted.bincount(minlength=ctx.classes), ctx.budget)
        return stratified(ctx.predicted, shares, ctx.generator("stratified"))
