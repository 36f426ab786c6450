"""The picks of torchal's strategies against TorchAL's rules on the same tables, and what each difference changes.

TorchAL's rules are written anew in plain numpy (`_torchal_rules.py`). Both sides are given the same float32 tables: of
made-up pools, and of networks trained on handwritten digits. *Up to ties*: rows that one side alone chose have the very
score at which the choice ends. *Differences* are those that are meant; each is measured where it shows.
"""

from typing import Any

import numpy as np
import torch

from benchmarks import _differences as differences
from benchmarks import _effects as effects
from benchmarks import _torchal_rules as rules
from benchmarks._agreement import CASES
from benchmarks._pools import Pool, pools
from torchal.selection import select

DIFFERENCES = {
    "ties of votes": differences.votes,
    "ties of certain rows": differences.confident_half,
    "saturated rows": differences.saturated,
    "core-set and copies": differences.copies,
    "core-set far from the origin": differences.far_from_origin,
    "draws from bins": differences.bin_draws,
    "dropout masks": differences.masks,
    "no dropout": differences.without_dropout,
    "noise that is kept": differences.noise_kept,
    "10 % noise": differences.noise_rate,
    "per cent": differences.per_cent,
    "best epoch": effects.last_epoch,
    "schedule": effects.schedule,
}
"""What measures each deliberate difference, by name."""


def measure(made: int = 20, real: int = 10) -> dict[str, Any]:
    """Compare picks on so many pools of each kind, and measure every difference."""
    given = list(pools(made, real))
    table = {ours: _compared(ours, given) for ours in CASES}
    return {
        "ratio": min(row["up_to_ties"] for row in table.values()),
        "ratio_is": "the least share of pools on which a strategy chooses TorchAL's rows, up to ties",
        "strategies": table,
        "random": _random(given),
        "differences": {name: difference() for name, difference in DIFFERENCES.items()},
        "threads": torch.get_num_threads(),
    }


def _compared(ours: str, given: list[Pool]) -> dict[str, Any]:
    theirs, compare = CASES[ours]
    found = [compare(pool) for pool in given]
    return {
        "torchals_name": theirs,
        "pools": len(found),
        "identical": float(np.mean([each.identical for each in found])),
        "up_to_ties": float(np.mean([each.tied for each in found])),
        "largest_gap": max(each.gap for each in found),
    }


def _random(given: list[Pool]) -> dict[str, Any]:
    """Count what two generators have in common, which is what chance gives."""
    sizes = [(len(pool.logits), pool.budget) for pool in given]
    theirs = [rules.shuffled(*each, seed) for seed, each in enumerate(sizes)]
    ours = [select("random", budget=each.budget, logits=each.logits, seed=seed) for seed, each in enumerate(given)]
    common = [len(np.intersect1d(*each)) for each in zip(theirs, ours, strict=True)]
    return {
        "torchals_name": "random",
        "pools": len(given),
        "in_common": float(np.mean(common)),
        "in_common_by_chance": round(float(np.mean([budget**2 / size for size, budget in sizes])), 2),
    }
