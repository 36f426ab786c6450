"""GALAXY: bisect, for each class, the order of all rows by their one-versus-rest margin, between opposite labels.

Zhang, Katz-Samuels & Nowak 2022, "GALAXY: Graph-Based Active Learning at the Extreme" (ICML).

Formula: for each class k, labelled rows and the pool are ordered by `f_k - max_(j != k) f_j`, neighbours being
linked; of the shortest paths between two rows of opposite labels (is k, is not k) in any of the orders, the shortest
is taken, and the row in its middle is chosen.

Cost: `C (n + l) log(n + l)` operations for the orders, and `b C log n` for the choice.

Evidence: made for extremely imbalanced classes, where its own paper has it ahead of margin sampling and BADGE; level
with BAIT and margin sampling on CIFAR-10 in LabelBench (2024).

Deviations: the paper learns each label before it chooses the next row. In a batch no label is known, so a chosen row
counts as what the network predicts. Once no path is left to bisect, rows of smallest margin follow, where the paper
links farther neighbours.
"""

import heapq
from bisect import bisect, insort
from itertools import pairwise

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from torchal.kernels.confidence import closeness
from torchal.kernels.ranking import ranks
from torchal.query import QueryContext, Strategy


class Galaxy(Strategy):
    """Prefer the points halfway between labels that differ, class by class."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions in the order of bisection."""
        labels = torch.cat([ctx.labelled_labels.to(ctx.device), ctx.predicted])
        logits = torch.cat([ctx.labelled_logits, ctx.logits]).double()
        lines = [_Line(*_ordered(logits, label), labels == label, ctx.known) for label in range(ctx.classes)]
        chosen: list[int] = []
        while len(chosen) < ctx.budget and (row := _halfway(lines)) is not None:
            chosen.append(row)
            for line in lines:
                line.mark(row)
        chosen += _unsure(ctx, {row - ctx.known for row in chosen}, ctx.budget - len(chosen), ctx.known)
        return torch.tensor(chosen, device=ctx.device) - ctx.known


class _Line:
    """All rows in the order of one class's margin, and the stretches between opposite labels."""

    def __init__(
        self, order: Int64[Tensor, " rows"], place: Int64[Tensor, " rows"], inside: Bool[Tensor, " rows"], known: int
    ) -> None:
        self._order, self._place, self._inside = order.tolist(), place.tolist(), inside.tolist()
        self._marked: list[int] = []
        self._paths: list[tuple[int, int, int]] = []
        for row in range(known):
            self.mark(row)

    def mark(self, row: int) -> None:
        """Take the label of a row for known."""
        place = self._place[row]
        at = bisect(self._marked, place)
        insort(self._marked, place)
        for left, right in pairwise(self._marked[max(0, at - 1) : at + 2]):
            if right - left > 1 and self._inside[self._order[left]] != self._inside[self._order[right]]:
                heapq.heappush(self._paths, (right - left, left, right))

    def shortest(self) -> tuple[int, int] | None:
        """Return the length of the shortest path that nothing lies on yet, and the row in its middle."""
        while self._paths:
            length, left, right = self._paths[0]
            if self._marked[bisect(self._marked, left)] == right:
                return length, self._order[(left + right) // 2]
            heapq.heappop(self._paths)
        return None


def _ordered(logits: Tensor, label: int) -> tuple[Int64[Tensor, " rows"], Int64[Tensor, " rows"]]:
    """Return all rows in the order of a class's margin, and the place of each row in it."""
    rest = logits.index_fill(1, torch.tensor([label], device=logits.device), -torch.inf).amax(1)
    order = (logits[:, label] - rest).argsort(stable=True)
    return order, order.argsort()


def _halfway(lines: list[_Line]) -> int | None:
    found = [each for line in lines if (each := line.shortest()) is not None]
    return min(found, key=lambda each: each[0])[1] if found else None


def _unsure(ctx: QueryContext, taken: set[int], count: int, known: int) -> list[int]:
    order = ranks(closeness(ctx.logits)).argsort(descending=True, stable=True).tolist()
    return [position + known for position in order if position not in taken][:count]
