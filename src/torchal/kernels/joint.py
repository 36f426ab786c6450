"""Choosing points whose labels are together most informative about which sample is right (BatchBALD).

Kirsch, van Amersfoort & Gal 2019, "BatchBALD: Efficient and Diverse Batch Acquisition for Deep Bayesian Active
Learning". A sample is one network; given the sample, the labels of different points are independent.

Deviations: none in what is chosen. By the chain rule, what a point adds to the joint mutual information is the entropy
of its label, in the mean over all labellings of the points before it, less its mean entropy once the sample is known.
Written so, entropies of one label are compared instead of joint ones, which grow with the batch and cancel. Nats, in
float64; each row is first divided by its sum, since those of float32 are off by more than late gains are apart.
"""

from collections.abc import Callable
from itertools import count
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Generator, Tensor

from torchal.kernels.information import entropy

_EQUAL = 1e-12
"""Gains closer than this (nats) are equal: rounding, which depends on the chunk and the device, reaches 1e-14."""

_TINY = torch.finfo(torch.float64).tiny


class _Labellings(NamedTuple):
    """Ways in which some points may be labelled, how probable each is, and how probable it makes each sample."""

    weight: Float64[Tensor, " ways"]
    posterior: Float64[Tensor, "ways samples"]


_Extend = Callable[[_Labellings, Tensor], _Labellings]


def joint_entropy(
    probabilities: Float[Tensor, "samples points classes"], configurations: int = 2**18
) -> Float64[Tensor, ""]:
    """Return the entropy (nats) of the points' labels together, exactly: over all ``classes ** points`` labellings.

    Cost and memory beyond the argument: ``2 * samples * classes ** points`` numbers.

    Raises:
        ValueError: if a row is no distribution, or if the labellings exceed the configurations allowed.
    """
    _refuse_rows(probabilities)
    _, points, classes = probabilities.shape
    if classes**points > configurations:
        raise ValueError(
            f"probabilities: {points} points of {classes} classes have {classes}^{points} labellings, beyond "
            f"configurations = {configurations}; ask for at most {_depth(classes, configurations)} points or raise it."
        )
    labellings = _unlabelled(probabilities, 1)
    for point in _distributions(probabilities).unbind(1):
        labellings = _every_label(labellings, point)
    return entropy(labellings.weight)


def batch_bald(
    probabilities: Float[Tensor, "samples pool classes"],
    budget: int,
    configurations: int = 2**18,
    chunk: int = 2**18,
) -> Int64[Tensor, " budget"]:
    """Return indices of points, each adding most to the mutual information of all labels chosen and the sample.

    The first is BALD's. Gains within 1e-12 nats are equal: the lowest index. No point comes twice, even where the rest
    adds nothing.

    The information is exact: over all ``classes ** (budget - 1)`` labellings of the points chosen before the last.
    Cost: ``samples * pool * classes ** budget`` operations and ``pool * classes ** budget`` logarithms. Memory beyond
    the argument, in float64 numbers: ``3 * samples * configurations`` for the labellings, and twice the larger of
    ``chunk`` and ``configurations * classes`` for the pool, which is passed over in parts.

    Raises:
        ValueError: if the budget exceeds the pool, if a row is no distribution, or if the labellings exceed the
            configurations allowed.
    """
    classes = probabilities.shape[-1]
    if classes ** (budget - 1) > configurations:
        raise ValueError(
            f"budget: {budget} needs {classes}^{budget - 1} labellings, beyond configurations = {configurations}; "
            f"with {classes} classes ask for at most {1 + _depth(classes, configurations)}, raise configurations, "
            "or use batch_bald_sampled."
        )
    return _greedy(probabilities, budget, _unlabelled(probabilities, 1), _every_label, chunk)


def batch_bald_sampled(
    probabilities: Float[Tensor, "samples pool classes"],
    budget: int,
    generator: Generator,
    draws: int = 10_000,
    chunk: int = 2**18,
) -> Int64[Tensor, " budget"]:
    """Return what ``batch_bald`` estimates from labellings drawn at random, for budgets whose labellings are too many.

    Each draw labels the points as they are chosen, by what its labels of those before make probable: so the first pick
    is exact. Ties as for ``batch_bald``. The generator is on the device of the argument. (The authors' program draws as
    many labels from each sample and weighs them, all before the pick; the mean is the same.)

    Cost: ``samples * pool * classes * draws * budget`` operations and ``pool * classes * draws * budget`` logarithms.
    Memory beyond the argument, in float64 numbers: ``3 * samples * classes * draws``, and twice the larger of ``chunk``
    and ``draws * classes``.

    Raises:
        ValueError: if the budget exceeds the pool, if a row is no distribution, or if there is less than one draw.
    """
    if draws < 1:
        raise ValueError(f"draws: {draws} labellings estimate nothing; ask for at least 1.")

    def extend(labellings: _Labellings, point: Tensor) -> _Labellings:
        return _drawn_label(labellings, point, generator)

    return _greedy(probabilities, budget, _unlabelled(probabilities, draws), extend, chunk)


