"""Greedy k-centre selection (Sener & Savarese 2018, Algorithm 1; within twice the optimum, Gonzalez 1985).

Why so few distances are computed, and no pick changes: a point's distance to its nearest centre only shrinks as centres
come, so that over some of the centres is an upper bound on it, and a point whose bound is below the true distance of
another is not the farthest. Only what could still win is compared with more centres (so Minoux 1978 maximises
submodular functions). Bounds come from float32 products with their error added; what they leave open, and every pick,
is settled by differences in float64.
"""

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from torchal.kernels._euclid import Space, roots

_FIRST = 256  # centres a point is compared with at first; after them, as many as before
_AHEAD = 4  # chunks refreshed together: more would be refreshed in vain, fewer would make more and smaller products
_SETTLED = 64  # points measured together: of those measured, nearly all are picked


@torch.no_grad()
def k_centre_greedy(
    features: Float[Tensor, "pool width"], labelled: Float[Tensor, "labelled width"], budget: int, chunk: int = 1024
) -> Int64[Tensor, " budget"]:
    """Return indices of points, each the farthest from its nearest centre: a labelled point or one chosen before it.

    Equal distances: the lowest index. No point comes twice, even where copies of it are left. With nothing labelled,
    the first is the point nearest to the mean of the pool. Distances are Euclidean, from differences in float64, which
    unlike the expansion by inner products do not cancel where points are far from the origin and near each other.

    Cost: at most ``(labelled + budget) * pool * width`` operations in float32, and in float64 those that float32 leaves
    open. Trials took a seventh to three fifths of them, but nearly all where the labelled were spread wider than the
    pool, so that no bound kept a point out. Memory beyond the arguments: two copies of the centres and 256 numbers for
    each, 50 bytes for each point and ``4 * chunk * (chunk + width)`` numbers; no copy of the features.

    Raises:
        ValueError: if features and labelled differ in width, the budget exceeds the pool, or a feature is not finite.
    """
    _check(features, labelled, budget)
    with torch.autocast(features.device.type, enabled=False):
        cover = _Cover(features, labelled, budget, chunk)
        while cover.room:
            _Wave(cover).run()
    return torch.tensor(cover.chosen, dtype=torch.int64, device=features.device)


def _check(features: Tensor, labelled: Tensor, budget: int) -> None:
    if features.shape[1] != labelled.shape[1]:
        widths = f"{features.shape[1]} and {labelled.shape[1]}"
        raise ValueError(f"features, labelled: of widths {widths}; give features of one network for both.")
    if not 0 <= budget <= len(features):
        raise ValueError(f"budget: {budget} of {len(features)} points; ask for 0 to that many.")


class _Cover:
    """The centres so far, and how far at most each point is from the nearest of them."""

    def __init__(self, points: Tensor, labelled: Tensor, budget: int, chunk: int) -> None:
        self.points, self.chunk, self.space = points, chunk, Space(points, labelled)
        self.chosen, self.room, self.count = list[int](), budget, len(labelled)
        self.centres = torch.cat([labelled, points.new_zeros(budget, points.shape[1])])
        self.placed = self.space.place(self.centres)
        self.upper = points.new_full((len(points),), torch.inf, dtype=torch.float64)
        self.depth = torch.zeros_like(self.upper, dtype=torch.int64)  # of how many centres the bound knows
        if budget and not self.count:
            self.add([self._most_central()])
            self.upper[self.chosen] = -1

    def _most_central(self) -> int:
        parts = self.points.split(1024)  # whatever the chunk, so that it does not change how the mean is rounded
        mean = torch.stack([self.space.scaled(part).sum(0) for part in parts]).sum(0) / len(self.points)
        apart = [torch.linalg.vector_norm(self.space.scaled(part).sub_(mean), dim=1) for part in parts]
        return int(torch.cat(apart).argmin())

    def add(self, chosen: list[int]) -> None:
        """Make points centres."""
        new = slice(self.count, self.count + len(chosen))
        self.centres[new] = self.points[chosen]
        self.placed[new] = self.space.place(self.centres[new])
        self.chosen += chosen
        self.count, self.room = new.stop, self.room - len(chosen)

    def ripe(self) -> Int64[Tensor, " rows"]:
        """Return the points of highest bounds once these bounds know of all centres."""
        while True:
            ahead = _highest(self.upper, _AHEAD * self.chunk)
            stale = self.depth[ahead] < self.count
            first = _highest(self.upper[ahead], self.chunk)
            if not stale[first].any():
                return ahead[first]
            self._deepen(ahead[stale])

    def _deepen(self, rows: Int64[Tensor, " rows"]) -> None:
        """Compare points with about as many more centres as they have been compared with."""
        depths = self.depth[rows]
        for depth in depths.unique().tolist():
            fresh = slice(depth, min(self.count, max(2 * depth, _FIRST)))
            for part in rows[depths == depth].split(self.chunk):
                self._compare(part, fresh)

    def _compare(self, rows: Int64[Tensor, " rows"], fresh: slice) -> None:
        points, centres = self.space.place(self.points[rows]), self.placed[fresh]
        starts = range(0, len(centres.at), self.chunk)
        least = [points.products(centres[start : start + self.chunk]).amin(1) for start in starts]
        high = roots(torch.stack(least).amin(0) + points.high)
        self.upper[rows] = self.upper[rows].minimum(high)
        self.depth[rows] = fresh.stop

    def measured(self, rows: Int64[Tensor, " rows"]) -> Float64[Tensor, " rows"]:
        """Return the distances of points to their nearest centres."""
        points = self.points[rows]
        low, high = self.space.place(points).bounds(self.placed[: self.count])
        nearest = self.space.apart(points, self.centres[high.argmin(1)])
        limit = torch.where(nearest > 0, nearest.square(), -torch.inf).to(low.dtype)  # nothing is nearer than 0
        for part in (low <= limit[:, None]).nonzero().split(self.chunk):
            row, centre = part.unbind(1)
            nearest.scatter_reduce_(0, row, self.space.apart(points[row], self.centres[centre]), "amin")
        return nearest


