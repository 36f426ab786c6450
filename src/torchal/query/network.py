"""Evidence from a trained network: computed when it is asked for, and kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from torchal import inference
from torchal.data.dataset import Inputs
from torchal.data.partition import Partition
from torchal.models import Classifier
from torchal.query.evidence import Evidence, Net, Positions
from torchal.rng import Address, seeded


@runtime_checkable
class Trainer(Protocol):
    """Trains what a strategy needs beside the cycle's network, so that strategies do not know how training is done."""

    def member(self, number: int) -> Classifier:
        """Return the cycle's network trained anew, with the random numbers of a member of a committee."""

    def previous(self) -> Classifier | None:
        """Return the network of the cycle before, or None in the first cycle."""

    def own(self, name: str, part: Positions | None, build: Callable[[], Net], learn: Callable[[Net], None]) -> Net:
        """Return the network that ``build`` makes and ``learn`` trains, from where it was kept if it was."""


@dataclass(frozen=True)
class Alone:
    """A trainer for a network that comes from nowhere: it has no recipe, so it can train only what brings its own."""

    where: Address
    """Address of the random draws."""

    def member(self, number: int) -> Classifier:
        """Refuse."""
        raise ValueError(f"committee: member {number} cannot be trained without a recipe; give the context a trainer.")

    def previous(self) -> Classifier | None:
        """Return None: there was no cycle before."""
        return None

    def own(self, name: str, part: Positions | None, build: Callable[[], Net], learn: Callable[[Net], None]) -> Net:  # noqa: ARG002
        """Build and train."""
        with seeded(*self.where, name):
            network = build()
            learn(network)
        return network


@dataclass(eq=False)
class NetworkEvidence(Evidence):
    """What a trained network says. Asking leaves it as it was.

    What is asked of the whole pool is kept, and parts of the pool are served from it; a part that is asked for first is
    computed alone.
    """

    model: Classifier
    """The trained network. Whoever trains must do so on a copy."""
    examples: Inputs
    """The training side of the data set, which has no labels in it."""
    rows: Partition
    """Which rows of the inputs are labelled, in the pool, or kept for validation."""
    where: Address
    """Address of the query's random draws."""
    chunk: int = 1024
    """Rows sent through a network at a time, which bounds memory and changes no result but by rounding."""
    trainer: Trainer | None = None
    """Who trains what a strategy needs besides; without one, only networks that bring their own training."""
    forward_passes: int = field(default=0, init=False)
    _kept: dict[object, tuple[Tensor, ...]] = field(default_factory=dict, init=False, repr=False)

    @property
    def size(self) -> int:  # type: ignore[override]  # a constant of the rows
        """How many rows the pool has."""
        return len(self.rows.pool)

    @property
    def known(self) -> int:  # type: ignore[override]  # likewise
        """How many rows are labelled."""
        return len(self.rows.labelled)

    @property
    def network(self) -> Classifier:
        """The trained network."""
        return self.model

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return self.model.head.weight.device

    @property
    def head(self) -> nn.Linear:
        """The network's last layer."""
        return self.model.head

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.examples.shape

    def logits(self, positions: Positions | None) -> Float[Tensor, "some classes"]:
        """Return what the network says of the pool."""
        return self._pool(positions)[0]

    def embeddings(self, positions: Positions | None) -> Float[Tensor, "some width"]:
        """Return the pool as the network's head sees it."""
        return self._pool(positions)[1]

    def labelled_logits(self) -> Float[Tensor, "labelled classes"]:
        """Return what the network says of the labelled rows."""
        return self._labelled[0]

    def labelled_embeddings(self) -> Float[Tensor, "labelled width"]:
        """Return the labelled rows as the network's head sees them."""
        return self._labelled[1]

    def sampled(self, samples: int, positions: Positions | None) -> Float64[Tensor, "samples some classes"]:
        """Return probabilities under networks sampled by Monte-Carlo dropout.

        Raises:
            ValueError: if the network has no active dropout.
        """

        def drawn(rows: Tensor) -> tuple[Tensor, ...]:
            self.forward_passes += samples * len(rows)
            return (inference.mc_probabilities(self.model, self.examples, rows, samples, self.where, self.chunk),)

        return self._asked(("sampled", samples), positions, drawn, dim=1)[0]

    def committee(self, members: int, positions: Positions | None) -> Float64[Tensor, "members some classes"]:
        """Return probabilities under the members of a committee, which are trained now if they never were."""

        def said(number: int, rows: Tensor) -> Tensor:
            return self._outputs(self._trainer.member(number), rows)[0].double().softmax(-1)

        def polled(rows: Tensor) -> tuple[Tensor, ...]:
            return (torch.stack([said(number, rows) for number in range(members)]),)

        return self._asked(("committee", members), positions, polled, dim=1)[0]

    def previous(self, positions: Positions | None) -> Float[Tensor, "some classes"] | None:
        """Return logits under the network of the cycle before; None in the first cycle."""
        before = self._trainer.previous()
        if before is None:
            return None
        return self._asked("previous", positions, lambda rows: self._outputs(before, rows))[0]

    def layers(self, positions: Positions | None) -> list[Float[Tensor, "some _"]]:
        """Return what some steps of the network's body gave, averaged over space."""
        return list(self._asked("layers", positions, self._hidden))

    def labelled_layers(self) -> list[Float[Tensor, "labelled _"]]:
        """Return the same of the labelled rows."""
        return list(self._hidden(self.rows.labelled))

    def inputs(self, positions: Positions) -> Float[Tensor, "some ..."]:
        """Return examples of the pool as the network sees them."""
        return self._examples_of(self.rows.pool, positions)

    def labelled_inputs(self, places: Int64[Tensor, " some"]) -> Float[Tensor, "some ..."]:
        """Return labelled examples as the network sees them."""
        return self._examples_of(self.rows.labelled, places)

    def own(self, name: str, part: Positions | None, build: Callable[[], Net], learn: Callable[[Net], None]) -> Net:
        """Return a network that a strategy trains for itself."""
        return self._trainer.own(name, part, build, learn)

    @property
    def _trainer(self) -> Trainer:
        return self.trainer or Alone(self.where)

    def _pool(self, positions: Positions | None) -> tuple[Tensor, ...]:
        return self._asked("pool", positions, lambda rows: self._outputs(self.model, rows))

    @cached_property
    def _labelled(self) -> tuple[Tensor, ...]:
        return self._outputs(self.model, self.rows.labelled)

    def _asked(
        self, key: object, positions: Positions | None, compute: Callable[[Tensor], tuple[Tensor, ...]], dim: int = 0
    ) -> tuple[Tensor, ...]:
        """Return a quantity of some rows: of the whole pool once and for all, else from that, else of them alone."""
        if positions is None and key not in self._kept:
            self._kept[key] = compute(self.rows.pool)
        if positions is None:
            return self._kept[key]
        if key in self._kept:
            return tuple(each.index_select(dim, positions.to(each.device)) for each in self._kept[key])
        return compute(self.rows.pool[positions.to(self.rows.pool.device)])

    def _outputs(self, model: Classifier, rows: Tensor) -> tuple[Tensor, ...]:
        self.forward_passes += len(rows)
        return inference.logits_and_features(model, self.examples, rows, self.chunk)

    def _hidden(self, rows: Tensor) -> tuple[Tensor, ...]:
        self.forward_passes += len(rows)
        return inference.layers(self.model, self.examples, rows, self.chunk)

    def _examples_of(self, rows: Tensor, places: Tensor) -> Tensor:
        return self.examples.batch(rows[places.to(rows.device)]).to(self.device)
