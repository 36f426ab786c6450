"""How typical a point is of those around it (Hacohen, Dekel & Weinshall 2022)."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from torchal.kernels.nearest import knn_graph


def typicality(points: Float[Tensor, "points width"], neighbours: int = 20) -> Float64[Tensor, " points"]:
    """Return one over the mean distance to the nearest others: so many, or half of the points if they are few.

    Infinite for points whose neighbours are copies, and for a single point. Cost: ``points**2 * width`` operations;
    memory: that of :func:`torchal.kernels.nearest.knn_graph`.

    Raises:
        ValueError: if a feature is not finite.
    """
    k = min(neighbours, len(points) // 2)
    if k == 0:
        return torch.full((len(points),), torch.inf, dtype=torch.float64, device=points.device)
    return 1 / knn_graph(points, k)[0].mean(1)