def _greedy(probabilities: Tensor, budget: int, labellings: _Labellings, extend: _Extend, chunk: int) -> Tensor:
    _refuse_rows(probabilities)
    if budget > probabilities.shape[1]:
        raise ValueError(f"budget: {budget} exceeds the {probabilities.shape[1]} points; ask for at most that many.")
    settled = _label_entropy(_known_sample(probabilities), probabilities, chunk)
    chosen = torch.empty(budget, dtype=torch.int64, device=probabilities.device)
    for pick in range(budget):
        gains = _label_entropy(labellings, probabilities, chunk) - settled
        new = chosen[pick : pick + 1].copy_((gains >= gains.amax() - _EQUAL).byte().argmax())
        settled[new] = torch.inf  # so that what it gains is below everything
        if pick + 1 < budget:
            labellings = extend(labellings, _distributions(probabilities[:, new])[:, 0])
    return chosen


def _label_entropy(labellings: _Labellings, probabilities: Tensor, chunk: int) -> Float64[Tensor, " pool"]:
    """Return for each point the entropy of its label, the mean over the labellings of others."""
    samples, _, classes = probabilities.shape
    rows = max(1, chunk // (max(len(labellings.weight), samples) * classes))
    parts = (_distributions(part) for part in probabilities.split(rows, dim=1))
    return torch.cat([_part_entropy(labellings, part) for part in parts])


def _part_entropy(labellings: _Labellings, part: Float64[Tensor, "samples rows classes"]) -> Float64[Tensor, " rows"]:
    predicted = labellings.posterior @ part.flatten(1)
    terms = predicted.clamp_min(_TINY).log_().mul_(predicted)  # several times faster than entr; 0 counts 0 here too
    return -(labellings.weight @ terms).view(part.shape[1:]).sum(-1)


def _unlabelled(probabilities: Tensor, ways: int) -> _Labellings:
    """Return what is known before any label: nothing, in as many equal copies as asked for."""
    uniform = probabilities.new_ones(ways, len(probabilities), dtype=torch.float64)
    return _Labellings(uniform[:, 0] / ways, uniform / len(probabilities))


def _known_sample(probabilities: Tensor) -> _Labellings:
    """Return what so many labels would tell in the end: which of the samples it is."""
    samples = len(probabilities)
    certain = torch.eye(samples, dtype=torch.float64, device=probabilities.device)
    return _Labellings(certain.sum(0) / samples, certain)


def _every_label(labellings: _Labellings, point: Float64[Tensor, "samples classes"]) -> _Labellings:
    """Return the labellings extended by each label of one more point."""
    joint = labellings.posterior[:, None] * point.T
    return _Labellings((labellings.weight[:, None] * joint.sum(-1)).flatten(), _normalised(joint.flatten(0, 1)))


def _drawn_label(labellings: _Labellings, point: Float64[Tensor, "samples classes"], draw: Generator) -> _Labellings:
    """Return the labellings extended by one label each, drawn as probable as the labelling makes it."""
    predicted = labellings.posterior @ point
    waiting = torch.empty_like(predicted).exponential_(generator=draw) / predicted  # the first of rivals to arrive
    label = waiting.argmin(1)
    return _Labellings(labellings.weight, _normalised(labellings.posterior * point.T[label]))


def _normalised(rows: Tensor) -> Tensor:
    return rows / rows.sum(-1, keepdim=True).clamp_min(_TINY)  # an impossible labelling stays 0, its weight is 0


def _distributions(probabilities: Tensor) -> Float64[Tensor, "samples rows classes"]:
    return _normalised(probabilities.double())


def _depth(classes: int, configurations: int) -> int:
    """Return how many points' labellings are within the configurations."""
    return next(points for points in count() if classes ** (points + 1) > configurations)


def _refuse_rows(probabilities: Tensor) -> None:
    off = (probabilities.sum(-1, dtype=torch.float64) - 1).abs()
    if not ((probabilities >= 0).all() and (off <= 0.01).all()):
        raise ValueError(
            "probabilities: some rows are no distributions (negative, NaN, or not summing to 1 within 0.01); "
            "give a softmax over the classes, and look for a network that diverged."
        )
