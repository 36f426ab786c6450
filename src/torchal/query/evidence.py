"""What can be known of a pool, wherever it comes from: a trained network, or arrays that somebody computed."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from torchal.models import Classifier

Positions = Int64[Tensor, " some"]
"""Of rows in the pool, 0 to its size less one."""

Net = TypeVar("Net", bound=nn.Module)
"""A network that a strategy builds and trains for itself."""


class Evidence(ABC):
    """Facts about the rows of one pool and of what is labelled. Where positions are given, about these rows alone.

    Whoever asks is a :class:`torchal.query.QueryContext`. Nothing here holds a label of the pool.

    Raises:
        ValueError: from any method, if the fact is not known; it says what to give.
    """

    size: int
    """How many rows the pool has."""

    known: int
    """How many rows are labelled."""

    forward_passes: int = 0
    """Examples sent through networks so far."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the facts are computed."""

    @abstractmethod
    def logits(self, positions: Positions | None) -> Float[Tensor, "some classes"]:
        """Return what the network says of the pool."""

    @abstractmethod
    def embeddings(self, positions: Positions | None) -> Float[Tensor, "some width"]:
        """Return the pool as the network's head sees it."""

    @abstractmethod
    def labelled_logits(self) -> Float[Tensor, "labelled classes"]:
        """Return what the network says of the labelled rows; no rows if nothing is labelled."""

    @abstractmethod
    def labelled_embeddings(self) -> Float[Tensor, "labelled width"]:
        """Return the labelled rows as the network's head sees them."""

    @abstractmethod
    def sampled(self, samples: int, positions: Positions | None) -> Float64[Tensor, "samples some classes"]:
        """Return probabilities under networks sampled by Monte-Carlo dropout, one mask for all rows."""

    @abstractmethod
    def committee(self, members: int, positions: Positions | None) -> Float64[Tensor, "members some classes"]:
        """Return probabilities under networks trained alike with other random numbers."""

    @abstractmethod
    def previous(self, positions: Positions | None) -> Float[Tensor, "some classes"] | None:
        """Return logits under the network of the cycle before; None in the first cycle."""

    @abstractmethod
    def layers(self, positions: Positions | None) -> list[Float[Tensor, "some _"]]:
        """Return what some steps of the network's body gave, averaged over space, from shallow to deep."""

    @abstractmethod
    def labelled_layers(self) -> list[Float[Tensor, "labelled _"]]:
        """Return the same of the labelled rows."""

    @property
    @abstractmethod
    def network(self) -> Classifier:
        """The trained network. Whoever trains must do so on a copy."""

    @property
    @abstractmethod
    def head(self) -> nn.Linear:
        """The linear layer from embeddings to logits. Not to be changed."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one example: ``(channels, height, width)`` or ``(width,)``."""

    @abstractmethod
    def inputs(self, positions: Positions) -> Float[Tensor, "some ..."]:
        """Return examples of the pool as a network sees them."""

    @abstractmethod
    def labelled_inputs(self, places: Int64[Tensor, " some"]) -> Float[Tensor, "some ..."]:
        """Return labelled examples as a network sees them, by their places among the labelled."""

    @abstractmethod
    def own(self, name: str, part: Positions | None, build: Callable[[], Net], learn: Callable[[Net], None]) -> Net:
        """Return a network that a strategy builds and trains for itself, trained once however often it is asked for.

        Args:
            name: what it is for.
            part: positions of the part of the pool that it learns from.
            build: makes it, drawing from torch's global stream, which is seeded for it.
            learn: trains it in place, drawing likewise.
        """
