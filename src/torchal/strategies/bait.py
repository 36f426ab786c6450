"""BAIT: choose the batch whose Fisher information best covers that of all rows.

Ash, Goel, Krishnamurthy & Kakade 2021, "Gone Fishing: Neural Active Learning with Fisher Embeddings" (NeurIPS); the
binary form as in Huseljic, Hahn, Herde, Rauch & Sick 2024, "Fast Fishing: Approximating BAIT for Efficient and
Scalable Deep Active Image Classification".

Formula: minimise the trace of `M^-1 F`, with F the mean Fisher information of the last layer over all rows and M the
sum over labelled and chosen rows plus `ridge`; `oversample b` rows are added greedily, then removed greedily until
`b` are left.

Cost: `2 n d (d + oversample b)` operations and `3 d^3` in the binary form; in the full form with `C d` for `d` and C
columns for each row, which is refused above `C d = 6000`.

Evidence: ahead of BADGE in its own paper; level with it in LabelBench (2024), at many times the cost.

Deviations: see the kernel for how rows are weighted. The form is binary unless asked otherwise.
"""

from typing import Literal

from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from torchal.kernels.fisher import fisher_select, fisher_select_binary
from torchal.query import QueryContext, Strategy


class Bait(Strategy):
    """Prefer points that together tell the most about the last layer where the pool needs it."""

    form: Literal["binary", "full"] = "binary"
    """Fisher information of whether the predicted class is right, or of the class itself."""
    ridge: float = Field(1.0, gt=0)
    """Added to the diagonal of M."""
    oversample: int = Field(2, ge=1)
    """How many times the budget is added before rows are removed."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions that are left, in the order in which they were added."""
        rule = {"binary": fisher_select_binary, "full": fisher_select}[self.form]
        return rule(
            ctx.probabilities,
            ctx.embeddings,
            ctx.labelled_probabilities,
            ctx.labelled_embeddings,
            ctx.budget,
            ridge=self.ridge,
            oversample=self.oversample,
        )
