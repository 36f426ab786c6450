"""Pools with what networks say of them, as the float32 tables that two programs are both given."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks._features import features
from torchal.data.dataset import Dataset, Examples
from torchal.data.order import shuffled
from torchal.data.sources.digits import Digits
from torchal.inference import logits_and_features, mc_probabilities
from torchal.models import Classifier
from torchal.models.mlp import Mlp
from torchal.rng import Address, generator
from torchal.training.fit import fit, fresh
from torchal.training.recipe import Recipe

CLASSES, MEMBERS, SAMPLES = 10, 3, 25
NETWORK = Mlp(hidden=(64, 64), dropout=0.5)
RECIPE = Recipe(optimizer="adam", lr=3e-3, batch=16, epochs=30)


@dataclass(frozen=True)
class Pool:
    """Some rows, and what networks say of them. Labelled rows come first in the embeddings."""

    kind: str
    budget: int
    logits: Tensor
    embeddings: Tensor
    known: int
    """How many of the embeddings are of labelled rows."""
    sampled: Tensor
    """By dropout."""
    members: Tensor
    """Of a committee."""


def made_up(number: int, size: int = 2000, known: int = 300, budget: int = 200) -> Pool:
    """Return a pool of the kind that trained networks give, drawn under a number."""
    kind = torch.arange(size) % CLASSES
    noise = torch.randn(1 + SAMPLES + MEMBERS, size, CLASSES, generator=generator("pool", number))
    said = 1.5 * (2 * torch.nn.functional.one_hot(kind, CLASSES) + noise)
    chances = said.softmax(-1)
    points = features(size + known, 128, f"pool {number}")
    return Pool("made up", budget, said[0], points, known, chances[1 : 1 + SAMPLES], chances[1 + SAMPLES :])


def of_digits(number: int, known: int = 100, budget: int = 100, recipe: Recipe = RECIPE) -> Pool:
    """Return all handwritten digits but some, of which networks have learnt, under a number."""
    data, order = Digits().load(), shuffled(1438, "digits", number)
    rows, pool = order[:known], order[known:]
    networks = [trained(data, rows, recipe, (number, member)) for member in range(1 + MEMBERS)]
    inputs = data.train.inputs
    said = [logits_and_features(network, inputs, pool) for network in networks]
    _, seen = logits_and_features(networks[0], inputs, rows)
    return Pool(
        "digits",
        budget,
        said[0][0],
        torch.cat([seen, said[0][1]]),
        known,
        mc_probabilities(networks[0], inputs, pool, SAMPLES, (number, "masks")).float(),
        torch.stack([logits.softmax(-1) for logits, _ in said[1:]]),
    )


def trained(data: Dataset, rows: Tensor, recipe: Recipe, where: Address) -> Classifier:
    """Return a network that has learnt some digits."""
    network = fresh(NETWORK, data.shape, CLASSES, where)
    learnt = Examples(data.train.inputs, rows, data.train.labels[rows])
    for _ in fit(network, learnt, None, recipe, where, CLASSES):
        pass
    return network


def pools(made: int, real: int) -> Iterator[Pool]:
    """Yield so many pools of each kind, and one of the size of TorchAL's of CIFAR-10 that counts as made up."""
    yield made_up(made, size=40_000, known=5_000, budget=5_000)
    yield from map(made_up, range(made - 1))
    yield from map(of_digits, range(real))
