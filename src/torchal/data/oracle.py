"""Who answers when a label is asked for."""

from dataclasses import dataclass

from jaxtyping import Int64
from torch import Tensor


@dataclass(frozen=True)
class Oracle:
    """Tells the label of a row. The answer belongs to the row: it is the same whenever it is asked."""

    truth: Int64[Tensor, " n"]

    def labels(self, rows: Int64[Tensor, " some"]) -> Int64[Tensor, " some"]:
        """Return the labels of rows of the training side."""
        return self.truth[rows]
