"""BADGE's k-means++ by rejection against a pass over the pool for every pick, with its gradients built and factorised.

With the gradients built, as the authors' code and scikit-activeml have them, a few picks are timed and scaled to all of
them; building them is left out of their time. All draw from one law by different numbers, so that not the picks are
compared but how well they cover the pool: the mean over seeds of the potential, the sum of squared distances to the
nearest pick. The pool is 50,000 points of width 512 in ten classes, with the probabilities of a linear head.
"""

import importlib.util
import resource
import time
from collections.abc import Callable
from statistics import mean, median
from typing import Any

import torch
from torch import Tensor, nn

from torchal.kernels.seeding import kmeanspp
from torchal.rng import generator

POOL, WIDTH, CLASSES, BUDGET = 50_000, 512, 10, 2_500
FEW, MORE = 2, 12

Distances = Callable[[int], Tensor]
"""From the index of a centre to the squared distances of all rows."""


def measure(n: int = 3) -> dict[str, Any]:
    """Select n times by rejection and by factorised passes, and a few picks from built gradients."""
    left, right = _gradients()
    before = _peak()
    ours = [_timed(lambda each=each: kmeanspp(left, right, BUDGET, generator(each))) for each in range(n)]
    used = _peak() - before
    passes = [_timed(lambda each=each: _plain(_factorised(left, right), BUDGET, each)) for each in range(n)]
    seconds = {
        "torchal": median(taken for taken, _ in ours),
        "factorised passes": median(taken for taken, _ in passes),
        "built gradients (scaled)": BUDGET * _per_pick(_built(left, right)),
    } | _scikit_activeml(left, right)
    potentials = [mean(_potential(left, right, chosen) for _, chosen in side) for side in (ours, passes)]
    return {
        "ratio": round(seconds["built gradients (scaled)"] / seconds["torchal"]),
        "ratio_to_factorised": round(seconds["factorised passes"] / seconds["torchal"]),
        "ratio_of_potentials": round(potentials[0] / potentials[1], 4),
        "seconds": {side: round(each, 2) for side, each in seconds.items()},
        "scaled_from_picks": MORE - FEW,
        "megabytes": {"torchal": round(used / 2**20), "built gradients": round(4 * POOL * WIDTH * CLASSES / 2**20)},
        "pool": POOL,
        "width": WIDTH,
        "classes": CLASSES,
        "budget": BUDGET,
        "n": n,
        "threads": torch.get_num_threads(),
    }


def _gradients() -> tuple[Tensor, Tensor]:
    """Return the sides of the last layer's gradients for the labels predicted, of a network sure of most points."""
    draw = generator("pool")
    labels = torch.randint(CLASSES, (POOL,), generator=draw)
    means = torch.randn(CLASSES, WIDTH, generator=draw)
    features = torch.randn(POOL, WIDTH, generator=draw)
    # in place, for the peak of memory that comes before is to be that of the features
    features.addmm_(nn.functional.one_hot(labels, CLASSES).float(), means, alpha=0.5).relu_()
    probabilities = (features @ (0.06 * means + 0.03 * torch.randn(CLASSES, WIDTH, generator=draw)).T).softmax(1)
    return probabilities - nn.functional.one_hot(probabilities.argmax(1), CLASSES), features


def _plain(distances: Distances, budget: int, seed: int) -> Tensor:
    draw = generator("plain", seed)
    chosen = [int(torch.randint(POOL, (), generator=draw))]
    nearest = distances(chosen[0])
    while len(chosen) < budget:
        chosen.append(int(torch.multinomial(nearest, 1, generator=draw)))
        nearest = nearest.minimum(distances(chosen[-1]))
        nearest[chosen[-1]] = 0
    return torch.tensor(chosen)


def _factorised(left: Tensor, right: Tensor) -> Distances:
    sizes = left.square().sum(1) * right.square().sum(1)
    return lambda one: (sizes + sizes[one] - 2 * (left @ left[one]) * (right @ right[one])).clamp_min(0)


def _built(left: Tensor, right: Tensor) -> Callable[[int], Tensor]:
    rows = torch.einsum("na,nb->nab", left, right).flatten(1)
    sizes = rows.square().sum(1)
    return lambda budget: _plain(lambda one: (sizes + sizes[one] - 2 * (rows @ rows[one])).clamp_min(0), budget, 0)


def _scikit_activeml(left: Tensor, right: Tensor) -> dict[str, float]:
    if importlib.util.find_spec("skactiveml") is None:
        return {}
    from skactiveml.base import SkactivemlClassifier  # noqa: PLC0415 - not a dependency
    from skactiveml.pool import Badge  # noqa: PLC0415 - not a dependency

    class Known(SkactivemlClassifier):
        """Predicts so that its gradients are those given."""

        def fit(self, *_: Any) -> "Known":
            return self

        def predict_proba(self, _: Any) -> Any:
            return (left + (left < 0)).numpy()

    known, nothing = Known(classes=list(range(CLASSES))), torch.full((POOL,), torch.nan).numpy()
    query = Badge(random_state=0).query
    each = _per_pick(lambda budget: query(right.numpy(), nothing, known, fit_clf=False, batch_size=budget))
    return {"scikit-activeml (scaled)": BUDGET * each}


def _per_pick(select: Callable[[int], Any]) -> float:
    """Return the seconds for one more pick, from calls after a first to warm up."""
    _, few, more = (_timed(lambda budget=budget: select(budget))[0] for budget in (FEW, FEW, MORE))
    return (more - few) / (MORE - FEW)


def _potential(left: Tensor, right: Tensor, chosen: Tensor) -> float:
    sizes = left.square().sum(1) * right.square().sum(1)
    total = 0.0
    for part in torch.arange(POOL).split(1024):
        products = (left[part] @ left[chosen].T) * (right[part] @ right[chosen].T)
        total += float((sizes[part, None] + sizes[chosen] - 2 * products).amin(1).clamp_min(0).sum())
    return total


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
