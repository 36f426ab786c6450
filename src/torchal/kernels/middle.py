"""A diverse few of many points: the ones in the middle of their clusters."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from torchal.kernels.lloyd import kmeans, nearest_to


def central(points: Float[Tensor, "points width"], count: int, generator: torch.Generator) -> Int64[Tensor, " count"]:
    """Return indices of points nearest to the centroids of as many k-means clusters, no point twice.

    Cost and memory: those of :func:`torchal.kernels.lloyd.kmeans`.

    Raises:
        ValueError: if the count is not between 1 and the number of points, or if a feature is not finite.
    """
    _, centroids = kmeans(points, count, generator)
    return nearest_to(points, centroids)
