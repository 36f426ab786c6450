"""Weights of classes in the loss, for labelled sets in which some are rare.

TorchAL weighs class c by n / n_c and divides a batch's loss by the sum of its weights; where the labelled set lacks a
class its code stops. Here weights are divided by the number of classes that occur, so that they are 1 on average over
the labelled set, and a batch's loss is divided by its size. Gradients differ from TorchAL's by that factor of a batch.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def balanced(labels: Int64[Tensor, " n"], classes: int) -> Float[Tensor, " classes"]:
    """Return for each class n / (classes that occur x n_c); 1 for a class that does not occur."""
    counts = torch.bincount(labels, minlength=classes)
    occurs = counts > 0
    weights = len(labels) / (occurs.sum() * counts.clamp_min(1))
    return torch.where(occurs, weights, 1.0).float()
