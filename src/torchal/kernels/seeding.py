"""k-means++ seeding: draw each centre in proportion to D^2, its squared distance to the nearest one drawn before.

Arthur & Vassilvitskii 2007, "k-means++: The Advantages of Careful Seeding". Of outer products it is the selection of
Ash, Zhang, Krishnamurthy, Langford & Agarwal 2020, "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower
Bounds" (BADGE), whose rows are gradients of a last layer: their inner products are products of inner products, so that
they are never built.

Deviation: none in law. The distance to the nearest centre can only shrink, so an old one is an upper bound. Rows are
proposed by their bounds and kept with probability distance / bound, which draws them by their distances, though only
those of proposed rows are computed. The authors' own code for BADGE starts at the row of largest norm, where the
k-means++ it names draws the first uniformly, as is done here unless ``first`` says otherwise.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

_BLOCK = 256  # rows proposed together, and centres met together: tiles that stay in a processor's cache
_NEAR = 1e-10  # a squared distance below this share of the squared norms has lost most digits to cancellation
_LEAST, _MOST = 1e-70, 1e140  # of numbers and norms whose products and sums float64 holds; any float32 is between


def kmeanspp(
    left: Float[Tensor, "pool a"],
    right: Float[Tensor, "pool b"],
    budget: int,
    generator: torch.Generator,
    first: int | None = None,
    chunk: int = 1024,
) -> Int64[Tensor, " budget"]:
    """Return indices of rows in the order drawn, where row i is the outer product of ``left[i]`` and ``right[i]``.

    Without ``first``, the first is drawn uniformly. Copies of a chosen row are at distance 0 and are not drawn; once
    nothing but copies is left, they are drawn uniformly. No row comes twice. The generator is the CPU's; ``chunk``, the
    rows refreshed together, does not change the choice. Distances are computed in float64, near ones by differences;
    numbers up to 1e-70 count as 0.

    Cost: two passes over the pool, and for each row proposed its distances to the centres. In trials 1.1 to 1.6 rows
    were proposed for each one kept, which makes ``budget ** 2 * (a + b)`` operations or fewer against the
    ``budget * pool * a * b`` of the plain form. Memory beyond the arguments, in float64: the centres' sides, a bound
    and a sum for each row, and ``chunk * (a + b + 256)`` numbers.

    Raises:
        ValueError: if left and right differ in their number of rows, if the budget is not between 1 and that, if
            ``first`` is not one of the rows, or if a row is not finite or of a norm beyond 1e140.
    """
    _check(left, right, budget, first)
    start = int(torch.randint(len(left), (), generator=generator)) if first is None else first
    seeds = _Seeds(left, right, start, budget, chunk)
    while seeds.count < budget and seeds.bounds.any():
        seeds.draw(generator)
        if seeds.rejected > len(left):  # by now as much was spent on rejected rows as it costs to refresh all
            seeds.refresh()
    return _filled(seeds.chosen[: seeds.count], budget, len(left), generator).to(left.device)


def kmeanspp_points(
    points: Float[Tensor, "pool width"],
    budget: int,
    generator: torch.Generator,
    first: int | None = None,
    chunk: int = 1024,
) -> Int64[Tensor, " budget"]:
    """Return indices of points in the order drawn: :func:`kmeanspp` of the points themselves.

    Raises:
        ValueError: if the budget is not between 1 and the number of points, if ``first`` is not one of them, or if one
            is not finite.
    """
    return kmeanspp(points.new_ones(len(points), 1), points, budget, generator, first, chunk)


def _check(left: Tensor, right: Tensor, budget: int, first: int | None) -> None:
    if len(left) != len(right):
        raise ValueError(f"left, right: {len(left)} and {len(right)} rows; give both sides of every row.")
    if not 1 <= budget <= len(left):
        raise ValueError(f"budget: {budget} is not between 1 and the {len(left)} rows; ask for a number that is.")
    if first is not None and not 0 <= first < len(left):
        raise ValueError(f"first: {first} is not one of the {len(left)} rows; count them from 0.")


@dataclass(frozen=True)
class _Rows:
    """Outer products, as their two sides in float64 and their squared norms."""

    left: Float64[Tensor, "rows a"]
    right: Float64[Tensor, "rows b"]
    size: Float64[Tensor, " rows"]

    @classmethod
    def of(cls, left: Tensor, right: Tensor) -> "_Rows":
        left, right = (nn.functional.hardshrink(side.double(), _LEAST) for side in (left, right))
        return cls(left, right, left.square().sum(1) * right.square().sum(1))

    def room(self, number: int) -> "_Rows":
        """Return a place for a number of rows of this shape."""
        return _Rows(*(part.new_empty(number, *part.shape[1:]) for part in (self.left, self.right, self.size)))

    def __getitem__(self, which: Tensor | slice) -> "_Rows":
        return _Rows(self.left[which], self.right[which], self.size[which])

    def __setitem__(self, which: slice, rows: "_Rows") -> None:
        self.left[which], self.right[which], self.size[which] = rows.left, rows.right, rows.size


class _Seeds:
    """The centres so far, and for every row a number that its squared distance to the nearest does not exceed."""

    def __init__(self, left: Tensor, right: Tensor, first: int, budget: int, chunk: int) -> None:
        self.left, self.right, self.chunk = left, right, chunk
        self.chosen = torch.empty(budget, dtype=torch.int64)
        self.centres = _Rows.of(left[:1], right[:1]).room(budget)
        self.count = self.refreshed = 0
        # filled in place: small results kept in a list, amid large ones freed, have the allocator hoard gigabytes
        norms = torch.empty(len(left), dtype=torch.float64)
        for part, rows in zip(norms.split(chunk), self._tiles(), strict=True):
            part.copy_(rows.size.sqrt())
        _check_finite(norms)
        self.bounds = (norms + norms[first]).square()
        self.rejected = len(left)  # such wide bounds are to be refreshed after the first few draws
        self._add(torch.tensor([first]), self._rows(torch.tensor([first])))

    def draw(self, generator: torch.Generator) -> None:
        """Draw centres from a block of proposals, one proposal after the other."""
        proposed, levels = self._proposals(generator)
        rows = self._rows(proposed)
        distances = self._nearest(rows, self.bounds[proposed].to(rows.size.device)).cpu()
        between = _distances(rows, rows).cpu()
        kept = _kept(levels, distances, between)[: len(self.chosen) - self.count]
        self._add(proposed[kept], rows[kept.to(rows.size.device)])
        self.rejected += len(proposed) - len(kept)
        shrunk = torch.cat([distances[:, None], between[:, kept]], dim=1).amin(1)
        self.bounds.scatter_reduce_(0, proposed, shrunk, "amin")

    def refresh(self) -> None:
        """Lower all bounds to the distances."""
        for part, rows in zip(self.bounds.split(self.chunk), self._tiles(), strict=True):
            part.copy_(self._nearest(rows, part.to(rows.size.device)))
        self.refreshed, self.rejected = self.count, 0

    def _proposals(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return rows drawn by their bounds, and for each the level that its distance has to exceed."""
        number = min(_BLOCK, 16 * self.count)  # few at first, when every new centre lowers most distances
        place, level = torch.rand(2, number, dtype=torch.float64, generator=generator)
        sums = self.bounds.cumsum(0)
        proposed = torch.searchsorted(sums, place * sums[-1], right=True)
        return proposed, level * self.bounds[proposed]

    def _add(self, chosen: Tensor, rows: _Rows) -> None:
        new = slice(self.count, self.count + len(chosen))
        self.chosen[new] = chosen
        self.centres[new] = rows
        self.count = new.stop

    def _nearest(self, rows: _Rows, bounds: Tensor) -> Tensor:
        """Return the squared distances to the nearest centre, of which those before the last refresh are in bounds."""
        for start in range(self.refreshed, self.count, _BLOCK):
            centres = self.centres[start : min(start + _BLOCK, self.count)]
            bounds = bounds.minimum(_distances(rows, centres).amin(1))
        return bounds

    def _rows(self, which: Tensor) -> _Rows:
        which = which.to(self.left.device)
        return _Rows.of(self.left[which], self.right[which])

    def _tiles(self) -> Iterator[_Rows]:
        return (
            _Rows.of(*sides) for sides in zip(self.left.split(self.chunk), self.right.split(self.chunk), strict=True)
        )


