"""Which rows of the training side are labelled, which may be asked for, and which validate."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from torchal.digest import digest_of_bytes


@dataclass(frozen=True, eq=False)
class Partition:
    """Three disjoint sets of rows of the training side.

    Raises:
        ValueError: if a row is negative, repeated, or in two of the sets.
    """

    labelled: Int64[Tensor, " labelled"]
    """In the order of acquisition."""
    pool: Int64[Tensor, " pool"]
    """Rows whose labels may be bought."""
    validation: Int64[Tensor, " validation"]
    """Rows that choose epochs and recipes; never trained on."""

    def __post_init__(self) -> None:
        ordered = torch.cat(self._sets).sort().values
        if len(ordered) and int(ordered[0]) < 0:
            raise ValueError(f"a partition holds row {int(ordered[0])}; rows are counted from 0.")
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if len(twice):
            raise ValueError(f"a partition holds row {int(twice[0])} more than once; list every row in one set only.")

    @property
    def _sets(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.labelled, self.pool, self.validation

    def acquire(self, rows: Int64[Tensor, " k"], told: Int64[Tensor, " known"] | None = None) -> "Partition":
        """Return the partition after some rows have left the pool and joined the end of the labelled ones.

        Args:
            rows: what was asked for.
            told: those of them that got a label; by default all. The others are gone.

        Raises:
            ValueError: if a row is repeated or is not in the pool.
        """
        rows = rows.to(self.pool.device)
        if len(rows.unique()) < len(rows):
            raise ValueError("a query chose the same row twice; choose distinct rows of the pool.")
        strangers = rows[~torch.isin(rows, self.pool)]
        if len(strangers):
            raise ValueError(
                f"a query chose row {int(strangers[0])}, which is not in the pool; choose rows of the pool."
            )
        left = self.pool[~torch.isin(self.pool, rows)]
        known = rows if told is None else told
        return Partition(torch.cat([self.labelled, known.to(self.labelled.device)]), left, self.validation)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 over the three sets in their order, and over where one ends and the next begins."""
        arrays = [np.ascontiguousarray(each.cpu().numpy(), dtype="<i8") for each in self._sets]
        return digest_of_bytes(np.array([len(each) for each in arrays], dtype="<i8"), *arrays)

    def check(self, n: int) -> None:
        """Refuse rows that a training side of n rows does not have.

        Raises:
            ValueError: naming the largest such row.
        """
        largest = max((int(each.max()) for each in self._sets if len(each)), default=-1)
        if largest >= n:
            raise ValueError(
                f"a partition holds row {largest}, and the training side has rows 0 to {n - 1}; use one made for it."
            )
