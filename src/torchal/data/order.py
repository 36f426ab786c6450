"""Orders of rows drawn from an address, of which every beginning and every end is a fair sample."""

from functools import lru_cache
from math import gcd
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from numpy.typing import NDArray
from torch import Tensor

from torchal.rng import generator


def shuffled(n: int, *address: Any) -> Int64[Tensor, " n"]:
    """Return the rows 0..n-1 in the random order that belongs to an address."""
    return torch.randperm(n, generator=generator(*address))


def stratified(labels: Int64[Tensor, " n"], classes: int, *address: Any) -> Int64[Tensor, " n"]:
    """Return all rows in a random order in which every beginning and every end has the class shares of the whole.

    Of each class it holds the share times its length, give or take less than one example.
    """
    rows = shuffled(len(labels), *address)
    places = torch.from_numpy(_classes_in_order(tuple(torch.bincount(labels, minlength=classes).tolist())))
    order = torch.empty_like(rows)
    order[places.argsort(stable=True)] = rows[labels[rows].argsort(stable=True)]
    return order


@lru_cache(maxsize=8)
def _classes_in_order(counts: tuple[int, ...]) -> NDArray[np.int64]:
    """Return which class stands at each place, by the quota method of Balinski & Young (1975).

    A loop over places, since each depends on those before it: rounding every length by itself would lose a row of some
    class where a sample grows. Proportions are exact again after n / gcd places, so balanced classes need few steps.
    """
    period = gcd(*counts) or 1
    sizes = np.array(counts, dtype=np.int64) // period
    total, taken = int(sizes.sum()), np.zeros_like(sizes)
    places = np.empty(total, dtype=np.int64)
    for place in range(total):
        owed = taken * total < (place + 1) * sizes
        wait = np.divide(taken + 1, sizes, out=np.full(len(sizes), np.inf), where=owed)
        places[place] = chosen = wait.argmin()
        taken[chosen] += 1
    return np.tile(places, period)


def held_out(
    labels: Int64[Tensor, " n"], classes: int, size: int, *address: Any
) -> tuple[Int64[Tensor, " kept"], Int64[Tensor, " size"]]:
    """Return the rows that stay and the rows held out, a stratified draw, both ascending."""
    order = stratified(labels, classes, *address)
    return order[size:].sort().values, order[:size].sort().values
