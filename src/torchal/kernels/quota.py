"""Spreading a budget evenly over groups, and drawing the shares."""

from bisect import bisect_right

import torch
from jaxtyping import Int64
from torch import Tensor


def quotas(
    available: Int64[Tensor, " groups"], budget: int, already: Int64[Tensor, " groups"] | None = None
) -> Int64[Tensor, " groups"]:
    """Return how many each group gives, so that what it gives and has already is as even as it can be.

    Units are given one by one to the group that has the fewest and can give one more, ties to the lowest group, which
    is computed as water fills a vessel: all groups rise to one level, and what is left goes to the lowest groups.

    Args:
        available: how many each group can give at most.
        budget: how many they give together.
        already: how many each has beforehand; none by default.

    Cost: ``groups * log(largest number)`` operations, and as many host syncs as that logarithm.

    Raises:
        ValueError: if a number is negative, if the two counts differ in length, or if the budget exceeds what is
            available.
    """
    already = torch.zeros_like(available) if already is None else already
    _check(available, budget, already)
    if budget == 0:
        return torch.zeros_like(available)

    def risen(level: int) -> Tensor:
        return (level - already).clamp_(min=0).minimum(available)

    levels = range(int((already + available).max()) + 1)
    level = bisect_right(levels, budget, key=lambda each: int(risen(each).sum())) - 1
    given = risen(level)
    could = risen(level + 1) > given
    return given + (could & (could.cumsum(0) <= budget - given.sum()))


def stratified(
    groups: Int64[Tensor, " rows"], shares: Int64[Tensor, " groups"], generator: torch.Generator
) -> Int64[Tensor, " chosen"]:
    """Return distinct random rows, from each group its share or all that it has, group after group.

    Cost: a shuffle on the generator's device and a sort. Memory beyond the arguments: about six numbers for each row.

    Raises:
        ValueError: if a row belongs to a group that has no share, be it 0.
    """
    sizes = groups.bincount(minlength=len(shares))
    if len(sizes) > len(shares):
        raise ValueError(f"groups: a row is in group {len(sizes) - 1}, and there are {len(shares)} shares; give each.")
    shuffle = torch.randperm(len(groups), generator=generator, device=generator.device).to(groups.device)
    rows = shuffle[groups[shuffle].argsort(stable=True)]
    of = groups[rows]
    place = torch.arange(len(rows), device=groups.device) - (sizes.cumsum(0) - sizes)[of]
    return rows[place < shares[of]]


def _check(available: Tensor, budget: int, already: Tensor) -> None:
    if already.shape != available.shape:
        raise ValueError(f"already: counts {len(already)} groups where available counts {len(available)}; give each.")
    if (available < 0).any() or (already < 0).any():
        raise ValueError("available, already: some counts are negative; give 0 or more for each group.")
    if not 0 <= budget <= int(available.sum()):
        raise ValueError(f"budget: {budget} of {int(available.sum())} available; ask for 0 to that many.")