class _Wave:
    """The points of highest bounds: the next picks, for as long as one of them is farther than all others can be."""

    def __init__(self, cover: _Cover) -> None:
        self.cover, self.rows = cover, cover.ripe()
        self.indices, self.new = self.rows.tolist(), list[int]()
        self.upper = cover.upper[self.rows].cpu()
        self.exact = self.upper < 0  # those chosen before are not to be measured
        placed = cover.space.place(cover.points[self.rows])
        self.low, self.high = (squares.cpu() for squares in placed.bounds(placed))
        others = cover.upper.index_fill(0, self.rows, -torch.inf)
        rival = int(others.argmax())
        self.bar = float(others[rival]), -rival

    def run(self) -> None:
        """Choose what the wave has to offer."""
        while len(self.new) < self.cover.room and self._rank(best := int(self.upper.argmax())) > self.bar:
            if self.exact[best]:
                self._choose(best)
            else:
                self._settle()
        self._commit()
        self.cover.upper[self.rows] = self.upper.to(self.rows.device)
        self.cover.depth[self.rows] = self.cover.count

    def _rank(self, best: int) -> tuple[float, int]:
        return float(self.upper[best]), -self.indices[best]

    def _choose(self, best: int) -> None:
        """Choose a point, and keep exact what is exact."""
        self.new.append(best)
        self.upper[best] = -1  # below every distance, so that it stays chosen when only copies of centres are left
        low, high = roots(self.low[best]), roots(self.high[best])
        self.upper = torch.where(self.exact, self.upper, self.upper.minimum(high))
        nearer = (self.exact & (low < self.upper)).nonzero()[:, 0]
        if len(nearer):
            self.upper[nearer] = self.upper[nearer].minimum(self._apart(best, nearer))

    def _apart(self, best: int, others: Int64[Tensor, " others"]) -> Float64[Tensor, " others"]:
        point, there = self.rows[best], self.rows[others.to(self.rows.device)]
        return self.cover.space.apart(self.cover.points[point][None], self.cover.points[there]).cpu()

    def _settle(self) -> None:
        """Measure those whose bounds are the highest of what is not exact yet."""
        self._commit()
        doubtful = self.upper.masked_fill(self.exact, -torch.inf)
        some = doubtful.argsort(descending=True, stable=True)[: min(_SETTLED, int((~self.exact).sum()))]
        self.upper[some] = self.cover.measured(self.rows[some.to(self.rows.device)]).cpu()
        self.exact[some] = True

    def _commit(self) -> None:
        self.cover.add([self.indices[each] for each in self.new])
        self.new = []


def _highest(values: Float64[Tensor, " values"], count: int) -> Int64[Tensor, " some"]:
    """Return the positions of the highest values, in ascending order; of equal ones the lowest."""
    least = values.topk(min(count, len(values))).values[-1]
    above, level = values > least, values == least
    return (above | (level & (level.cumsum(0) <= count - above.sum()))).nonzero()[:, 0]
