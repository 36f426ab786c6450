"""VAAL: variational adversarial active learning, the rows that a discriminator takes for unlabelled in a latent space.

Sinha, Ebrahimi & Darrell 2019, "Variational Adversarial Active Learning" (ICCV).

Formula: an autoencoder is trained to make latent means of unlabelled rows pass for labelled ones, a discriminator to
tell them apart; the choice is the `b` rows with the lowest probability of being labelled. With `rule: distance`, the
autoencoder is trained alone and the choice is the `b` rows whose latent mean is farthest from any labelled one.

Cost: a training of the autoencoder (22.8 million parameters at width 128) over `epochs` passes of all rows each
cycle.

Evidence: ahead of core-set and dropout in its own paper; below random in TorchAL's comparison on CIFAR-10 and
CIFAR-100.

Deviations: as in TorchAL, the task network is never used, learning rates stay constant, and reconstruction errors are
means while divergences are sums. Images of other sizes are scaled to 32 x 32, and feature vectors go through dense
layers.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn

from torchal.models.own import vae
from torchal.query import QueryContext, Strategy

_CHUNK = 1024


class Vaal(Strategy):
    """Prefer the points that a discriminator, or latent distance, tells from the labelled ones."""

    order_free: ClassVar[bool] = False  # minibatches are drawn by position

    rule: Literal["discriminator", "distance"] = "discriminator"
    """Whether a discriminator chooses, or the distance to the nearest labelled row in the latent space."""
    latent: int = Field(32, ge=1)
    """Latent numbers."""
    width: int = Field(128, ge=1)
    """Channels of the autoencoder's first layer; the later ones have twice, four and eight times as many."""
    epochs: int = Field(15, ge=1)
    """Passes over as many rows as there are."""
    batch: int = Field(64, ge=1)
    """Labelled rows, and rows of the pool, in a step."""
    lr: float = Field(5e-4, gt=0)
    """Adam's learning rate, for both networks."""
    beta: float = Field(1.0, ge=0)
    """Weight of the divergence from the latent prior."""
    adversary: float = Field(1.0, ge=0)
    """Weight of the autoencoder's wish to deceive the discriminator."""

    @torch.no_grad()
    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return the positions that look least like what is labelled."""
        networks = ctx.own("vae", partial(self._networks, ctx), partial(self._learn, ctx))
        return ctx.top(self._strangeness(ctx, networks.eval()))

    def _networks(self, ctx: QueryContext) -> nn.ModuleDict:
        rival = {"discriminator": vae.discriminator(self.latent)} if self.rule == "discriminator" else {}
        return nn.ModuleDict({"encoder": vae.Encoder(ctx.shape, self.latent, self.width), **rival})

    def _learn(self, ctx: QueryContext, networks: nn.ModuleDict) -> None:
        networks.to(ctx.device).train()
        decode = vae.decoder(ctx.shape, self.latent, self.width).to(ctx.device)
        game = vae.Game(networks, decode, self.lr, self.beta, self.adversary)
        known, pool = (_batches(n, self.batch, ctx.generator(str(n))) for n in (ctx.known, ctx.size))
        for _ in range(self.epochs * max(1, (ctx.known + ctx.size) // self.batch)):
            places = next(known, None)
            labelled = None if places is None else vae.prepared(ctx.labelled_inputs_of(places))
            game.step(labelled, vae.prepared(ctx.inputs_of(next(pool))))

    def _strangeness(self, ctx: QueryContext, networks: nn.ModuleDict) -> Float[Tensor, " pool"]:
        pool = _means(networks, ctx.inputs_of, ctx.size)
        if self.rule == "discriminator":
            return -torch.cat([networks["discriminator"](part) for part in pool.split(_CHUNK)])
        centres = _means(networks, ctx.labelled_inputs_of, ctx.known) if ctx.known else torch.zeros_like(pool[:1])
        exact = "donot_use_mm_for_euclid_dist"
        return torch.cat([torch.cdist(part, centres, compute_mode=exact).amin(1) for part in pool.split(_CHUNK)])


def _means(networks: nn.ModuleDict, inputs_of: Callable[[Tensor], Tensor], n: int) -> Float[Tensor, "n latent"]:
    parts = torch.arange(n).split(_CHUNK)
    return torch.cat([networks["encoder"](vae.prepared(inputs_of(part)))[0] for part in parts])


def _batches(n: int, size: int, generator: torch.Generator) -> Iterator[Int64[Tensor, " _"]]:
    """Yield batches of shuffles without end; nothing if there are no rows."""
    while n:
        yield from torch.randperm(n, generator=generator).split(size)
