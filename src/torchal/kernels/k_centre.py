"""Greedy k-centre selection (Sener & Savarese 2018, Algorithm 1; within twice the optimum, Gonzalez 1985)."""

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor


def k_centre_greedy(
    features: Float[Tensor, "pool width"], labelled: Float[Tensor, "labelled width"], budget: int, chunk: int = 1024
) -> Int64[Tensor, " budget"]:
    """Return indices of points, each the farthest from its nearest centre: a labelled point or one chosen before it.

    Equal distances: the lowest index. No point comes twice, even where copies of it are left. With nothing labelled,
    the first is the point nearest to the mean of the pool. Distances are Euclidean, from differences in float64, which
    unlike the expansion by inner products do not cancel where points are far from the origin and near each other.

    Cost: ``(labelled + budget) * pool * width`` operations. Memory beyond the arguments: one float64 copy of them and
    ``chunk * chunk`` distances.

    Raises:
        ValueError: if the budget exceeds the pool, or if a feature is not finite.
    """
    if budget > len(features):
        raise ValueError(f"budget: {budget} exceeds the {len(features)} points; ask for at most that many.")
    if not (features.isfinite().all() and labelled.isfinite().all()):
        raise ValueError("features: some are NaN or infinite; look for a network that diverged.")
    points, centres = features.double(), labelled.double()
    nearest = _nearest(points, centres, chunk)
    chosen = torch.empty(budget, dtype=torch.int64, device=features.device)
    for pick in range(budget):
        worth = nearest if pick or len(centres) else -_distances(points, points.mean(0, keepdim=True))[:, 0]
        new = chosen[pick : pick + 1].copy_(worth.argmax())
        nearest = nearest.minimum(_distances(points, points[new])[:, 0])
        nearest[new] = -1  # below every distance, so that it stays chosen when only copies of centres are left
    return chosen


def _nearest(points: Tensor, centres: Tensor, chunk: int) -> Float64[Tensor, " pool"]:
    """Return each point's distance to its nearest centre; infinite if there is none."""
    nearest = points.new_full((len(points),), torch.inf)
    for start in range(0, len(points), chunk):
        part = slice(start, start + chunk)
        for some in centres.split(chunk) if len(centres) else ():
            nearest[part] = nearest[part].minimum(_distances(points[part], some).amin(1))
    return nearest


def _distances(left: Tensor, right: Tensor) -> Float64[Tensor, "left right"]:
    return torch.cdist(left, right, compute_mode="donot_use_mm_for_euclid_dist")
