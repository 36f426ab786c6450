"""What is asked of a pool: a context that knows its facts, and strategies that choose by them."""

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float, Float64, Int64, Real
from torch import Tensor, nn

from torchal.kernels import ranking
from torchal.models import Classifier
from torchal.query.evidence import Evidence, Net, Positions
from torchal.rng import Address, generator, seeded
from torchal.spec import ByName, Plugin


@dataclass(eq=False)
class QueryContext:
    """What one query may know: facts about a pool without its labels, and the labels bought so far.

    Everything is computed when first read, kept, and given in the order of the pool: a *position* is 0..size-1 in the
    pool, not a row of the data set. Reading leaves the network as it was. Logits and embeddings have the network's own
    precision; probabilities and their logarithms are float64, so that a confident network does not round to 0 and 1.

    Raises:
        ValueError: if the budget is below 1 or exceeds the pool, or if there is not one label for each labelled row;
            from any quantity that is not known, saying what to give.
    """

    evidence: Evidence
    """Where the facts come from: a trained network, or arrays."""
    labels: Int64[Tensor, " labelled"] | None
    """The labels of the labelled rows, in their order; None if they are not known."""
    classes: int
    """How many classes there are."""
    budget: int
    """How many positions to choose."""
    where: Address
    """Address of the query's random draws."""
    positions: Positions | None = None
    """The part of the pool that is asked about; None for all of it."""
    _sampled: dict[tuple[str, int], Tensor] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.budget <= self.size:
            raise ValueError(
                f"budget: {self.budget} of a pool of {self.size} rows cannot be chosen; set it to 1..{self.size}."
            )

        if self.labels is not None and len(self.labels) != self.evidence.known:
            raise ValueError(
                f"labels: {len(self.labels)} given for {self.evidence.known} labelled rows; "
                "give the labels of the labelled rows, in their order, and no others."
            )

    @property
    def size(self) -> int:
        """How many rows the pool has."""
        return self.evidence.size if self.positions is None else len(self.positions)

    @property
    def known(self) -> int:
        """How many rows are labelled."""
        return self.evidence.known

    @property
    def model(self) -> Classifier:
        """The trained network. A strategy that trains must do so on a copy."""
        return self.evidence.network

    @property
    def device(self) -> torch.device:
        """Where the facts are computed."""
        return self.evidence.device

    @property
    def forward_passes(self) -> int:
        """Examples sent through networks so far. A Monte-Carlo sample counts as one, though samples share a trunk."""
        return self.evidence.forward_passes

    # --- what the network says ----------------------------------------------------------------------------------------

    @cached_property
    def logits(self) -> Float[Tensor, "pool classes"]:
        """What the network says of the pool, before the softmax."""
        return self.evidence.logits(self.positions)

    @cached_property
    def embeddings(self) -> Float[Tensor, "pool width"]:
        """The pool as the network's head sees it."""
        return self.evidence.embeddings(self.positions)

    @cached_property
    def log_probabilities(self) -> Float64[Tensor, "pool classes"]:
        """Natural logarithms of the softmax of the logits."""
        return self.logits.double().log_softmax(-1)

    @cached_property
    def probabilities(self) -> Float64[Tensor, "pool classes"]:
        """Softmax of the logits."""
        return self.log_probabilities.exp()

    @cached_property
    def predicted(self) -> Int64[Tensor, " pool"]:
        """The class of the highest logit; of equal ones the lowest class."""
        return self.logits.argmax(-1)

    @property
    def labelled_logits(self) -> Float[Tensor, "labelled classes"]:
        """What the network says of the labelled rows."""
        return self.evidence.labelled_logits()

    @property
    def labelled_embeddings(self) -> Float[Tensor, "labelled width"]:
        """The labelled rows as the network's head sees them; no rows if nothing is labelled yet."""
        return self.evidence.labelled_embeddings()

    @property
    def labelled_probabilities(self) -> Float64[Tensor, "labelled classes"]:
        """Softmax of the logits of the labelled rows."""
        return self.labelled_logits.double().softmax(-1)

    @property
    def labelled_labels(self) -> Int64[Tensor, " labelled"]:
        """The labels bought so far, in the order of :attr:`labelled_embeddings`."""
        if self.labels is None:
            raise ValueError("labels: the strategy asks for them; give labels=, those of the labelled rows.")
        return self.labels

    @property
    def head(self) -> nn.Linear:
        """The linear layer that turns embeddings into logits. It is the network's own: do not change it."""
        return self.evidence.head

    @cached_property
    def layers(self) -> list[Float[Tensor, "pool _"]]:
        """Some hidden layers of the network, each averaged over space, from shallow to deep."""
        return self.evidence.layers(self.positions)

    @cached_property
    def labelled_layers(self) -> list[Float[Tensor, "labelled _"]]:
        """The same of the labelled rows."""
        return self.evidence.labelled_layers()

    # --- what other networks say --------------------------------------------------------------------------------------

    def mc_probabilities(self, samples: int) -> Float64[Tensor, "samples pool classes"]:
        """Return the pool's softmax outputs under networks sampled by Monte-Carlo dropout, one mask for all rows.

        Raises:
            ValueError: if the network has no active dropout.
        """
        if ("dropout", samples) not in self._sampled:
            self._sampled["dropout", samples] = self.evidence.sampled(samples, self.positions)
        return self._sampled["dropout", samples]

    def committee(self, members: int) -> Float64[Tensor, "members pool classes"]:
        """Return the pool's softmax outputs under networks trained as the cycle's own was, with other random numbers.

        Each is trained the first time that any query of any run asks for it.
        """
        if ("committee", members) not in self._sampled:
            self._sampled["committee", members] = self.evidence.committee(members, self.positions)
        return self._sampled["committee", members]

    @cached_property
    def previous_logits(self) -> Float[Tensor, "pool classes"] | None:
        """What the network of the cycle before says of the pool; None in the first cycle."""
        return self.evidence.previous(self.positions)

    def own(self, name: str, build: Callable[[], Net], learn: Callable[[Net], None]) -> Net:
        """Return a network that ``build`` makes and ``learn`` trains in place, which is kept for later calls.

        Both may draw from torch's global stream, which is seeded for the query and the name. Gradients are on.
        """
        with torch.enable_grad():
            network = self.evidence.own(name, self.positions, build, learn)
        return network.to(self.device)

    # --- the examples themselves --------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example: ``(channels, height, width)`` or ``(width,)``."""
        return self.evidence.shape

    def inputs_of(self, positions: Positions) -> Float[Tensor, "some ..."]:
        """Return examples of the pool as the network sees them, for strategies that need more than its outputs."""
        whole = positions if self.positions is None else self.positions[positions.to(self.positions.device)]
        return self.evidence.inputs(whole)

    def labelled_inputs_of(self, places: Int64[Tensor, " some"]) -> Float[Tensor, "some ..."]:
        """Return labelled examples as the network sees them, by their places among the labelled."""
        return self.evidence.labelled_inputs(places)

    # --- help with choosing -------------------------------------------------------------------------------------------

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

    def part(self, positions: Positions, budget: int, purpose: str = "") -> "QueryContext":
        """Return the query of a part of the pool, for a strategy that holds another.

        What this query knows already of the whole pool is not computed again. With a purpose, it has random draws of
        its own.
        """
        positions = positions.to(self.device)
        inside = positions if self.positions is None else self.positions[positions]
        where = (*self.where, purpose) if purpose else self.where
        return replace(self, positions=inside, budget=budget, where=where)


class Strategy(Plugin):
    """A rule that chooses which rows to label. A subclass lies in a file of ``torchal/strategies``, or in one's own."""

    room: ClassVar[str] = "torchal.strategies"

    order_free: ClassVar[bool] = True
    """Whether the same rows are chosen however the pool is ordered, ties aside. The contract suite holds it to that."""

    samples_dropout: ClassVar[bool] = False
    """Whether it samples networks by dropout, so that a network without any is refused before anything runs."""

    @property
    def trainings(self) -> int:
        """How many networks a query has trained by the run's recipe at most: the members of its committee.

        They can be trained side by side, before the query; one that is not told is trained when it is asked for.
        """
        return 0

    def enlisted(self, known: int, classes: int) -> int:  # noqa: ARG002 - for those that ask for them now and then
        """Return how many of them a query asks for that has so many labels."""
        return self.trainings

    def most(self, classes: int) -> int | None:  # noqa: ARG002 - for those with a limit
        """Return the largest budget it can serve with so many classes, or None if it can serve any."""
        return None

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
        return "returned nothing" if chosen is None else f"returned a {type(chosen).__name__}"
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
