"""Greedy maximum coverage by balls of one radius: ProbCover's selection and the choice of its radius.

Yehuda, Dekel, Hacohen & Weinshall 2022, "Active Learning Through a Covering Lens".

Deviations: the paper does not say what follows when everything is covered (its authors' code then returns index 0 over
and over); here the cover starts again with nothing covered, among the points not chosen yet. The radius is the exact
supremum of those that are pure enough, where the paper tries values. A ball includes its boundary.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor

from torchal.kernels.nearest import Cloud, neighbours


@torch.no_grad()
def ball_cover(
    points: Float[Tensor, "pool width"],
    centres: Float[Tensor, "labelled width"],
    radius: float,
    budget: int,
    chunk: int = 1024,
) -> Int64[Tensor, " budget"]:
    """Return indices of points, each the one whose ball holds the most points that no ball before it holds.

    Balls about the centres come first. Equal numbers: the lowest index. Once no ball of a point not chosen yet would
    add anything, all points count as not covered again. No point comes twice. Distances are Euclidean, and are compared
    with the radius in float64.

    Cost: ``pool * (pool + labelled) * width`` operations for the balls, then one for each member of a ball and each
    round of the cover. Memory beyond the arguments: 4 bytes for each member of each ball, twice that while
    they are gathered, and ``chunk * pool`` bounds.

    Raises:
        ValueError: if the budget exceeds the pool, the radius is negative or not finite, or a feature is not finite.
    """
    if not 0 <= budget <= len(points):
        raise ValueError(f"budget: {budget} exceeds the {len(points)} points; ask for 0 to that many.")
    if not 0 <= radius < math.inf:
        raise ValueError(f"radius: {radius} is no distance; give a finite number of at least 0.")
    with torch.autocast(points.device.type, enabled=False):
        near = _Near(Cloud(points, centres), radius)
        cover = _Cover(near.balls(chunk), chunk)
        cover.add(near.any_of(centres, chunk).nonzero()[:, 0])
    for _ in range(budget):
        cover.choose()
    return torch.tensor(cover.chosen, dtype=torch.int64, device=points.device)


def largest_pure_radius(
    points: Float[Tensor, "points width"],
    groups: Int[Tensor, " points"],
    purity: float = 0.95,
    chunk: int = 256,
) -> float:
    """Return the largest radius at which the wanted share of balls about the points holds points of one group only.

    A ball is pure up to the distance of the nearest point of another group, so the radius is an order statistic of
    these distances: the float64 just below it, as a ball includes its boundary; 0 if no radius will do.

    Cost: ``points**2 * width`` operations. Memory beyond the arguments: that of ``neighbours``, and a copy of the
    points.

    Raises:
        ValueError: if the purity is not a share above 0, all points are of one group, or a feature is not finite.
    """
    if not 0 < purity <= 1:
        raise ValueError(f"purity: {purity} is no share of the points; give a number above 0 and up to 1.")
    kinds = groups.unique()
    if len(kinds) < 2:
        raise ValueError(f"groups: {len(kinds)} of them, so balls of any radius are pure; give two or more.")
    clear = points.new_empty(len(points), dtype=torch.float64)
    for kind in kinds:
        own = groups == kind
        clear[own] = neighbours(points[own], points[~own], 1, chunk)[0][:, 0]
    pure = math.ceil(purity * len(points) - 1e-9)  # 0.95 * 20 is to be 19, whatever its rounding
    return max(0.0, math.nextafter(float(clear.sort(descending=True).values[pure - 1]), 0.0))


@dataclass(frozen=True)
class _Balls:
    """The members of every ball, one ball after the other."""

    members: Int[Tensor, " members"]
    sizes: Int64[Tensor, " points"]
    ends: Int64[Tensor, " points"]

    def about(self, rows: Int64[Tensor, " rows"]) -> Int64[Tensor, " some"]:
        """Return the members of some balls; those of several come several times."""
        sizes = self.sizes[rows]
        shifts = self.ends[rows] - sizes.cumsum(0)  # from where a member stands among those asked for to where it is
        places = shifts.repeat_interleave(sizes)
        return self.members[places + torch.arange(len(places), device=rows.device)].long()


class _Near:
    """What lies within a radius of the points of a cloud."""

    def __init__(self, cloud: Cloud, radius: float) -> None:
        self.cloud, self.radius = cloud, radius * cloud.scale

    def balls(self, chunk: int) -> _Balls:
        found, counts = [], []
        for some in self.cloud.points.split(chunk):
            ball, member = self._pairs(some, chunk)
            found.append(member)
            counts.append(ball.bincount(minlength=len(some)))
        sizes = torch.cat(counts)
        return _Balls(torch.cat(found), sizes, sizes.cumsum(0))

    def any_of(self, centres: Tensor, chunk: int) -> Bool[Tensor, " points"]:
        """Return which points lie in the ball of some centre."""
        covered = torch.zeros(len(self.cloud.points), dtype=torch.bool, device=centres.device)
        for some in centres.split(chunk) if len(centres) else ():
            covered[self._pairs(some, chunk)[1].long()] = True
        return covered

    def _pairs(self, queries: Tensor, chunk: int) -> tuple[Int64[Tensor, " pairs"], Int[Tensor, " pairs"]]:
        """Return each query with each point in its ball, in the order of the queries."""
        cloud, square = self.cloud, self.radius**2
        placed = cloud.space.place(queries)
        low = cloud.below(placed)
        query, point = (low <= square).nonzero().unbind(1)
        high = low[query, point] + 2 * (placed.slack[query] + cloud.slack[point])
        within = high <= square
        for doubt in (~within).nonzero()[:, 0].split(chunk):
            within[doubt] = cloud.space.apart(queries[query[doubt]], cloud.points[point[doubt]]) <= self.radius
        return query[within], point[within].int()


class _Cover:
    """Which points no ball holds yet, and how many of them each point's ball would add."""

    def __init__(self, balls: _Balls, chunk: int) -> None:
        self.balls, self.chunk, self.chosen = balls, chunk, list[int]()
        self._start()

    def _start(self) -> None:
        self.bare = torch.ones_like(self.balls.sizes, dtype=torch.bool)
        self.worth = self.balls.sizes.clone()
        self.worth[self.chosen] = 0

    def add(self, rows: Int64[Tensor, " rows"]) -> None:
        """Cover bare points: each was worth 1 to every ball that holds it, which are those its own ball holds."""
        self.bare[rows] = False
        for some in rows.split(self.chunk):
            self.worth -= self.balls.about(some).bincount(minlength=len(self.worth))

    def choose(self) -> None:
        """Choose the point whose ball adds most."""
        if self.worth.max() < 1:
            self._start()
        best = self.worth.argmax()
        ball = self.balls.about(best[None])
        self.add(ball[self.bare[ball]])
        self.chosen.append(int(best))
