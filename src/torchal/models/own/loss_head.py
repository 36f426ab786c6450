"""A network that predicts another network's loss from its hidden layers.

Yoo & Kweon 2019, "Learning Loss for Active Learning": each layer is averaged over space and goes through a linear
layer of its own; what they give is joined and mapped to one number.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn


class LossHead(nn.Module):
    """From hidden layers to a predicted loss."""

    def __init__(self, widths: list[int], hidden: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Linear(width, hidden) for width in widths)
        self.last = nn.Linear(hidden * len(widths), 1)

    def forward(self, layers: list[Float[Tensor, "n _"]]) -> Float[Tensor, " n"]:
        """Return predicted losses, on a scale of their own."""
        parts = [branch(layer).relu() for branch, layer in zip(self.branches, layers, strict=True)]
        joined: Tensor = self.last(torch.cat(parts, 1))
        return joined[:, 0]


def ranking_loss(predicted: Float[Tensor, " n"], true: Float[Tensor, " n"], margin: float) -> Float[Tensor, ""]:
    """Return the mean hinge over pairs, each row with its mirror image in the batch, whose order is predicted wrongly.

    ``max(0, margin - sign(l_i - l_j) (p_i - p_j))`` for true losses l and predictions p.
    """
    half = len(true) // 2
    order = torch.sign(true[:half] - true.flip(0)[:half])
    gap = predicted[:half] - predicted.flip(0)[:half]
    return (margin - order * gap).clamp_min(0).mean()


def learn(
    network: LossHead,
    layers: list[Float[Tensor, "n _"]],
    losses: Float[Tensor, " n"],
    order: Int64[Tensor, "epochs n"],
    *,
    batch: int,
    lr: float,
    margin: float,
) -> None:
    """Train by Adam on shuffles of the rows, which are given."""
    optimizer = torch.optim.Adam(network.parameters(), lr)
    for rows in (part for epoch in order for part in epoch.split(batch) if len(part) > 1):
        loss = ranking_loss(network([layer[rows] for layer in layers]), losses[rows], margin)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
