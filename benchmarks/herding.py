"""Facility location by lazy gains against the greedy that takes every gain anew for every pick, in float64 both.

The naive greedy comes in two forms: in the memory torchal uses, so that it computes similarities anew as well; and with
all similarities kept, as the authors' code has it. Both are timed over a few picks and scaled to all of them. The pool
is 15,000 points of width 512 on the unit sphere: ten classes of 16 dimensions, through a random network of two layers.
"""

import resource
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks._features import features
from torchal.kernels.herding import facility_location
from torchal.rng import generator

POOL, WIDTH, BUDGET = 15_000, 512, 500
RADIUS = 1.0
BLOCK = 256


def measure(n: int = 3) -> dict[str, Any]:
    """Select n times with lazy gains, and a few picks naively, with 1,000 labelled points and with none."""
    before = _peak()
    facility_location(*_data(1000), BUDGET, RADIUS)
    used = _peak() - before
    cases = {f"{labelled} labelled": _case(*_data(labelled), n) for labelled in (1000, 0)}
    return {
        "ratio": min(case["ratio"] for case in cases.values()),
        "identical": all(case["identical"] for case in cases.values()),
        "cases": cases,
        "megabytes": {"torchal": round(used / 2**20), "all similarities": round(8 * POOL**2 / 2**20)},
        "pool": POOL,
        "width": WIDTH,
        "budget": BUDGET,
        "n": n,
        "threads": torch.get_num_threads(),
    }


def _case(points: Tensor, centres: Tensor, weights: Tensor, n: int) -> dict[str, Any]:
    recomputed, kept = 2, 10
    lazy = [_timed(lambda: facility_location(points, centres, weights, BUDGET, RADIUS)) for _ in range(n)]
    naive = _Naive(points, centres, weights)
    slow, anew = _timed(lambda: naive.select(naive.columns, recomputed))
    built, similar = _timed(lambda: torch.cat([naive.columns(block) for block in naive.blocks], dim=1))
    quick, picks = _timed(lambda: naive.select(lambda block: similar[:, block], kept))
    seconds = {
        "torchal": median(taken for taken, _ in lazy),
        "naive": slow * BUDGET / recomputed,
        "naive with all similarities kept": built + quick * BUDGET / kept,
    }
    chosen = lazy[0][1].tolist()
    return {
        "seconds": {name: round(each, 2) for name, each in seconds.items()},
        "ratio": round(seconds["naive"] / seconds["torchal"]),
        "ratio_to_kept": round(seconds["naive with all similarities kept"] / seconds["torchal"]),
        "naive_picks_timed": {"naive": recomputed, "naive with all similarities kept": kept},
        "identical": chosen[:kept] == picks and chosen[:recomputed] == anew,
    }


def _data(labelled: int) -> tuple[Tensor, Tensor, Tensor]:
    weights = torch.rand(POOL, generator=generator("weights"))
    return (
        *(normalize(features(count, WIDTH, name)) for count, name in ((POOL, "pool"), (labelled, "labelled"))),
        weights,
    )


class _Naive:
    def __init__(self, points: Tensor, centres: Tensor, weights: Tensor) -> None:
        self.points, self.weights = points.double(), weights.double()
        self.squares = self.points.square().sum(1, keepdim=True)
        self.blocks = [slice(start, start + BLOCK) for start in range(0, len(points), BLOCK)]
        self.covered = torch.zeros_like(self.weights)
        for part in centres.double().split(BLOCK) if len(centres) else ():
            self.covered = self.covered.maximum(self._similar(part).amax(1))

    def _similar(self, others: Tensor) -> Tensor:
        exponents = torch.addmm(-others.square().sum(1), self.points, others.T, alpha=2).sub_(self.squares)
        return exponents.clamp_(max=0).div_(RADIUS**2).exp_()

    def columns(self, block: slice) -> Tensor:
        return self._similar(self.points[block])

    def select(self, columns: Callable[[slice], Tensor], budget: int) -> list[int]:
        covered, chosen = self.covered.clone(), list[int]()
        for _ in range(budget):
            gains = [self.weights @ (columns(block) - covered[:, None]).clamp_(min=0) for block in self.blocks]
            best = int(torch.cat(gains).index_fill_(0, torch.tensor(chosen, dtype=torch.int64), -1).argmax())
            covered = torch.maximum(covered, columns(slice(best, best + 1))[:, 0])
            chosen.append(best)
        return chosen


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
