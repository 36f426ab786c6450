"""TorchAL's acquisition rules as its code states them, each written anew in plain numpy.

Facts of github.com/PrateekMunjal/TorchAL at 51e3810 (July 2022), file `al_utils/Sampling.py`: formulas, precisions,
epsilons and the order among equals are its own; no line is. Every function takes tables of what networks said of the
pool and returns positions in the pool, in its order of choice. Numbers in float32 are those that its networks give.
"""

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.floating]
Scores = NDArray[np.floating]
Picks = NDArray[np.int64]

BALD_EPSILON = 1e-6
BINS = 500


def highest(scores: Scores, budget: int) -> Picks:
    """Sort by numpy's unstable default, turn the order round, and take the first: so NaN comes before everything."""
    return np.argsort(scores)[::-1][:budget]


def softmax(logits: Table) -> Table:
    """Return probabilities in the precision of the logits, as torch does."""
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    return odds / odds.sum(-1, keepdims=True)


def confidence(logits: Table) -> Scores:
    """Return the largest softmax output of each row."""
    return softmax(logits).max(-1)


def least_confidence(logits: Table, budget: int) -> Picks:
    """Sort by confidence, lowest first."""
    return np.argsort(confidence(logits))[:budget]


def mixed(logits: Table, budget: int) -> Picks:
    """Take half of the budget, rounded down, from the low end of confidence and the rest from the high end."""
    order = np.argsort(confidence(logits))
    half = budget // 2
    return np.concatenate([order[:half], order[len(order) - (budget - half) :]])


def bins(logits: Table, budget: int, count: int, draw: np.random.Generator) -> Picks:
    """Cut the pool, sorted by its largest logit from above, into bins and draw from one after the other."""
    order = np.argsort(logits.max(-1))[::-1]
    width, share = len(order) // count, -(-budget // count)
    cuts = [order[n * width : (n + 1) * width if n + 1 < count else len(order)] for n in range(count)]
    return np.concatenate([draw.choice(cut, min(share, len(cut)), replace=False) for cut in cuts])[:budget]


def centre_distance(pool: Table, labelled: Table) -> Scores:
    """Return how far each row lies from the mean of labelled rows and pool."""
    centre = np.concatenate([labelled, pool]).mean(0)
    return np.sqrt(np.square(pool - centre).sum(-1))


def centre_of_gravity(pool: Table, labelled: Table, budget: int) -> Picks:
    """Take the rows farthest from the mean."""
    return highest(centre_distance(pool, labelled), budget)


def core_set(pool: Table, labelled: Table, budget: int) -> Picks:
    """Cover greedily by squared distances from norms and products in float32; what was picked is not masked."""
    norms = np.square(pool).sum(1)
    nearest = np.full(len(pool), np.inf, dtype=pool.dtype)
    for part in np.array_split(labelled, -(-len(labelled) // 500)):
        squares = norms[:, None] - 2 * (pool @ part.T) + np.square(part).sum(1)
        nearest = np.minimum(nearest, squares.min(1))
    chosen = np.empty(budget, dtype=np.int64)
    for number in range(budget):
        chosen[number] = best = nearest.argmax()
        nearest = np.minimum(nearest, norms - 2 * (pool @ pool[best]) + norms[best])
    return chosen


def mean_entropy(said: Table) -> Scores:
    """Return bits of entropy of the mean of several networks; a probability of 0 makes it NaN."""
    mean = said.mean(0).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return -(mean * np.log2(mean)).sum(-1)


def dbal(said: Table, budget: int) -> Picks:
    """Take the highest entropies of the mean; with members in place of dropout it is `ensemble_dbal`."""
    return highest(mean_entropy(said), budget)


def disagreement(said: Table) -> Scores:
    """Return bits of entropy of the mean less the mean of entropies, each with an epsilon within the logarithm."""
    said = said.astype(np.float64)
    mean = said.mean(0)
    inside = (said * np.log2(said + BALD_EPSILON)).sum(-1).mean(0)
    return inside - (mean * np.log2(mean + BALD_EPSILON)).sum(-1)


def bald(said: Table, budget: int) -> Picks:
    """Take the highest disagreement; with members in place of dropout it is `ensemble_bald`."""
    return highest(disagreement(said), budget)


def vote_ratio(said: Table) -> Scores:
    """Return the share of members that do not vote for the class with the most votes."""
    votes = said.argmax(-1)
    counts = np.stack([(votes == each).sum(0) for each in range(said.shape[-1])])
    return 1 - counts.max(0) / len(said)


def committee(said: Table, budget: int) -> Picks:
    """Take the highest vote ratios."""
    return highest(vote_ratio(said), budget)


def shuffled(size: int, budget: int, seed: int) -> Picks:
    """Seed numpy's old generator, shuffle the positions, and take the first."""
    return np.random.RandomState(seed).permutation(size)[:budget].astype(np.int64)


def corrupted(truth: Picks, newest: slice, rate: float, classes: int, draw: np.random.Generator) -> Picks:
    """Return labels as a training gets them: a share of the newest batch drawn from all classes, all others clean."""
    labels = truth.copy()
    rows = np.arange(len(truth))[newest]
    touched = draw.choice(rows, int(rate * len(rows)), replace=False)
    labels[touched] = draw.integers(0, classes, len(touched))
    return labels


def percent(cycle: int, start: float = 10.0, step: float = 10.0) -> float:
    """Return the number by which a cycle's folder is named, whatever was bought."""
    return start + cycle * step