def _check_finite(norms: Tensor) -> None:
    broken = (~(norms < _MOST)).nonzero()  # NaN as well
    if len(broken):
        raise ValueError(
            f"rows: {len(broken)} of {len(norms)} are NaN, infinite or too large to square, the first at index "
            f"{int(broken[0])}; look for a network that diverged."
        )


def _kept(levels: Tensor, distances: Tensor, between: Tensor) -> Int64[Tensor, " kept"]:
    """Return the proposals farther than their level from the centres and from each proposal kept before them."""
    possible = distances > levels
    beaten = (between <= levels[:, None]).tril(-1).float()
    kept, before = possible, None
    while before is None or not torch.equal(kept, before):  # every round settles at least the next proposal
        kept, before = possible & (beaten @ kept.float() == 0), kept
    return kept.nonzero()[:, 0]


def _distances(one: _Rows, other: _Rows) -> Float64[Tensor, "one other"]:
    """Return squared distances, by inner products and where these cancel by differences."""
    sizes = one.size[:, None] + other.size
    squared = torch.addcmul(sizes, one.left @ other.left.T, one.right @ other.right.T, value=-2)
    for pairs in (squared < _NEAR * sizes).nonzero().split(16 * _BLOCK):
        first, second = pairs.T
        squared[first, second] = _by_differences(one[first], other[second])
    return squared


def _by_differences(one: _Rows, other: _Rows) -> Float64[Tensor, " rows"]:
    """Return squared distances row by row; those of rows with equal sides are exactly 0.

    With the sides' differences d, e and means m, n, a difference of outer products is d (x) n + m (x) e.
    """
    d, e = one.left - other.left, one.right - other.right
    m, n = (one.left + other.left) / 2, (one.right + other.right) / 2
    squares = d.square().sum(1) * n.square().sum(1) + m.square().sum(1) * e.square().sum(1)
    return (squares + 2 * (d * m).sum(1) * (n * e).sum(1)).clamp_min(0)


def _filled(chosen: Tensor, budget: int, pool: int, generator: torch.Generator) -> Int64[Tensor, " budget"]:
    """Return the chosen rows and as many others, drawn uniformly, as are short of the budget."""
    if len(chosen) == budget:
        return chosen
    others = torch.ones(pool, dtype=torch.bool).index_fill_(0, chosen, 0).nonzero()[:, 0]
    return torch.cat([chosen, others[torch.randperm(len(others), generator=generator)]])[:budget]
