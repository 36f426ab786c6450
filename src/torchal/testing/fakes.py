"""Small networks and pools that bring out what a strategy does at its limits."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from torchal.data.dataset import Inputs, Resident
from torchal.data.partition import Partition
from torchal.models import Classifier
from torchal.query import QueryContext
from torchal.query.network import Alone, NetworkEvidence
from torchal.rng import generator, seeded

_WIDTH, _VALIDATION = 6, 5


@dataclass(frozen=True, kw_only=True)
class FakePool:
    """A tiny query that is the same whenever it is made: Gaussian feature vectors and an untrained network on them."""

    pool: int = 60
    """Rows in the pool."""
    labelled: int = 12
    """Labelled rows; may be 0."""
    classes: int = 4
    """Classes."""
    budget: int = 10
    """Positions to choose."""
    seed: int = 0
    """Another seed gives other inputs, labels and weights."""
    dropout: float = 0.3
    """Probability to drop a unit; 0 leaves the network without active dropout."""
    sharpness: float = 4.0
    """Factor on the head's weights: 0 makes the network say the same of every row, 1e5 makes it certain of all."""
    copies: int = 1
    """How many equal rows the pool has of each of its inputs."""
    order: int | None = None
    """Seed of a shuffle of the pool's rows; None leaves them as they are."""
    chunk: int = 1024
    """Rows sent through the network at a time."""

    @property
    def rows(self) -> Partition:
        """The partition: shuffled rows, so that a position in the pool is hardly ever the number of its row."""
        total = self.labelled + self.pool + _VALIDATION
        shuffled = torch.randperm(total, generator=generator(self.seed, "fake rows"))
        labelled, pool, validation = shuffled.split([self.labelled, self.pool, _VALIDATION])
        if self.order is not None:
            pool = pool[torch.randperm(self.pool, generator=generator(self.order, "fake order"))]
        return Partition(labelled=labelled, pool=pool, validation=validation)

    @property
    def labels(self) -> Int64[Tensor, " n"]:
        """The labels of all rows. The context is given those of the labelled rows only."""
        total = self.labelled + self.pool + _VALIDATION
        return torch.randint(self.classes, (total,), generator=generator(self.seed, "fake labels"))

    @property
    def inputs(self) -> Inputs:
        """The inputs of all rows."""
        total = self.labelled + self.pool + _VALIDATION
        kinds = torch.randn(total, _WIDTH, generator=generator(self.seed, "fake inputs"))
        pool = replace(self, order=None).rows.pool
        kinds[pool] = kinds[pool[torch.arange(self.pool) // self.copies * self.copies]]
        return Resident(kinds)

    def network(self) -> Classifier:
        """Return a new network, in training mode as training leaves it."""
        with seeded(self.seed, "fake network"):
            body = nn.Sequential(
                nn.Sequential(nn.Linear(_WIDTH, 16), nn.BatchNorm1d(16), nn.Tanh()),
                nn.Dropout(self.dropout),
                nn.Linear(16, 8),
                nn.Tanh(),
            )
            head = nn.Linear(8, self.classes)
        with torch.no_grad():
            for parameter in head.parameters():
                parameter.mul_(self.sharpness)
            if self.sharpness == 0:
                body[2].weight.zero_()  # type: ignore[operator]  # the linear layer above
        return Classifier(body, head)

    def context(self) -> QueryContext:
        """Return a new context, from which the labels of the pool cannot be reached."""
        where = (self.seed, "fake query")
        evidence = NetworkEvidence(self.network(), self.inputs, self.rows, where, self.chunk, FakeTrainer(where, self))
        return QueryContext(evidence, self.labels[self.rows.labelled], self.classes, self.budget, where)


@dataclass(frozen=True)
class FakeTrainer(Alone):
    """Gives untrained networks for those of a committee and of the cycle before."""

    fake: FakePool

    def member(self, number: int) -> Classifier:
        """Return a network with weights of its own."""
        return replace(self.fake, seed=1000 + number).network()

    def previous(self) -> Classifier:
        """Return a network with other weights."""
        return replace(self.fake, seed=999).network()


def fake_context(**options: Any) -> QueryContext:
    """Return a small context for trying a strategy; the options are the fields of :class:`FakePool`."""
    return FakePool(**options).context()
