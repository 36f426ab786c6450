"""A graph convolutional network that tells labelled rows from others, on the graph of cosine similarities.

Kipf & Welling 2017, "Semi-Supervised Classification with Graph Convolutional Networks"; as in Caramalau, Bhattarai &
Kim 2021, "Sequential Graph Convolutional Network for Active Learning".

The graph links every row with every other, and is never built: with unit features V, similarities times a matrix are
``V (V' h)``. So a step costs ``n * width * hidden`` operations in place of ``n * n * hidden``.
"""

from functools import cached_property

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from torchal.spec import Spec


class Similarities:
    """Cosine similarities of all pairs of rows, columns normalised, plus the row itself: ``((V V' - I) D^-1 + I) h``.

    D holds the sums of columns, as in the authors' code. Where features have both signs, 1 is added to similarities, so
    that no weight is negative.
    """

    def __init__(self, features: Float[Tensor, "n width"]) -> None:
        self._unit = nn.functional.normalize(features.float(), dim=1)
        self._shift = 0.0 if (self._unit >= 0).all() else 1.0
        self._own = self._unit.square().sum(1, keepdim=True) + self._shift
        self._degree = self._weighted(torch.ones_like(self._own))

    @cached_property
    def mixed(self) -> Float[Tensor, "n width"]:
        """The unit features after one step along the graph, which no training changes."""
        return self.mix(self._unit)

    def mix(self, h: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """Return h after one step along the graph."""
        return self._weighted(h / self._degree.clamp_min(1e-6)) + h

    def _weighted(self, h: Tensor) -> Tensor:
        return self._unit @ (self._unit.T @ h) + self._shift * h.sum(0) - self._own * h


class GraphNetwork(nn.Module):
    """Two convolutions: hidden features, then a logit that is high for labelled rows."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Linear(width, hidden)
        self.second = nn.Linear(hidden, 1)
        self.dropout = nn.Dropout(dropout)

    def hidden(self, graph: Similarities) -> Float[Tensor, "n hidden"]:
        """Return the features after the first convolution."""
        hidden: Tensor = self.first(graph.mixed).relu()
        return hidden

    def forward(self, graph: Similarities) -> Float[Tensor, " n"]:
        """Return logits."""
        return graph.mix(self.second(self.dropout(self.hidden(graph))))[:, 0]


class GraphTraining(Spec):
    """How a graph network is trained: fields that strategies share."""

    hidden: int = Field(128, ge=1)
    """Width of the graph network."""
    dropout: float = Field(0.3, ge=0, lt=1)
    """Probability to drop a hidden unit in training."""
    epochs: int = Field(200, ge=1)
    """Steps, each over the whole graph."""
    lr: float = Field(1e-3, gt=0)
    """Adam's learning rate."""
    balance: float = Field(1.2, gt=0)
    """Weight of the pool's loss against that of the labelled rows."""

    def build(self, graph: Similarities) -> GraphNetwork:
        """Return a fresh network."""
        return GraphNetwork(graph.mixed.shape[1], self.hidden, self.dropout)

    def learn(self, graph: Similarities, labelled: int, network: GraphNetwork) -> None:
        """Train a network in place on the whole graph, whose first rows are the labelled ones."""
        network.to(graph.mixed.device).train()
        optimizer = torch.optim.Adam(network.parameters(), self.lr, weight_decay=5e-4)
        for _ in range(self.epochs):
            logits = network(graph)
            loss = -self.balance * nn.functional.logsigmoid(-logits[labelled:]).mean()
            if labelled:
                loss = loss - nn.functional.logsigmoid(logits[:labelled]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
