"""TOD: temporal output discrepancy, how far the network's answer has moved since the cycle before.

Huang, Wang, Liu, Zhou, Chai, Zhuang & Wang 2021, "Semi-Supervised Active Learning with Temporal Output Discrepancy",
whose measure is the Euclidean distance between the outputs of two states of the network.

Formula: `|| softmax f_c(x) - softmax f_(c-1)(x) ||` for the networks of this cycle and the one before.

Cost: one more pass, by the network of the cycle before.

Evidence: ahead of learning loss and core-set on CIFAR in its own paper; not confirmed in a comparison under one
protocol that is known to us. TorchAL lists it, but its code for it is commented out.

Deviations: the two networks are trained from scratch, each on its cycle's labels, as in TorchAL, where the paper goes
on training one network. In the first cycle there is no network before, and the choice is random, as in TorchAL. The
paper's semi-supervised loss is no part of a query and is left out.
"""

import torch
from jaxtyping import Int64
from torch import Tensor

from torchal.query import QueryContext, Strategy


class Tod(Strategy):
    """Prefer the points of which the network says something else than a cycle before."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions of largest change, or random ones if there was no cycle before."""
        before = ctx.previous_logits
        if before is None:
            return torch.randperm(ctx.size, generator=ctx.generator("first"))[: ctx.budget]
        return ctx.top(torch.linalg.vector_norm(ctx.probabilities - before.double().softmax(-1), dim=1))
