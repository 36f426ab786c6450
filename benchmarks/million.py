"""A pool of 1,000,000 rows of 512 numbers: seconds and peak memory of a query, each in a process of its own.

The arrays that the caller holds are in the peak: 2 GB of embeddings. Labelled rows lie anywhere, so the pool is copied.
"""

import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch

from torchal.rng import generator
from torchal.selection import select

STRATEGIES = ("margin", "coreset", "badge", "typiclust")
POOL, WIDTH, CLASSES, LABELLED, BUDGET = 1_000_000, 512, 10, 1_000, 1_000
LIMIT = 8.0
"""Gigabytes that a query may take."""


def measure(pool: int = POOL) -> dict[str, Any]:
    """Ask each strategy once."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as alone:
        rows = dict(zip(STRATEGIES, alone.map(_asked, STRATEGIES, [pool] * len(STRATEGIES)), strict=True))
    peak = max(row["peak_gigabytes"] for row in rows.values())
    return {
        "ratio": round(LIMIT / peak, 2),
        "ratio_is": f"{LIMIT:g} GB to the largest peak",
        "strategies": rows,
        "pool": pool,
        "width": WIDTH,
        "labelled": LABELLED,
        "budget": BUDGET,
        "threads": torch.get_num_threads(),
        "n": 1,
    }


def _asked(name: str, pool: int) -> dict[str, float]:
    n = pool + LABELLED
    embeddings, logits = _made(n)
    labelled = torch.randperm(n, generator=generator("labelled"))[:LABELLED]
    started = time.perf_counter()
    select(name, budget=BUDGET, labelled=labelled, logits=logits, embeddings=embeddings)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": round(seconds, 1), "peak_gigabytes": round(peak, 2)}


def _made(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return embeddings of the kind that trained networks give and logits that go with them, made in parts."""
    draw = generator("million")
    centres = torch.randn(100, WIDTH, generator=draw)
    embeddings, logits = torch.empty(n, WIDTH), torch.randn(n, CLASSES, generator=draw)
    for start in range(0, n, 8192):
        part = embeddings[start : start + 8192]
        kind = torch.randint(100, (len(part),), generator=draw)
        part.normal_(generator=draw).mul_(0.7).add_(centres[kind]).relu_()
        logits[start : start + 8192, :].scatter_add_(1, kind[:, None] % CLASSES, torch.full((len(part), 1), 3.0))
    return embeddings, logits
