"""Learning loss: the rows of highest predicted loss, by a head that learns to rank the network's own losses.

Yoo & Kweon 2019, "Learning Loss for Active Learning" (CVPR).

Formula: a head on hidden layers is trained so that of two labelled rows the one with the higher cross-entropy gets
the higher prediction, by `max(0, margin - sign(l_i - l_j) (p_i - p_j))`; the choice is the `b` rows of highest
prediction.

Cost: `epochs` passes of the labelled rows through a small head; hidden layers come from the network's own pass.

Evidence: ahead of core-set and entropy on CIFAR-10 in its own paper; sensitive to the first labelled set (Ji et al.
2023).

Deviations: the head is trained after the network, on its frozen layers, and not together with it, so that the network
is the one that all strategies share; at most four layers, evenly spaced. With nothing labelled the choice is random.
"""

from functools import partial

import torch
from jaxtyping import Int64
from pydantic import Field
from torch import Tensor, nn

from torchal.models.own.loss_head import LossHead, learn
from torchal.query import QueryContext, Strategy


class LearningLoss(Strategy):
    """Prefer the points on which the network's loss is predicted to be highest."""

    hidden: int = Field(128, ge=1)
    """Numbers that each layer is mapped to."""
    epochs: int = Field(100, ge=1)
    """Passes over the labelled rows."""
    batch: int = Field(128, ge=2)
    """Rows in a step, which make half as many pairs."""
    lr: float = Field(1e-3, gt=0)
    """Adam's learning rate."""
    margin: float = Field(1.0, gt=0)
    """By how much predictions are to differ."""

    @torch.no_grad()
    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions of highest predicted loss."""
        if ctx.known == 0:
            return torch.randperm(ctx.size, generator=ctx.generator("first"))[: ctx.budget]
        widths = [layer.shape[1] for layer in ctx.labelled_layers]
        head = ctx.own("loss head", partial(LossHead, widths, self.hidden), partial(self._learn, ctx))
        return ctx.top(head([layer.float() for layer in ctx.layers]))

    def _learn(self, ctx: QueryContext, head: LossHead) -> None:
        losses = nn.functional.cross_entropy(ctx.labelled_logits.float(), ctx.labelled_labels, reduction="none")
        shuffles = [torch.randperm(ctx.known, generator=ctx.generator(f"epoch {n}")) for n in range(self.epochs)]
        order = torch.stack(shuffles).to(ctx.device)
        layers = [layer.float() for layer in ctx.labelled_layers]
        learn(head.to(ctx.device), layers, losses, order, batch=self.batch, lr=self.lr, margin=self.margin)
