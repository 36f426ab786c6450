"""BatchBALD: the batch whose labels together tell the most about the weights.

Kirsch, van Amersfoort & Gal 2019, "BatchBALD: Efficient and Diverse Batch Acquisition for Deep Bayesian Active
Learning" (NeurIPS).

Formula: `b` times the row that adds most to the mutual information `I(y_1 ... y_b; w)` of all labels chosen and the
weights, over networks sampled by dropout.

Cost: `samples n C^b` operations, exactly; with `draws` labellings, `samples n C draws b`.

Evidence: mends the redundancy of BALD's batches in its own paper, with batches of 5 to 10; no gain over PowerBALD is
known that its cost would justify (Kirsch et al. 2023).

Deviations: exact up to `configurations` labellings, beyond which a batch is refused unless `draws` is set, where the
paper changes to draws by itself.
"""

from itertools import count
from typing import ClassVar

from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from torchal.kernels.joint import batch_bald, batch_bald_sampled
from torchal.query import QueryContext, Strategy


class Batchbald(Strategy):
    """Prefer points on whose labels the sampled networks disagree, and not all for the same reason."""

    samples_dropout: ClassVar[bool] = True

    samples: int = Field(25, ge=2)
    """Networks drawn by dropout."""
    configurations: int = Field(2**18, ge=1)
    """Labellings of a batch beyond which it is refused."""
    draws: int | None = Field(None, ge=1)
    """Labellings drawn at random in place of all of them, for larger batches; not set: all of them."""

    def most(self, classes: int) -> int | None:
        """Return the largest batch whose labellings, but for its last row, are not too many."""
        if self.draws is not None or classes < 2:
            return None
        return next(size for size in count(1) if classes**size > self.configurations)

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions in the order in which they are chosen."""
        sampled = ctx.mc_probabilities(self.samples)
        if self.draws is None:
            return batch_bald(sampled, ctx.budget, self.configurations)
        return batch_bald_sampled(sampled, ctx.budget, ctx.generator("labellings"), self.draws)
