"""Made-up features of the kind that trained networks give: classes of few dimensions through two rectified layers."""

import torch
from torch import Tensor

from torchal.rng import generator


def features(count: int, width: int, name: str, classes: int = 10, inside: int = 16) -> Tensor:
    """Return features of points drawn under a name; the network is the same for all names."""

    def normal(*shape: int, of: str) -> Tensor:
        return torch.randn(shape, generator=generator("benchmark features", of))

    kind = torch.randint(classes, (count,), generator=generator("benchmark classes", name))
    spread = 1.5 * torch.arange(1, inside + 1).rsqrt()
    latent = 1.5 * normal(classes, inside, of="means")[kind] + spread * normal(count, inside, of=f"points {name}")
    hidden = torch.relu(latent @ normal(inside, 256, of="first") / inside**0.5 + normal(256, of="bias") / 2)
    return torch.relu(hidden @ normal(256, width, of="second") / 16)
