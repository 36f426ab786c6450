"""Averages of image maps to a fixed size, by matrix products."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class AverageTo(nn.Module):
    """What ``nn.AdaptiveAvgPool2d`` computes; exact mode refuses the gradient of that one on an accelerator."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels side side"]:
        """Return maps of ``side`` x ``side``, each value the mean of the part of the map it stands for."""
        down, across = (_shares(x.new_zeros(size), self.side) for size in x.shape[2:])
        return down @ x @ across.T


def _shares(like: Float[Tensor, " size"], side: int) -> Float[Tensor, "side size"]:
    """Return how much of each position enters each average: equal shares of a window, whose ends are rounded out."""
    position = torch.arange(len(like), device=like.device)
    window = torch.arange(side, device=like.device)[:, None]
    inside = (position >= window * len(like) // side) & (position < -(-(window + 1) * len(like) // side))
    shares = inside.to(like.dtype)
    return shares / shares.sum(1, keepdim=True)
