"""Search spaces that have a name, and which of them a network is searched in where nothing else is said."""

from torchal.models import Model
from torchal.training.recipe import Recipe
from torchal.tuning.domain import Choice, Range
from torchal.tuning.space import Space

PAPER: Space = {
    "batch": Choice(choices=(8, 16, 32, 64, 128, 256, 512)),
    "lr": Range(low=1e-5, high=1e-2, log=True),
    "optimizer": Choice(choices=("sgd", "adam")),
    "weight_decay": Range(low=1e-8, high=1e-3, log=True),
}
"""The search space of Munjal et al. (CVPR 2022), for networks trained from scratch."""

STRONG: Space = {
    "augment.randaugment.magnitude": Range(low=1, high=9, integer=True),
    "augment.randaugment.operations": Range(low=1, high=15, integer=True),
    **PAPER,
}
"""Their search space for strong regularisation; recipe ``strong`` has RandAugment and weight averaging on."""

HEAD: Space = {
    "batch": Choice(choices=(16, 64, 256)),
    "lr": Range(low=1e-4, high=1.0, log=True),
    "optimizer": Choice(choices=("sgd", "adam")),
    "weight_decay": Range(low=1e-8, high=1e-2, log=True),
}
"""For a head on fixed features, which bears and needs larger rates. Our choice."""

FINETUNED: Space = {
    "batch": Choice(choices=(16, 32, 64, 128)),
    "lr": Range(low=1e-6, high=1e-3, log=True),
    "optimizer": Choice(choices=("adam", "adamw")),
    "weight_decay": Range(low=1e-6, high=1e-1, log=True),
}
"""For a pretrained network all of whose weights go on learning, at smaller rates. Our choice."""

SPACES = {"paper": PAPER, "strong": STRONG, "head": HEAD, "finetuned": FINETUNED}
"""Spaces by name."""


_FAMILIES = {"scratch": PAPER, "head": HEAD, "finetuned": FINETUNED}


def usual(model: Model, recipe: Recipe) -> Space:
    """Return the space of a network's family; where the recipe has RandAugment, the paper's for it."""
    return STRONG if model.family == "scratch" and recipe.augment.randaugment else _FAMILIES[model.family]
