"""Entropy and mutual information of categorical distributions, in nats (Shannon 1948)."""

import torch
from jaxtyping import Float
from torch import Tensor


def entropy(probabilities: Float[Tensor, "*batch classes"]) -> Float[Tensor, "*batch"]:
    """Return the entropy of each distribution, with 0 log 0 = 0."""
    terms: Tensor = torch.special.entr(probabilities)
    return terms.sum(-1)


def mutual_information(
    probabilities: Float[Tensor, "samples rows classes"], chunk: int = 4096
) -> Float[Tensor, " rows"]:
    """Return the mutual information between a row's label and which sample predicts it.

    It is the entropy of the mean prediction less the mean entropy of the predictions: between 0, where all samples
    agree, and the logarithm of the smaller of the numbers of samples and classes. Memory beyond the argument:
    ``samples * chunk * classes`` numbers.
    """
    parts = [
        entropy(part.mean(0)) - entropy(part).mean(0)  # both are of order 1, so the difference is good to rounding
        for part in probabilities.split(chunk, dim=1)
    ]
    return torch.cat(parts).clamp_min(0)
