"""Facility location by greedy selection: MaxHerding, and Uncertainty Herding where points have weights.

Bae, Noh & Sutherland 2024, "Generalized Coverage for More Robust Low-Budget Active Learning"; Bae, Oliveira &
Sutherland 2025, "Uncertainty Herding: One Active Learning Method for All Label Budgets". The kernel is Gaussian.

Why so few gains are computed, and no pick changes: what a point would add only shrinks as others are chosen, so a gain
taken earlier is an upper bound on it (the lazy greedy of Minoux 1978), and only what could still win is taken anew.

Deviation: the papers' averages over the pool are sums here, which changes no pick.
"""

import math

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

KEPT = 2**31  # bytes of similarities that are kept: those of 16,384 points
SLICE = 2048  # rows multiplied at once, so that their similarities are still in the cache for what follows


@torch.no_grad()
def facility_location(
    points: Float[Tensor, "pool width"],
    centres: Float[Tensor, "labelled width"],
    weights: Float[Tensor, " pool"],
    budget: int,
    radius: float,
    chunk: int = 256,
) -> Int64[Tensor, " budget"]:
    """Return indices of points, each adding most to the pool's weighted similarity to its most similar centre.

    Centres are the given ones and the points chosen before; the similarity is ``exp(-distance**2 / radius**2)``. No
    point comes twice. Of gains that agree within 1e-12 of all weights together, the lowest index: no sum of float64
    tells them apart. Similarities err by about 1e-16 times the square of a point's distance, in radii, from the mean
    of the pool; a mean shared by all points costs nothing.

    Cost: ``pool**2 * width`` operations for the first gains, and ``pool * width`` for each taken anew, about
    ``pool`` of them for each doubling of the centres; ``pool`` where all similarities are kept, which they are up to
    16,384 points. Memory beyond the arguments: one float64 copy of the points, ``2 * pool * chunk`` numbers and the
    2 GiB of similarities that may be kept.

    Raises:
        ValueError: if the budget exceeds the pool, a feature is not finite, a weight is negative or not finite, or the
            radius is not a positive number, or so small that distances in radii overflow.
    """
    _check(points, centres, weights, budget, radius)
    herd = _Herd(points, centres, weights, radius, chunk)
    while len(herd.chosen) < budget:
        herd.extend(budget)
    return torch.tensor(herd.chosen, dtype=torch.int64, device=points.device)


class _Herd:
    """What each point would add, or at least an upper bound on it, beside what is chosen."""

    def __init__(self, points: Tensor, centres: Tensor, weights: Tensor, radius: float, chunk: int) -> None:
        origin, self.chunk, self.weights = points.mean(0, dtype=torch.float64), chunk, weights.double()
        self.rows = _placed(points, origin, radius)
        self.covered = torch.zeros_like(self.weights)
        few = 8 * len(points) ** 2 <= KEPT
        self.kept = self.rows.new_empty(len(points), len(points)) if few else None
        for some in centres.split(chunk) if len(centres) else ():
            self.covered = self.covered.maximum(_similar(self.rows, _placed(some, origin, radius)).amax(1))
        self.bounds = self._first()
        self.blur = 1e-12 * self.weights.sum()
        self.chosen: list[int] = []

    def _first(self) -> Float64[Tensor, " pool"]:
        """Return all gains, each similarity computed once for both of its points."""
        gains = torch.zeros_like(self.covered)
        for start in range(0, len(gains), self.chunk):
            block, rest = slice(start, start + self.chunk), slice(start + self.chunk, None)
            similar = _similar(self.rows[start:], self.rows[block])
            if self.kept is not None:
                self.kept[block, start:] = similar.T
                self.kept[rest, block] = similar[self.chunk :]
            gains[rest] += (similar[self.chunk :] - self.covered[block]).clamp_(min=0) @ self.weights[block]
            gains[block] += self._gains(similar, slice(start, None))
        return gains

    def _gains(self, similar: Float64[Tensor, "rows block"], rows: slice) -> Float64[Tensor, " block"]:
        """Return what similarities add on some rows of the pool."""
        parts = zip(*(each.split(SLICE) for each in (similar, self.covered[rows], self.weights[rows])), strict=True)
        return torch.stack([part @ (some - old[:, None]).clamp_(min=0) for some, old, part in parts]).sum(0)

    def extend(self, budget: int) -> None:
        """Take the gains of the most promising points anew, and choose while the best is surely among them."""
        block = self.bounds.clamp(max=self.bounds.max() - self.blur).argsort(descending=True, stable=True)[: self.chunk]
        similar = _similar(self.rows, self.rows[block]) if self.kept is None else self.kept[block].T
        self.bounds[block] = self.bounds[block].minimum(self._gains(similar, slice(None)))
        places = {row: place for place, row in enumerate(block.tolist())}
        while len(self.chosen) < budget and (best := self._best()) in places:
            self._choose(best, block, similar, similar[:, places[best]])

    def _best(self) -> int:
        """Return the lowest index of those whose bounds are the highest."""
        return int((self.bounds >= self.bounds.max() - self.blur).int().argmax())

    def _choose(self, best: int, block: Tensor, similar: Tensor, to_best: Tensor) -> None:
        """Choose a point and lower the gains of a block, by way of the rows that are now covered better."""
        rows = (to_best > self.covered).nonzero()[:, 0]
        old, new = self.covered[rows], to_best[rows]
        lost = similar[rows].clamp_(old[:, None], new[:, None]).sub_(old[:, None])
        self.bounds[block] -= self.weights[rows] @ lost
        self.covered[rows] = new
        self.bounds[best] = -torch.inf
        self.chosen.append(best)


def _placed(points: Tensor, origin: Tensor, radius: float) -> Float64[Tensor, "points width_and_2"]:
    """Return points in radii about the origin, then the negative of their squared norms, and 1."""
    rows = origin.new_ones(len(points), len(origin) + 2)
    at = rows[:, :-2]
    at.copy_(points).sub_(origin).div_(radius)
    rows[:, -2] = -torch.linalg.vector_norm(at, dim=1).square()
    if not rows.isfinite().all():
        raise ValueError(f"radius: {radius} is too small for distances between these points; take a larger one.")
    return rows


def _similar(rows: Tensor, others: Tensor) -> Float64[Tensor, "rows others"]:
    # norms ride along as coordinates, so that one product gives the exponents
    facing = torch.cat([2 * others[:, :-2], others[:, -1:], others[:, -2:-1]], dim=1).T.contiguous()
    similar = rows.new_empty(len(rows), len(others))
    for some, into in zip(rows.split(SLICE), similar.split(SLICE), strict=True):
        torch.matmul(some, facing, out=into).clamp_(max=0).exp_()
    return similar


def _check(points: Tensor, centres: Tensor, weights: Tensor, budget: int, radius: float) -> None:
    if not 0 <= budget <= len(points):
        raise ValueError(f"budget: {budget} exceeds the {len(points)} points; ask for 0 to that many.")
    if not 0 < radius < math.inf:
        raise ValueError(f"radius: {radius} is no positive number; take the distance at which points stop being alike.")
    if not (points.isfinite().all() and centres.isfinite().all()):
        raise ValueError("features: some are NaN or infinite; look for a network that diverged.")
    if not (weights.isfinite() & (weights >= 0)).all():
        raise ValueError(f"weights: the lowest is {float(weights.min())}; give finite numbers of at least 0.")
