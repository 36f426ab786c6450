"""Exact nearest neighbours by brute force (Fix & Hodges 1951).

Products in float32 bound every squared distance from below; the few lowest are measured in float64, and are the answer
as soon as the next bound exceeds the last of them.
"""

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from torchal.kernels._euclid import Placed, Space

SPARE = 16  # distances measured beyond k


@torch.no_grad()
def neighbours(
    queries: Float[Tensor, "queries width"], points: Float[Tensor, "points width"], k: int, chunk: int = 256
) -> tuple[Float64[Tensor, "queries k"], Int64[Tensor, "queries k"]]:
    """Return the distances to the k points nearest to each query, the nearest first, and their indices.

    Distances are Euclidean, from differences in float64. Equal distances: the lowest index.

    Cost: ``queries * points * width`` operations, and ``(k + 16) * width`` in float64 for each query; more where so
    many distances agree that float32 cannot tell the first k from the rest. Memory beyond the arguments: a float32 copy
    of the points, ``chunk * points`` bounds and ``chunk * (k + 16)`` rows in float64.

    Raises:
        ValueError: if k is not between 1 and the number of points, or if a feature is not finite.
    """
    if not 0 < k <= len(points):
        raise ValueError(f"k: {k} neighbours of {len(points)} points; ask for 1 to that many.")
    with torch.autocast(points.device.type, enabled=False):
        cloud = Cloud(points, queries)
        found = [cloud.nearest(some, k, k + SPARE) for some in queries.split(chunk)]
    distances, indices = (torch.cat(parts) for parts in zip(*found, strict=True))
    return distances / cloud.scale, indices


def knn_graph(
    points: Float[Tensor, "points width"], k: int, chunk: int = 256
) -> tuple[Float64[Tensor, "points k"], Int64[Tensor, "points k"]]:
    """Return the distances from each point to the k others nearest to it, the nearest first, and their indices.

    A copy of a point is another point, at distance 0. For the rest see ``neighbours``.

    Raises:
        ValueError: if k is not between 0 and the number of other points, or if a feature is not finite.
    """
    if not 0 <= k < len(points):
        raise ValueError(f"k: {k} neighbours where a point has {len(points) - 1} others; ask for at most that many.")
    distances, indices = neighbours(points, points, k + 1, chunk)
    others = indices != torch.arange(len(points), device=points.device)[:, None]
    others[:, -1] &= ~others.all(1)  # where copies of lower index have crowded the point itself out
    return distances[others].view(len(points), k), indices[others].view(len(points), k)


class Cloud:
    """Points to be found near others."""

    def __init__(self, points: Float[Tensor, "points width"], *others: Float[Tensor, "_ width"]) -> None:
        self.space, self.points = Space(points, *others), points
        self.scale = float(self.space.scaled(points.new_ones(1, 1)))
        placed = self.space.place(points)
        self.slack = placed.slack
        self._low = Placed(placed.at, placed.high - 2 * placed.slack, placed.slack)

    def below(self, queries: Placed) -> Float[Tensor, "queries points"]:
        """Return lower bounds on squared distances, on the scale of the space."""
        return queries.products(self._low).add_((queries.high - 2 * queries.slack)[:, None])

    def nearest(
        self, queries: Float[Tensor, "queries width"], k: int, measured: int
    ) -> tuple[Float64[Tensor, "queries k"], Int64[Tensor, "queries k"]]:
        """Return the k nearest by distance, then index, measuring so many distances or, where they do not do, more."""
        distances, indices, sure = self._attempt(queries, k, min(measured, len(self.points)))
        unsure = (~sure).nonzero()[:, 0]
        for rows in unsure.split(max(1, len(queries) // 4)) if len(unsure) else ():
            distances[rows], indices[rows] = self.nearest(queries[rows], k, 4 * measured)
        return distances, indices

    def _attempt(
        self, queries: Tensor, k: int, measured: int
    ) -> tuple[Float64[Tensor, "queries k"], Int64[Tensor, "queries k"], Bool[Tensor, " queries"]]:
        bounds, order = self.below(self.space.place(queries)).topk(min(measured + 1, len(self.points)), largest=False)
        among = order[:, :measured].sort(1).values  # by index, which a stable sort by distance keeps
        distances, ranks = self._measured(queries, among).sort(dim=1, stable=True)
        sure = distances[:, k - 1].square() < bounds[:, -1].double()
        if measured == len(self.points):
            sure = torch.ones_like(sure)
        return distances[:, :k], among.gather(1, ranks[:, :k]), sure

    def _measured(self, queries: Tensor, among: Int64[Tensor, "queries some"]) -> Float64[Tensor, "queries some"]:
        there = self.space.scaled(self.points[among.flatten()]).view(*among.shape, -1)
        here = self.space.scaled(queries)[:, None]
        return torch.cdist(here, there, compute_mode="donot_use_mm_for_euclid_dist")[:, 0]
