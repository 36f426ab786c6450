"""Euclidean distances twice over: in float64 from differences, and bounds on them from products in float32.

By way of ``|a|^2 - 2 ab + |b|^2`` a squared distance costs a fraction of one from differences, and errs by a share of
``|a|^2 + |b|^2``. For unit roundoff u and width w, whatever the order of summation (Higham 2002, "Accuracy and
Stability of Numerical Algorithms", section 3.1), that is 4 u for the subtraction of the origin, (w + 3) u for the
norms, (2 w + 2) u for the product onto which a norm is added, and 11 u for further sums and a root. The differences err
by (2 w + 8) u of float64. A slack of 4 (w + 16) u, of both precisions, exceeds this up to widths of a million.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

_FLUSHED = 2.0**-120  # more than what a coordinate adds to a square's error where numbers are too small for float32


@dataclass(frozen=True)
class Placed:
    """Points in a space, ready to be multiplied."""

    at: Float[Tensor, "points width"]
    high: Float[Tensor, " points"]
    """Squared norms with the slack added."""
    slack: Float[Tensor, " points"]
    """A squared distance from products errs by at most the slacks of its two points."""

    def __getitem__(self, part: Tensor | slice) -> "Placed":
        """Return some of the points."""
        return Placed(self.at[part], self.high[part], self.slack[part])

    def __setitem__(self, part: slice, points: "Placed") -> None:
        """Put points in the place of others."""
        self.at[part], self.high[part], self.slack[part] = points.at, points.high, points.slack

    def products(self, others: "Placed") -> Float[Tensor, "points others"]:
        """Return what, with a point's own ``high``, is an upper bound on its squared distances to others."""
        return torch.addmm(others.high, self.at, others.at.T, alpha=-2)

    def bounds(self, others: "Placed") -> tuple[Float[Tensor, "points others"], Float[Tensor, "points others"]]:
        """Return lower and upper bounds on squared distances."""
        high = self.products(others).add_(self.high[:, None])
        return high - 2 * others.slack - (2 * self.slack)[:, None], high


class Space:
    """A scale and an origin shared by points, so that no product overflows and few digits cancel."""

    def __init__(self, *clouds: Float[Tensor, "_ _"]) -> None:
        product = torch.float32 if _full_precision() else torch.float64
        double = torch.float64 in {product, *(cloud.dtype for cloud in clouds)}
        self._dtype, self._wide = product, torch.float64 if double else torch.float32
        self._scale = self._unit(_widest(clouds))
        self._origin = self.scaled(_some(clouds[0])).mean(0).to(self._wide)
        width = clouds[0].shape[1]
        self._error = 2 * (width + 16) * sum(torch.finfo(each).eps for each in (product, torch.float64))
        self._least = width * _FLUSHED

    def _unit(self, widest: float) -> float:
        """Return the power of two that brings the widest coordinate near 1, as far as it is itself a normal number."""
        most = math.frexp(torch.finfo(self._wide).max)[1] - 2
        return math.ldexp(1.0, max(-most, min(most, -math.frexp(widest)[1])))

    def scaled(self, points: Float[Tensor, "points width"]) -> Float64[Tensor, "points width"]:
        """Return points in float64, multiplied by a power of two."""
        return points.double().mul(self._scale)

    def place(self, points: Float[Tensor, "points width"]) -> Placed:
        """Return points about the origin, for products."""
        at = points.to(self._wide).mul(self._scale).sub_(self._origin).to(self._dtype)
        squares = torch.linalg.vector_norm(at, dim=1).square_()
        slack = squares * self._error + self._least
        return Placed(at, squares + slack, slack)

    def apart(
        self, left: Float[Tensor, "#pairs width"], right: Float[Tensor, "pairs width"]
    ) -> Float64[Tensor, " pairs"]:
        """Return the distance of each pair of rows, on this scale."""
        one, other = self.scaled(left)[:, None], self.scaled(right)[:, None]
        return torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist").flatten()


def roots(squares: Float[Tensor, "*any"]) -> Float64[Tensor, "*any"]:
    """Return bounds on distances from bounds on their squares."""
    return squares.clamp_min(0).sqrt().double()


def _widest(clouds: tuple[Tensor, ...]) -> float:
    """Return the largest absolute coordinate."""
    ends = [float(end) for cloud in clouds if cloud.numel() for end in cloud.aminmax()]
    if not all(map(math.isfinite, ends)):
        raise ValueError("features: some are NaN or infinite; look for a network that diverged.")
    return max(map(abs, ends), default=0.0)


def _some(points: Tensor) -> Tensor:
    """Return about a thousand points: every origin is right, and one amid the points loses the fewest digits."""
    return points[:: max(1, len(points) // 1024)]


def _full_precision() -> bool:
    """Return whether torch multiplies float32 matrices in float32, which settings may forbid."""
    if hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        onednn = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # not in torch's stubs
        return {torch.backends.cuda.matmul.fp32_precision, onednn.fp32_precision}.isdisjoint({"tf32", "bf16"})
    return torch.get_float32_matmul_precision() == "highest"
