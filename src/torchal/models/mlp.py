"""Multi-layer perceptron. Weights start as torch's layers draw them."""

from itertools import pairwise
from math import prod
from typing import Annotated

from pydantic import Field
from torch import nn

from torchal.models import Classifier, Model


class Mlp(Model):
    """Fully connected layers with ReLU and dropout, for small images and feature vectors."""

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = (128,)
    """Units of each hidden layer; with none the network is a linear classifier."""

    dropout: float = Field(0.5, ge=0, lt=1)
    """Share of units dropped after each hidden layer in training, or without one of the inputs."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network; images are flattened."""
        steps: list[nn.Module] = [nn.Flatten()]
        for width, units in pairwise((prod(shape), *self.hidden)):
            steps += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(self.dropout)]
        if not self.hidden:
            steps.append(nn.Dropout(self.dropout))
        return Classifier(nn.Sequential(*steps), nn.Linear((prod(shape), *self.hidden)[-1], classes))
