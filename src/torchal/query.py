"""What a strategy is, and all that it may ask."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float, Float64, Int64, Real
from torch import Tensor

from torchal import inference
from torchal.data.dataset import Inputs
from torchal.data.partition import Partition
from torchal.kernels import ranking
from torchal.models import Classifier
from torchal.rng import Address, generator, seeded
from torchal.spec import ByName, Plugin


@dataclass(eq=False)
class QueryContext:
    """What one query may know: the trained network, inputs without labels, and the labels bought so far.

    Everything is computed when first read, kept, and given in the order of the pool: a *position* is 0..size-1 in the
    pool, not a row of the data set. Reading leaves the network as it was. Logits and embeddings have the network's own
    precision; probabilities and their logarithms are float64, so that a confident network does not round to 0 and 1.

    Raises:
        ValueError: if the budget is below 1 or exceeds the pool, or if there is not one label for each labelled row.
    """

    model: Classifier
    """The trained network. A strategy that trains must do so on a copy."""
    inputs: Inputs
    """The training side of the data set, which has no labels in it."""
    rows: Partition
    """Which rows of the inputs are labelled, in the pool, or kept for validation."""
    labels: Int64[Tensor, " labelled"]
    """The labels of ``rows.labelled``, in that order."""
    classes: int
    """How many classes there are."""
    budget: int
    """How many positions to choose."""
    where: Address
    """Address of the query's random draws."""
    chunk: int = 1024
    """Rows sent through the network at a time, which bounds memory and changes no result but by rounding."""
    forward_passes: int = field(default=0, init=False)
    """Examples sent through the network so far. Each Monte-Carlo sample counts as one, though samples share a trunk."""
    _sampled: dict[int, Tensor] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.budget <= self.size:
            raise ValueError(
                f"budget: {self.budget} of a pool of {self.size} rows cannot be chosen; set it to 1..{self.size}."
            )
        if len(self.labels) != len(self.rows.labelled):
            raise ValueError(
                f"labels: {len(self.labels)} given for {len(self.rows.labelled)} labelled rows; "
                "give the labels of rows.labelled, in that order, and no others."
            )

    @property
    def size(self) -> int:
        """How many rows the pool has."""
        return len(self.rows.pool)

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return self.model.head.weight.device

    @property
    def logits(self) -> Float[Tensor, "pool classes"]:
        """What the network says of the pool, before the softmax."""
        return self._pool[0]

    @property
    def embeddings(self) -> Float[Tensor, "pool width"]:
        """The pool as the network's head sees it."""
        return self._pool[1]

    @cached_property
    def log_probabilities(self) -> Float64[Tensor, "pool classes"]:
        """Natural logarithms of the softmax of the logits."""
        return self.logits.double().log_softmax(-1)

    @cached_property
    def probabilities(self) -> Float64[Tensor, "pool classes"]:
        """Softmax of the logits."""
        return self.log_probabilities.exp()

    @cached_property
    def labelled_embeddings(self) -> Float[Tensor, "labelled width"]:
        """The labelled rows as the network's head sees them; no rows if nothing is labelled yet."""
        return self._pass(self.rows.labelled)[1]

    @property
    def labelled_labels(self) -> Int64[Tensor, " labelled"]:
        """The labels bought so far, in the order of :attr:`labelled_embeddings`."""
        return self.labels

    def mc_probabilities(self, samples: int) -> Float64[Tensor, "samples pool classes"]:
        """Return the pool's softmax outputs under networks sampled by Monte-Carlo dropout, one mask for all rows.

        Raises:
            ValueError: if the network has no active dropout.
        """
        if samples not in self._sampled:
            self._sampled[samples] = inference.mc_probabilities(
                self.model, self.inputs, self.rows.pool, samples, self.where, self.chunk
            )
            self.forward_passes += samples * self.size
        return self._sampled[samples]

    def inputs_of(self, positions: Int64[Tensor, " some"]) -> Float[Tensor, "some ..."]:
        """Return examples of the pool as the network sees them, for strategies that need more than its outputs."""
        return self.inputs.batch(self.rows.pool[positions.to(self.rows.pool.device)]).to(self.device)

    def generator(self, purpose: str) -> torch.Generator:
        """Return a fresh generator on the CPU that belongs to this query and a purpose."""
        return generator(*self.where, purpose)

    def seeded(self, purpose: str) -> AbstractContextManager[None]:
        """Return a block in which torch's global stream belongs to this query and a purpose; it is put back after."""
        return seeded(*self.where, purpose)

    def top(self, scores: Real[Tensor, " pool"]) -> Int64[Tensor, " budget"]:
        """Return the positions of the highest scores, as many as the budget; of equal ones the lowest position first.

        Raises:
            ValueError: if a score is NaN, or if there is not one score for each row of the pool.
        """
        if scores.shape != (self.size,):
            raise ValueError(f"scores: of shape {tuple(scores.shape)}; give one for each of {self.size} pool rows.")
        return ranking.top(scores, self.budget)

    @cached_property
    def _pool(self) -> tuple[Tensor, Tensor]:
        return self._pass(self.rows.pool)

    def _pass(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        self.forward_passes += len(rows)
        return inference.logits_and_features(self.model, self.inputs, rows, self.chunk)


class Strategy(Plugin):
    """A rule that chooses which rows to label. A subclass lies in a file of ``torchal/strategies``, or in one's own."""

    room: ClassVar[str] = "torchal.strategies"

    order_free: ClassVar[bool] = True
    """Whether the same rows are chosen however the pool is ordered, ties aside. The contract suite holds it to that."""

    @abstractmethod
    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return as many distinct positions in the pool as the budget asks; nothing may be labelled yet."""


AnyStrategy = Annotated[Strategy, *ByName.of(Strategy)]


def choose(strategy: Strategy, ctx: QueryContext) -> Int64[Tensor, " budget"]:
    """Ask a strategy, and check that it keeps its promise.

    Raises:
        ValueError: naming the strategy and what is wrong with its answer.
    """
    chosen = strategy.select(ctx)
    fault = _fault(chosen, ctx)
    if fault:
        raise ValueError(
            f"strategy '{strategy.plugin_name()}' {fault}; select must return an int64 tensor of {ctx.budget} distinct "
            f"positions in 0..{ctx.size - 1}."
        )
    return chosen


def _fault(chosen: Any, ctx: QueryContext) -> str | None:
    if not isinstance(chosen, Tensor):
        return f"returned a {type(chosen).__name__}"
    if chosen.dtype != torch.int64:
        return f"returned {chosen.dtype}"
    if chosen.shape != (ctx.budget,):
        return f"returned shape {tuple(chosen.shape)}"
    outside = chosen[(chosen < 0) | (chosen >= ctx.size)]
    if len(outside):
        return f"returned position {int(outside[0])}"
    values, counts = chosen.unique(return_counts=True)
    repeated = values[counts > 1]
    return f"returned position {int(repeated[0])} more than once" if len(repeated) else None
