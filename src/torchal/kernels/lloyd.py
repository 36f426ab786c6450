"""k-means by Lloyd's iterations, and the points nearest to centroids.

Lloyd 1982, "Least Squares Quantization in PCM"; seeded as in Arthur & Vassilvitskii 2007, "k-means++: The Advantages
of Careful Seeding".

Deviation: a cluster that lost all its points starts anew at the point farthest from its centroid, where Lloyd leaves it
empty.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from torchal.kernels.seeding import kmeanspp_points


def kmeans(
    points: Float[Tensor, "points width"],
    clusters: int,
    generator: torch.Generator,
    iterations: int = 100,
    chunk: int = 1024,
) -> tuple[Int64[Tensor, " points"], Float[Tensor, "clusters width"]]:
    """Return the cluster of each point, which is the one of the nearest centroid, and the centroids.

    It ends when no point changes its cluster, so that the centroids are the clusters' means, or after the iterations.
    Of clusters equally near, to rounding in float64, the lowest. With more clusters than distinct points some stay
    empty. The draws are those of :func:`~torchal.kernels.seeding.kmeanspp_points`.

    Cost: ``points * clusters * width`` operations an iteration. Memory beyond the arguments, in float64: two numbers a
    point, ``(chunk + clusters) * width`` for the points and centroids at work and ``chunk * clusters`` for distances.

    Raises:
        ValueError: if the clusters are not between 1 and the number of points, or if a point is not finite.
    """
    _check(points, clusters)
    seeds = kmeanspp_points(points, clusters, generator, chunk=chunk)
    cloud = _Cloud(points, chunk)
    centroids = cloud.at(seeds)
    assignment = cloud.assigned(centroids)
    for _ in range(iterations):
        centroids = cloud.means(assignment, centroids)
        before, assignment = assignment, cloud.assigned(centroids)
        if torch.equal(assignment, before):
            break
    return assignment, (centroids + cloud.origin).to(points.dtype)


def nearest_to(
    points: Float[Tensor, "points width"], centroids: Float[Tensor, "clusters width"], chunk: int = 1024
) -> Int64[Tensor, " clusters"]:
    """Return the index of a point near each centroid, no point twice.

    Of all pairs of a centroid and a point the closest is taken, then the closest of those left, and so on; of equal
    distances (to rounding in float64) the lowest centroid and its lowest point. Cost: ``points * clusters * width``
    operations for a first round, which settles nearly all, and fewer in each further one; among copies of one centroid,
    a round settles one. Memory beyond the arguments, in float64: ``(chunk + 2 * clusters) * (clusters + width)``.

    Raises:
        ValueError: if there are more centroids than points, or if one of either is not finite.
    """
    _check(points, len(centroids))
    cloud = _Cloud(points, chunk)
    chosen = torch.empty(len(centroids), dtype=torch.int64, device=points.device)
    used = torch.zeros(len(points), dtype=torch.bool, device=points.device)
    free = torch.arange(len(centroids), device=points.device)
    places = centroids.double() - cloud.origin
    while len(free):
        nearest = cloud.nearest(places[free], used)
        settled = _mutual(cloud.at(nearest), places[free])
        chosen[free[settled]] = nearest[settled]
        used[nearest[settled]] = True
        free = free[~settled]
    return chosen


def _check(points: Tensor, clusters: int) -> None:
    if not 1 <= clusters <= len(points):
        raise ValueError(f"clusters: {clusters} is not between 1 and the {len(points)} points; ask for fewer or more.")


def _mutual(points: Float64[Tensor, "pairs width"], centroids: Float64[Tensor, "pairs width"]) -> Tensor:
    """Return for which pairs the centroid is also the nearest one to the point, as it is for the closest pair."""
    apart = torch.cdist(points, centroids, compute_mode="donot_use_mm_for_euclid_dist")
    mutual = apart.argmin(1) == torch.arange(len(points), device=points.device)
    mutual[apart.diagonal().argmin()] = True  # even where rounding says otherwise, so that every round settles one
    return mutual


class _Cloud:
    """Points about one of them, so that what they share does not cancel in products; in float64, a chunk at a time."""

    def __init__(self, points: Tensor, chunk: int) -> None:
        self.points, self.chunk = points, chunk
        self.origin = points[:1].double()

    def at(self, which: Int64[Tensor, " some"]) -> Float64[Tensor, "some width"]:
        return self.points[which].double() - self.origin

    def assigned(self, centroids: Float64[Tensor, "clusters width"]) -> Int64[Tensor, " points"]:
        """Return the centroid nearest to each point."""
        halves = centroids.square().sum(1) / 2
        # filled in place: small results kept in a list, amid large ones freed, have the allocator hoard gigabytes
        assignment = torch.empty(len(self.points), dtype=torch.int64, device=self.points.device)
        for own, part in zip(assignment.split(self.chunk), self._parts(), strict=True):
            own.copy_(torch.addmm(halves, part, centroids.T, alpha=-1).argmin(1))
        return assignment

    def nearest(self, centroids: Float64[Tensor, "clusters width"], used: Tensor) -> Int64[Tensor, " clusters"]:
        """Return the point nearest to each centroid among those not used."""
        lowest = centroids.new_full((len(centroids),), torch.inf)
        nearest = lowest.new_zeros(len(centroids), dtype=torch.int64)
        for number, (part, taken) in enumerate(zip(self._parts(), used.split(self.chunk), strict=True)):
            halves = part.square().sum(1, keepdim=True) / 2
            low, place = torch.addmm(halves, part, centroids.T, alpha=-1).masked_fill(taken[:, None], torch.inf).min(0)
            nearest = torch.where(low < lowest, place + number * self.chunk, nearest)
            lowest = lowest.minimum(low)
        if lowest.isnan().any():
            raise ValueError("points, centroids: some are NaN or infinite; look for a network that diverged.")
        return nearest

    def means(self, assignment: Int64[Tensor, " points"], centroids: Float64[Tensor, "clusters width"]) -> Tensor:
        """Return the clusters' means; those of empty ones are the points farthest from the mean of their cluster."""
        counts = assignment.bincount(minlength=len(centroids))
        shifts = torch.zeros_like(centroids)
        # differences, so that the mean of copies of one point is that point
        for own, differences in self._differences(assignment, centroids):
            shifts.index_add_(0, own, differences)
        means = centroids + shifts / counts.clamp_min(1)[:, None]
        empty = (counts == 0).nonzero()[:, 0]
        return self._restarted(empty, assignment, means) if len(empty) else means

    def _restarted(self, empty: Tensor, assignment: Tensor, means: Tensor) -> Tensor:
        apart = means.new_empty(len(assignment))
        for part, (_, differences) in zip(apart.split(self.chunk), self._differences(assignment, means), strict=True):
            part.copy_(differences.square().sum(1))
        farthest = apart.argsort(descending=True, stable=True)[: len(empty)]
        farthest = farthest[apart[farthest] > 0]
        return means.index_copy(0, empty[: len(farthest)], self.at(farthest))

    def _differences(self, assignment: Tensor, centroids: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for part, own in zip(self._parts(), assignment.split(self.chunk), strict=True):
            yield own, part - centroids[own]

    def _parts(self) -> Iterator[Tensor]:
        return (part.double() - self.origin for part in self.points.split(self.chunk))
