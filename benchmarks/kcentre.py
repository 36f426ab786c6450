"""Greedy k-centre by lazy bounds, against a running minimum in float32 with one pass over the pool for each pick.

*Picks alone*: 2,500 of 50,000 points after one labelled point. *Whole query*: the same with 5,000 labelled points,
whose distances the plain form takes in blocks first. Identical means that the choice is that of a running minimum in
float64, in the same order.
"""

import importlib
import importlib.util
import resource
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchal.kernels import k_centre_greedy
from torchal.rng import generator

POOL, WIDTH, BUDGET, LABELLED, PEERS = 50_000, 512, 2_500, 5_000, 50


def measure(n: int = 3) -> dict[str, Any]:
    """Select n times lazily and once plainly, with one labelled point and with many."""
    points, labelled = _features(POOL, "pool"), _features(LABELLED, "labelled")
    before = _peak()
    k_centre_greedy(points, labelled, BUDGET)
    used = _peak() - before
    alone, whole = _compared(points, labelled[:1], n), _compared(points, labelled, n)
    return {
        "ratio": alone["ratio"],
        "ratio_whole_query": whole["ratio"],
        "identical": alone["identical"] and whole["identical"],
        "picks_alone": alone,
        "whole_query": whole,
        **_against_scikit_activeml(points, alone["seconds"]),
        "peak_growth_megabytes": round(used / 2**20),
        "pool": POOL,
        "width": WIDTH,
        "budget": BUDGET,
        "threads": torch.get_num_threads(),
        "n": n,
    }


def _compared(points: Tensor, labelled: Tensor, n: int) -> dict[str, Any]:
    lazy = [_timed(lambda: k_centre_greedy(points, labelled, BUDGET)) for _ in range(n)]
    plain, _ = _timed(lambda: _plain(points, labelled, BUDGET))
    exact = _plain(points.double(), labelled.double(), BUDGET)
    seconds = median(taken for taken, _ in lazy)
    return {
        "seconds": round(seconds, 3),
        "seconds_plain": round(plain, 2),
        "ratio": round(plain / seconds, 1),
        "identical": all(torch.equal(chosen, exact) for _, chosen in lazy),
    }


def _plain(points: Tensor, labelled: Tensor, budget: int) -> Tensor:
    squares = points.square().sum(1)
    nearest = points.new_full((len(points),), torch.inf)
    for part in labelled.split(1000):
        nearest = nearest.minimum(torch.addmm(part.square().sum(1), points, part.T, alpha=-2).amin(1) + squares)
    chosen = torch.empty(budget, dtype=torch.int64)
    for pick in range(budget):
        best = int(nearest.argmax())
        chosen[pick] = best
        nearest = nearest.minimum(torch.addmv(squares + squares[best], points, points[best], alpha=-2))
        nearest[best] = -1
    return chosen


def _against_scikit_activeml(points: Tensor, seconds: float) -> dict[str, Any]:
    """Compare with CoreSet of scikit-activeml, timed over a few picks and scaled, where it is installed."""
    if importlib.util.find_spec("skactiveml") is None:
        return {}
    strategy = importlib.import_module("skactiveml.pool").CoreSet(random_state=0)
    y = np.full(POOL, np.nan)
    y[0] = 0
    taken, _ = _timed(lambda: strategy.query(points.numpy(), y, batch_size=PEERS))
    return {"ratio_scikit_activeml": round(taken * BUDGET / PEERS / seconds), "scikit_activeml_picks_timed": PEERS}


def _features(count: int, name: str) -> Tensor:
    """Return features of the kind that trained networks give: a rectified mixture of ten Gaussians."""
    kind = torch.randint(10, (count,), generator=generator("classes", name))
    centres = torch.randn(10, WIDTH, generator=generator("centres"))
    return (centres[kind] + 0.7 * torch.randn(count, WIDTH, generator=generator("spread", name))).relu_()


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
