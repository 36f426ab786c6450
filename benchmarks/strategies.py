"""Every strategy on arrays, for pools of growing size: how its cost grows, and what it is at 50,000 rows.

What the network says is made up, so that inference costs nothing and what is measured is the choice alone.
"""

import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from math import log
from typing import Any

import torch
from torch import Tensor

from benchmarks._features import features
from torchal.query import Strategy
from torchal.rng import generator
from torchal.selection import select
from torchal.spec import names, resolve

SIZES = (1_000, 10_000, 50_000)
WIDTH, CLASSES, LABELLED, NETWORKS, BUDGET, FEW = 512, 10, 500, 10, 250, 4
LONGEST = 120.0
"""A size is left out where, growing with its square, a strategy would take more seconds than this."""


def measure(sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """Time each strategy once at each size."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as alone:  # so that each has a peak of its own
        known = names(Strategy.room)
        table = dict(zip(known, alone.map(partial(_grown, sizes), known), strict=True))
    exponents = [row["growth"] for row in table.values() if row["growth"] is not None]
    return {
        "ratio": max(exponents),
        "ratio_is": "the largest growth: seconds rise with pool size to this power",
        "strategies": table,
        "width": WIDTH,
        "classes": CLASSES,
        "labelled": LABELLED,
        "budget": BUDGET,
        "budget_of_batchbald": FEW,
        "threads": 1,
        "n": 1,
    }


def _grown(sizes: tuple[int, ...], name: str) -> dict[str, Any]:
    torch.set_num_threads(1)
    seconds: dict[int, float] = {}
    for size in sizes:
        if seconds and max(seconds.values()) * (size / max(seconds)) ** 2 > LONGEST:
            break
        seconds[size] = _timed(name, _arrays(size + LABELLED))
    steps = [log(seconds[b] / seconds[a]) / log(b / a) for a, b in pairwise(seconds)]
    return {
        "seconds": {str(n): round(each, 3) for n, each in seconds.items()},
        "growth": _last(steps),
        "peak_gigabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 1),
    }


def _last(steps: list[float]) -> float | None:
    """Return the growth between the two largest sizes, where constant costs weigh the least."""
    return round(steps[-1], 2) if steps else None


def _timed(name: str, arrays: dict[str, Tensor]) -> float:
    strategy = resolve(Strategy, name)()
    assert isinstance(strategy, Strategy)
    budget = BUDGET if strategy.most(CLASSES) is None else FEW
    known = torch.arange(LABELLED)
    head = (torch.randn(CLASSES, WIDTH, generator=generator("head")) / WIDTH**0.5, torch.zeros(CLASSES))
    started = time.perf_counter()
    select(strategy, budget=budget, labelled=known, labels=known % CLASSES, head=head, **arrays)
    return time.perf_counter() - started


def _arrays(n: int) -> dict[str, Tensor]:
    kind = torch.arange(n) % CLASSES
    noise = torch.randn(NETWORKS + 2, n, CLASSES, generator=generator("benchmark", n))
    said = 2 * torch.nn.functional.one_hot(kind, CLASSES) + noise
    chances = (1.5 * said).softmax(-1)
    return {
        "embeddings": features(n, WIDTH, "pool"),
        "probabilities": chances[0],
        "previous_probabilities": chances[1],
        "mc_probabilities": chances[2:],
        "committee_probabilities": chances[2:5],
        "inputs": features(n, 64, "inputs"),
    }
