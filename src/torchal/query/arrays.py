"""Evidence from arrays that somebody computed, for queries without an experiment."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from torchal.models import Classifier
from torchal.query.evidence import Evidence, Net, Positions
from torchal.query.network import Alone
from torchal.rng import Address

REMEDIES = {
    "logits": "give probabilities= (or logits=), a row for each example and a column for each class",
    "embeddings": "give embeddings=, a row for each example",
    "mc_probabilities": "give mc_probabilities=, samples x examples x classes",
    "committee_probabilities": "give committee_probabilities=, members x examples x classes",
    "previous_probabilities": "give previous_probabilities=, those of the network of the cycle before",
    "inputs": "give inputs=, the examples themselves, images as channels x height x width",
}
"""What may be known, and what to say where it is not."""


@dataclass(eq=False)
class ArrayEvidence(Evidence):
    """What is given is known, and what is not given is refused by name when a strategy asks for it.

    All arrays have one row for each example, labelled or not.
    """

    pool_rows: Int64[Tensor, " pool"]
    """Which rows may be chosen."""
    labelled_rows: Int64[Tensor, " labelled"]
    """Which rows are labelled."""
    where: Address
    """Address of the random draws."""
    given: dict[str, Tensor]
    """What is known, by the name under which it is asked for when it is missing: those of :data:`REMEDIES`."""
    last_layer: nn.Linear | None = None
    """From embeddings to logits."""

    @property
    def size(self) -> int:  # type: ignore[override]  # a constant of the rows
        """How many rows the pool has."""
        return len(self.pool_rows)

    @property
    def known(self) -> int:  # type: ignore[override]  # likewise
        """How many rows are labelled."""
        return len(self.labelled_rows)

    @property
    def device(self) -> torch.device:
        """Where the arrays are."""
        return self.pool_rows.device

    @property
    def network(self) -> Classifier:
        """Not known."""
        raise ValueError("network: the strategy asks for the network itself; run it in an experiment.")

    @property
    def head(self) -> nn.Linear:
        """The last layer, if it was given."""
        if self.last_layer is None:
            raise ValueError("head: the strategy asks for the network's last layer; give head=(weight, bias).")
        return self.last_layer

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return tuple(self._known("inputs").shape[1:])

    def logits(self, positions: Positions | None) -> Float[Tensor, "some classes"]:
        """Return what was given of the pool."""
        return self._of("logits", positions)

    def embeddings(self, positions: Positions | None) -> Float[Tensor, "some width"]:
        """Return what was given of the pool."""
        return self._of("embeddings", positions)

    def labelled_logits(self) -> Float[Tensor, "labelled classes"]:
        """Return what was given of the labelled rows."""
        return self._known("logits")[self.labelled_rows]

    def labelled_embeddings(self) -> Float[Tensor, "labelled width"]:
        """Return what was given of the labelled rows."""
        return self._known("embeddings")[self.labelled_rows]

    def sampled(self, samples: int, positions: Positions | None) -> Float64[Tensor, "_ some classes"]:  # noqa: ARG002 - those given
        """Return the samples that were given, however many were asked for."""
        return self._known("mc_probabilities")[:, self._rows(positions)].double()

    def committee(self, members: int, positions: Positions | None) -> Float64[Tensor, "_ some classes"]:  # noqa: ARG002 - likewise
        """Return the members that were given, however many were asked for."""
        return self._known("committee_probabilities")[:, self._rows(positions)].double()

    def previous(self, positions: Positions | None) -> Float[Tensor, "some classes"] | None:
        """Return logarithms of the probabilities of the cycle before."""
        return self._of("previous_probabilities", positions).double().clamp_min(1e-300).log()

    def layers(self, positions: Positions | None) -> list[Float[Tensor, "some _"]]:
        """Return the embeddings, the one layer that is known."""
        return [self.embeddings(positions)]

    def labelled_layers(self) -> list[Float[Tensor, "labelled _"]]:
        """Return the embeddings of the labelled rows."""
        return [self.labelled_embeddings()]

    def inputs(self, positions: Positions) -> Float[Tensor, "some ..."]:
        """Return some of the examples in the pool."""
        return self._of("inputs", positions)

    def labelled_inputs(self, places: Int64[Tensor, " some"]) -> Float[Tensor, "some ..."]:
        """Return some of the labelled examples."""
        return self._known("inputs")[self.labelled_rows[places]]

    def own(self, name: str, part: Positions | None, build: Callable[[], Net], learn: Callable[[Net], None]) -> Net:
        """Build and train; nothing is kept."""
        return Alone(self.where).own(name, part, build, learn)

    def _of(self, name: str, positions: Positions | None) -> Tensor:
        return self._known(name)[self._rows(positions)]

    def _rows(self, positions: Positions | None) -> Tensor:
        return self.pool_rows if positions is None else self.pool_rows[positions]

    def _known(self, name: str) -> Tensor:
        if name not in self.given:
            raise ValueError(f"{name}: the strategy asks for them; {REMEDIES[name]}.")
        return self.given[name]
