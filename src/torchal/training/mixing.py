"""Blends of two examples and of their labels.

Zhang, Cisse, Dauphin & Lopez-Paz 2018, "mixup: Beyond Empirical Risk Minimization"; Yun et al. 2019, "CutMix:
Regularization Strategy to Train Strong Classifiers with Localizable Features". Every example has a share of its own;
its partner is the example before it in the batch, which a random order makes as good as a random one. Over several
processes partners come from the same process's part.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from scipy.special import betaincinv
from torch import Tensor, nn

from torchal.training.draw import Draw
from torchal.training.recipe import Mix


def mixed(
    x: Float[Tensor, "batch ..."], labels: Int64[Tensor, " batch"], mix: Mix, classes: int, draw: Draw
) -> tuple[Float[Tensor, "batch ..."], Float[Tensor, "batch classes"]]:
    """Return blended inputs, and how much of each class is in them."""
    share = beta(draw.uniform(), mix.alpha)
    other = x.roll(1, 0)
    if mix.name == "cutmix":
        inside = boxes(share, draw, x.shape[2], x.shape[3])
        share = 1 - inside.double().mean((1, 2)).float()
        x = torch.where(draw.sent(inside[:, None]), other, x)
    share = draw.sent(share)
    if mix.name == "mixup":
        x = torch.lerp(other, x, share.view(-1, *[1] * (x.dim() - 1)))
    known = nn.functional.one_hot(labels, classes).float()
    return x, torch.lerp(known.roll(1, 0), known, share[:, None])


def beta(uniform: Float64[Tensor, " batch"], alpha: float) -> Float[Tensor, " batch"]:
    """Turn uniform numbers into draws from the Beta distribution with both parameters alpha."""
    return torch.from_numpy(np.asarray(betaincinv(alpha, alpha, uniform.numpy()))).float()


def boxes(share: Float[Tensor, " batch"], draw: Draw, height: int, width: int) -> Bool[Tensor, "batch height width"]:
    """Return where the box lies that leaves about a share of each image: of the image's shape, centred anywhere."""
    cut, centre = (1 - share).sqrt(), draw.uniform(2).float()
    down = _near(centre[:, 0] * height, cut * height / 2, height)
    across = _near(centre[:, 1] * width, cut * width / 2, width)
    return down[:, :, None] & across[:, None, :]


def _near(centre: Float[Tensor, " batch"], reach: Float[Tensor, " batch"], size: int) -> Bool[Tensor, "batch size"]:
    return (torch.arange(size) + 0.5 - centre[:, None]).abs() < reach[:, None]
