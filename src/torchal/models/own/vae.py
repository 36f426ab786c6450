"""VAAL's variational autoencoder and discriminator.

Sinha, Ebrahimi & Darrell 2019, "Variational Adversarial Active Learning"; sizes as in their code and TorchAL's, which
have 22,835,139 and 805,377 parameters for 32 x 32 images, 32 latent numbers and width 128.

Deviations: images of another size are scaled to the autoencoder's. Feature vectors, which the paper does not have, go
through two layers of 512 each way.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

SIDE = 32
"""Side of the images as the autoencoder sees them."""


class Encoder(nn.Module):
    """From examples to the means and log-variances of their latent distributions."""

    def __init__(self, shape: tuple[int, ...], latent: int, width: int) -> None:
        super().__init__()
        images = len(shape) > 1
        self.body = _convolutions(shape[0], width) if images else _dense(shape[0], 512)
        features = 8 * width * (SIDE // 16) ** 2 if images else 512
        self.mean = nn.Linear(features, latent)
        self.log_variance = nn.Linear(features, latent)

    def forward(self, x: Float[Tensor, "n ..."]) -> tuple[Float[Tensor, "n latent"], Float[Tensor, "n latent"]]:
        """Return means and log-variances."""
        features = self.body(x).flatten(1)
        return self.mean(features), self.log_variance(features)


def decoder(shape: tuple[int, ...], latent: int, width: int) -> nn.Sequential:
    """Return the network from latent numbers back to examples."""
    if len(shape) == 1:
        return nn.Sequential(*_dense(latent, 512), nn.Linear(512, shape[0]))
    side = SIDE // 8
    return nn.Sequential(
        nn.Linear(latent, 8 * width * side**2),
        nn.Unflatten(1, (8 * width, side, side)),
        *_up(8 * width, 4 * width),
        *_up(4 * width, 2 * width),
        *_up(2 * width, width),
        nn.Conv2d(width, shape[0], 1),
    )


def discriminator(latent: int) -> nn.Sequential:
    """Return the network that tells labelled from unlabelled latent means: logits, high for labelled."""
    return nn.Sequential(*_dense(latent, 512), *_dense(512, 512), nn.Linear(512, 1), nn.Flatten(0))


def prepared(x: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """Return images in the autoencoder's size; vectors as they are."""
    if x.dim() == 2 or x.shape[-2:] == (SIDE, SIDE):
        return x
    return nn.functional.interpolate(x, size=(SIDE, SIDE), mode="bilinear", antialias=True)


def sampled(mean: Float[Tensor, "n latent"], log_variance: Float[Tensor, "n latent"]) -> Float[Tensor, "n latent"]:
    """Draw latent numbers from torch's global stream (Kingma & Welling 2014)."""
    return mean + torch.randn_like(mean) * (log_variance / 2).exp()


def divergence(mean: Float[Tensor, "n latent"], log_variance: Float[Tensor, "n latent"]) -> Float[Tensor, ""]:
    """Return the sum of the Kullback-Leibler divergences from the standard normal distribution."""
    return (mean.square() + log_variance.exp() - log_variance - 1).sum() / 2


def _dense(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inside, outside), nn.ReLU(), nn.Linear(outside, 512), nn.ReLU())


def _convolutions(channels: int, width: int) -> nn.Sequential:
    widths = [channels, width, 2 * width, 4 * width, 8 * width]
    steps = [_down(*pair) for pair in pairwise(widths)]
    return nn.Sequential(*steps)


def _down(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 4, 2, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU())


def _up(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(inside, outside, 4, 2, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU())


class Game:
    """The autoencoder and the discriminator as opponents; without a discriminator, the autoencoder alone."""

    def __init__(self, networks: nn.ModuleDict, decode: nn.Module, lr: float, beta: float, adversary: float) -> None:
        """Begin.

        Args:
            networks: ``encoder``, and ``discriminator`` if there is one.
            decode: from latent numbers to examples.
            lr: Adam's learning rate, for both.
            beta: weight of the divergence from the latent prior.
            adversary: weight of the encoder's wish to pass everything for labelled.
        """
        self._encoder, self._decode = networks["encoder"], decode
        self._rival: nn.Module | None = dict(networks.items()).get("discriminator")
        self._beta, self._adversary = beta, adversary
        self._own = torch.optim.Adam([*self._encoder.parameters(), *decode.parameters()], lr)
        self._its = torch.optim.Adam(self._rival.parameters(), lr) if self._rival else None

    def step(self, labelled: Float[Tensor, "l ..."] | None, unlabelled: Float[Tensor, "u ..."]) -> None:
        """Move both once; the discriminator sees what the encoder says after its move."""
        sides = [(1.0, labelled)] if labelled is not None else []
        sides.append((0.0, unlabelled))
        _descend(self._own, torch.stack([self._autoencoding(x) for _, x in sides]).sum())
        if self._its:
            with torch.no_grad():
                means = [(truth, self._encoder(x)[0]) for truth, x in sides]
            _descend(self._its, torch.stack([self._judged(mean, truth) for truth, mean in means]).sum())

    def _autoencoding(self, x: Tensor) -> Tensor:
        mean, log_variance = self._encoder(x)
        error = nn.functional.mse_loss(self._decode(sampled(mean, log_variance)), x)
        loss = error + self._beta * divergence(mean, log_variance)
        return loss + self._adversary * self._judged(mean, 1.0) if self._rival else loss

    def _judged(self, mean: Tensor, truth: float) -> Tensor:
        assert self._rival is not None
        says: Tensor = self._rival(mean)
        return nn.functional.binary_cross_entropy_with_logits(says, torch.full_like(says, truth))


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
