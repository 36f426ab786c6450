"""Greedy k-centre by lazy bounds, against a running minimum in float32 with one pass over the pool for each pick.

*Whole query*: 2,500 of 50,000 points with 5,000 labelled, whose distances the plain form takes in blocks first. *Picks
alone*: what that takes longer than a query of one pick. *Cold start*: with one labelled point. Identical means that the
choice is that of a running minimum in float64, in the same order.
"""

import importlib
import importlib.util
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks._features import features
from torchal.kernels import k_centre_greedy

POOL, WIDTH, BUDGET, LABELLED, PEERS = 50_000, 512, 2_500, 5_000, 50


def measure(n: int = 3) -> dict[str, Any]:
    """Select n times lazily and once plainly, with one labelled point and with many."""
    points, labelled = features(POOL, WIDTH, "pool"), features(LABELLED, WIDTH, "labelled")
    whole, cold = _compared(points, labelled, n), _compared(points, labelled[:1], n)
    return {
        "ratio": whole["ratio_picks_alone"],
        "ratio_whole_query": whole["ratio"],
        "ratio_cold_start": cold["ratio"],
        "identical": whole["identical"] and cold["identical"],
        "whole_query": whole,
        "cold_start": cold,
        **_against_scikit_activeml(points, cold["seconds"]),
        "pool": POOL,
        "width": WIDTH,
        "budget": BUDGET,
        "labelled": LABELLED,
        "threads": torch.get_num_threads(),
        "n": n,
    }


def _compared(points: Tensor, labelled: Tensor, n: int) -> dict[str, Any]:
    taken: dict[str, list[float]] = {}
    exact = _plain(points.double(), labelled.double(), BUDGET)
    same = True
    for _ in range(n):
        for name, form in (("torchal", k_centre_greedy), ("plain", _plain)):
            for budget in (1, BUDGET):
                seconds, chosen = _timed(partial(form, points, labelled, budget))
                taken.setdefault(f"{name} {budget}", []).append(seconds)
                same &= name == "plain" or torch.equal(chosen, exact[:budget])
    one, ours, plain_one, plain = (median(taken[f"{name} {k}"]) for name in ("torchal", "plain") for k in (1, BUDGET))
    return {
        "seconds": round(ours, 3),
        "seconds_plain": round(plain, 2),
        "ratio": round(plain / ours, 1),
        "ratio_picks_alone": round((plain - plain_one) / (ours - one), 1),
        "identical": same,
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


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result
