"""Random noise on scores, by which the best of a batch are drawn instead of taken.

Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron & Gal 2023, "Stochastic Batch Acquisition: A Simple Baseline
for Deep Active Learning" (power acquisition).
"""

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from torchal.kernels.ranking import ranks

_LEAST = 2.0**-54  # half the step between the uniform numbers that are drawn, so that none of them is 0


def gumbel(n: int, generator: torch.Generator) -> Float64[Tensor, " n"]:
    """Return n draws from the standard Gumbel distribution, all finite, on the generator's device.

    Cost: n uniform numbers and two logarithms of each. A longer draw starts with a shorter one on a CPU.
    """
    uniform = torch.rand(n, generator=generator, dtype=torch.float64, device=generator.device)
    return -(-uniform.clamp_min(_LEAST).log()).log()


def powered(log_scores: Float[Tensor, " rows"], beta: float, generator: torch.Generator) -> Int64[Tensor, " rows"]:
    """Return integers whose top k are a draw of k rows without replacement, with chances as ``score ** beta``.

    They are the ranks of ``log score + gumbel / beta``, so no score underflows whatever its power. Rows of score 0 (a
    logarithm of minus infinity) rank below all others, in random order.

    Cost: the noise and two sorts. Memory beyond the arguments: about ten numbers for each row.

    Raises:
        ValueError: if a score is NaN, or beta is not above 0.
    """
    if not beta > 0:
        raise ValueError(f"beta: {beta} is not above 0; take 1 for chances as the scores, more to be less random.")
    noise = gumbel(len(log_scores), generator).to(log_scores.device)
    return ranks(log_scores + noise / beta, noise)
