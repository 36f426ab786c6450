"""One query of a run: what it depends on, what is trained for it besides the cycle's network, and what it buys."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from torchal.data.oracle import Oracle
from torchal.data.partition import Partition
from torchal.digest import digest_of_bytes
from torchal.inference import chunk_for
from torchal.models import Classifier
from torchal.problem import Purchase
from torchal.query import QueryContext, Strategy, choose
from torchal.query.evidence import Net
from torchal.query.network import NetworkEvidence
from torchal.records import Effort, QueryRecord
from torchal.rng import Address, seeded
from torchal.store import Entry, Stage, Store
from torchal.training.effort import passed
from torchal.training.memo import WEIGHTS, restored, trained, weights_digest
from torchal.training.recipe import Recipe
from torchal.training.task import Task
from torchal.training.weights import load_weights, save_weights
from torchal.viewing import VIEW, seen, view

OWN, QUERY = Stage("own"), Stage("query", 5)


@dataclass(frozen=True)
class Query:
    """Carries out a strategy's wishes as a :class:`torchal.query.network.Trainer`; the store keeps the networks."""

    strategy: Strategy
    task: Task
    recipe: Recipe
    """Of the cycle, by which a committee is trained too."""
    rows: Partition
    fitted: Entry
    """The cycle's network."""
    before: Entry | None
    """The network of the cycle before."""
    cycle: Address
    """Address of the cycle's random draws."""
    store: Store

    @property
    def where(self) -> Address:
        """The address of the query's own random draws."""
        return (*self.cycle, "query")

    @property
    def identity(self) -> dict[str, Any]:
        """What the answer depends on besides the budget, as JSON values."""
        return {
            "strategy": self.strategy.identity(),
            "task": self.task.identity,
            "recipe": self.recipe.identity(),
            "weights": weights_digest(self.fitted),
            "before": weights_digest(self.before) if self.before else None,
            "rows": self.rows.digest,
            "where": list(self.cycle),
        }

    def network(self) -> Classifier:
        """Return the cycle's network."""
        return restored(self.task, self.fitted)

    def member(self, number: int) -> Classifier:
        """Return the cycle's network trained anew. No strategy is in the address, so that committees share members."""
        return restored(self.task, self._member(number))

    def enlist(self, number: int) -> None:
        """Train a member before the strategy asks for it, if it is going to."""
        if number < self.strategy.enlisted(len(self.task.labelled), self.task.classes):
            self._member(number)

    def _member(self, number: int) -> Entry:
        return trained(self.task, self.recipe, (*self.cycle, "member", number), self.store)

    def previous(self) -> Classifier | None:
        """Return the network of the cycle before."""
        return restored(self.task, self.before) if self.before else None

    def own(self, name: str, part: Tensor | None, build: Callable[[], Net], learn: Callable[[Net], None]) -> Net:
        """Return a network that the strategy trains for itself."""
        inputs = {
            "query": self.identity,
            "name": name,
            "part": None if part is None else digest_of_bytes(part.cpu().numpy()),
        }

        def compute(draft: Path) -> None:
            with seeded(*self.where, name):
                network = build()
                learn(network)
            save_weights(draft / WEIGHTS, network.state_dict())

        entry = self.store.memo(OWN, inputs, compute)
        with seeded(*self.where, name):
            network = build()
        load_weights(network, entry.path / WEIGHTS)
        return network


def queried(query: Query, purchase: Purchase, oracle: Oracle) -> Entry:
    """Return the rows that the strategy chooses from the pool, whose labels it is never shown, as far as money goes."""
    task, rows = query.task, query.rows

    def compute(draft: Path) -> None:
        inputs, labels = task.labelled.inputs, task.labelled.labels
        chunk = chunk_for(inputs.shape, labels.device)
        evidence = NetworkEvidence(query.network(), inputs, rows, query.where, chunk, query)
        context = QueryContext(evidence, labels, task.classes, purchase.rows, query.where)
        positions = choose(query.strategy, context)
        chosen = rows.pool[positions.to(rows.pool.device)]
        record = answered(query.strategy, chosen, purchase, oracle, passed(task, context.forward_passes))
        (draft / "query.json").write_text(record.text())
        bought = chosen[: len(record.rows)]
        labels = oracle.labels(bought.to(oracle.answers.device))
        shown = view(draft, inputs, len(rows.pool), bought, labels, task.classes)
        told = seen(evidence, positions[: len(bought)], labels, query.where)
        (draft / VIEW).write_text(shown.model_copy(update=told).text())

    return query.store.memo(QUERY, query.identity | price(purchase, oracle, rows), compute)


def answered(strategy: Strategy, chosen: Tensor, purchase: Purchase, oracle: Oracle, effort: Effort) -> QueryRecord:
    """Return the record of a query: the first rows of those chosen that the money pays, and what they cost."""
    asked = chosen if purchase.money is None else oracle.affordable(chosen, purchase.money)
    return QueryRecord(
        strategy=strategy.label,
        rows=tuple(asked.tolist()),
        forward_passes=effort.evaluated,
        cost=oracle.cost(asked).sum().item(),
        strangers=len(asked) - len(oracle.told(asked)),
        effort=effort,
    )


def price(purchase: Purchase, oracle: Oracle, rows: Partition) -> dict[str, Any]:
    """Return what a query's answer depends on beside the choice, as JSON values."""
    asked = Oracle(oracle.labels(rows.pool.to(oracle.answers.device)), oracle.prices)
    return {"budget": purchase.rows, "money": purchase.money, "oracle": asked.digest}
