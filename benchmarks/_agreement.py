"""Whether two programs choose the same rows of one pool, and where they do not, by how much their scores differ."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks import _torchal_rules as rules
from benchmarks._pools import Pool
from torchal.selection import select

BINS = 20
"""Bins of which all are of one size: pools are cut to a multiple of it, since leftovers are a deliberate difference."""


@dataclass(frozen=True)
class Compared:
    """Two choices from one pool."""

    identical: bool
    """Whether they are the same set."""
    tied: bool
    """Whether they are the same set up to ties: rows in one alone have the score at which the choice ends."""
    gap: float
    """How far the score of a row that is in one alone lies from that at which the choice ends."""


def least_confidence(pool: Pool) -> Compared:
    """Compare `uncertainty`."""
    logits = pool.logits.numpy()
    theirs = rules.least_confidence(logits, pool.budget)
    return _ranked(theirs, _ours("uncertainty", pool, logits=logits), -rules.confidence(logits))


def mixed(pool: Pool) -> Compared:
    """Compare `uncertainty_mix`, whose two halves end at scores of their own."""
    logits, half = pool.logits.numpy(), pool.budget // 2
    theirs, ours = rules.mixed(logits, pool.budget), _ours("uncertainty_mix", pool, logits=logits)
    unsure, sure = (
        _ranked(theirs[part], ours[part], sign * rules.confidence(logits))
        for part, sign in ((slice(half), -1), (slice(half, None), 1))
    )
    return Compared(unsure.identical and sure.identical, unsure.tied and sure.tied, max(unsure.gap, sure.gap))


def dbal(pool: Pool) -> Compared:
    """Compare `dbal`."""
    said = pool.sampled.numpy()
    return _ranked(rules.dbal(said, pool.budget), _ours("dbal", pool, mc_probabilities=said), rules.mean_entropy(said))


def bald(pool: Pool) -> Compared:
    """Compare `bald`."""
    said = pool.sampled.numpy()
    return _ranked(rules.bald(said, pool.budget), _ours("bald", pool, mc_probabilities=said), rules.disagreement(said))


def votes(pool: Pool) -> Compared:
    """Compare `ensemble_var_R` with `qbc`."""
    said = pool.members.numpy()
    ours = _ours("qbc", pool, committee_probabilities=said)
    return _ranked(rules.committee(said, pool.budget), ours, rules.vote_ratio(said))


def consensus(pool: Pool) -> Compared:
    """Compare `ensemble_dbal` with `qbc` by consensus entropy."""
    said, asked = pool.members.numpy(), {"name": "qbc", "disagreement": "consensus_entropy"}
    ours = _ours(asked, pool, committee_probabilities=said)
    return _ranked(rules.dbal(said, pool.budget), ours, rules.mean_entropy(said))


def divergence(pool: Pool) -> Compared:
    """Compare `ensemble_bald` with `qbc` by divergence from the mean."""
    said, asked = pool.members.numpy(), {"name": "qbc", "disagreement": "kl_divergence"}
    ours = _ours(asked, pool, committee_probabilities=said)
    return _ranked(rules.bald(said, pool.budget), ours, rules.disagreement(said))


def centre_of_gravity(pool: Pool) -> Compared:
    """Compare `cog`."""
    points = pool.embeddings.numpy()
    known, rest = points[: pool.known], points[pool.known :]
    theirs = rules.centre_of_gravity(rest, known, pool.budget)
    return _ranked(theirs, _spread("centre_of_gravity", pool), rules.centre_distance(rest, known))


def core_set(pool: Pool) -> Compared:
    """Compare `coreset`. It is a tie if the first rows on which they part are equally far by differences in float64."""
    points = pool.embeddings.numpy()
    known, rest = points[: pool.known], points[pool.known :]
    theirs, ours = rules.core_set(rest, known, pool.budget), _spread("coreset", pool)
    identical = set(theirs.tolist()) == set(ours.tolist())
    parted = np.flatnonzero(theirs != ours)
    if identical or not len(parted):
        return Compared(identical, identical, 0.0)
    first = parted[0]
    centres = np.concatenate([known, rest[ours[:first]]]).astype(np.float64)
    far = [np.square(rest[chosen[first]].astype(np.float64) - centres).sum(1).min() for chosen in (theirs, ours)]
    gap = abs(far[0] - far[1]) / np.square(rest[ours[first]].astype(np.float64)).sum()
    return Compared(identical=False, tied=bool(gap == 0), gap=float(gap))


def bins(pool: Pool) -> Compared:
    """Compare how many rows `uncertainty_uniform_discretize` takes of each bin, since it draws within them unseeded."""
    size = len(pool.logits) // BINS * BINS
    logits = pool.logits[:size].numpy()
    theirs = rules.bins(logits, pool.budget, BINS, np.random.default_rng(0))
    ours = select({"name": "uncertainty_bins", "bins": BINS}, budget=pool.budget, logits=logits)
    place = np.empty(size, dtype=np.int64)
    place[np.argsort(-logits.max(-1), kind="stable")] = np.arange(size) * BINS // size
    same = np.array_equal(*(np.bincount(place[chosen], minlength=BINS) for chosen in (theirs, ours)))
    return Compared(same, same, 0.0)


CASES: dict[str, tuple[str, Callable[[Pool], Compared]]] = {
    "coreset": ("coreset", core_set),
    "uncertainty": ("uncertainty", least_confidence),
    "uncertainty_mix": ("uncertainty_mix", mixed),
    "uncertainty_bins": ("uncertainty_uniform_discretize", bins),
    "dbal": ("dbal", dbal),
    "bald": ("bald", bald),
    "qbc": ("ensemble_var_R", votes),
    "qbc(disagreement=consensus_entropy)": ("ensemble_dbal", consensus),
    "qbc(disagreement=kl_divergence)": ("ensemble_bald", divergence),
    "centre_of_gravity": ("cog", centre_of_gravity),
}
"""Ours by name: theirs by name, and what compares them on a pool."""


def _ours(strategy: Any, pool: Pool, **arrays: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    return select(strategy, budget=pool.budget, **arrays)


def _spread(strategy: str, pool: Pool) -> np.ndarray[Any, np.dtype[np.int64]]:
    chosen = select(strategy, budget=pool.budget, embeddings=pool.embeddings, labelled=torch.arange(pool.known))
    return chosen - pool.known


def _ranked(theirs: rules.Picks, ours: rules.Picks, scores: rules.Scores) -> Compared:
    """Compare choices of the highest scores, as TorchAL computes them."""
    alone = np.setxor1d(theirs, ours)
    apart = np.abs(scores[alone] - scores[theirs].min())
    return Compared(
        identical=len(alone) == 0,
        tied=len(theirs) == len(ours) and not apart.any(),
        gap=float(apart.max(initial=0)),
    )
