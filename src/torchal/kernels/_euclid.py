"""Euclidean distances twice over: in float64 from differences, and bounds on them from float32 products."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor


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


class Space:
    """A scale and an origin shared by points, so that no product overflows and few digits cancel."""

    def __init__(self, *clouds: Float[Tensor, "_ _"]) -> None:
        kept = [cloud for cloud in clouds if cloud.numel()]
        spans = [float(torch.stack(cloud.aminmax()).abs().amax()) for cloud in kept]
        if not all(map(math.isfinite, spans)):
            raise ValueError("features: some are NaN or infinite; look for a network that diverged.")
        widest = max(spans, default=0.0)
        double = torch.float64 in {cloud.dtype for cloud in clouds}
        self._wide = torch.float64 if double else torch.float32
        most = math.frexp(torch.finfo(self._wide).max)[1] - 2
        self._scale = 2.0 ** max(-most, min(most, -math.frexp(widest)[1]))
        self._dtype = torch.float32 if _rounds_once() else torch.float64
        some = clouds[0][:: max(1, len(clouds[0]) // 1024)]  # any origin is right, one amid the points is best
        self._origin = self.scaled(some).mean(0).to(self._wide)
        width = clouds[0].shape[1]
        self._error = 4 * (width + 16) * torch.finfo(self._dtype).eps / 2
        self._least = width * 2.0**-120

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


def _rounds_once() -> bool:
    """Return whether torch multiplies float32 matrices in float32, which settings may forbid."""
    if hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        used = {torch.backends.cuda.matmul.fp32_precision, torch.backends.mkldnn.matmul.fp32_precision}  # type: ignore[attr-defined]  # not in torch's stubs
        return used.isdisjoint({"tf32", "bf16"})
    return torch.get_float32_matmul_precision() == "highest"
