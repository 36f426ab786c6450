"""What a strategy asks for, found out by watching it."""

from typing import Any

from torch import Tensor

from torchal.query import QueryContext, Strategy, choose
from torchal.query.network import NetworkEvidence
from torchal.testing.fakes import FakePool

NEEDS = {
    "logits": "probabilities",
    "embeddings": "embeddings",
    "labelled_logits": "probabilities of labelled rows",
    "labelled_embeddings": "embeddings of labelled rows",
    "labels": "labels",
    "sampled": "dropout samples",
    "committee": "a committee",
    "previous": "the network of the cycle before",
    "layers": "hidden layers",
    "head": "the last layer",
    "inputs": "inputs",
    "own": "a network of its own",
}
"""What may be asked for, in words."""


def needs(strategy: Strategy) -> tuple[str, ...]:
    """Return what a strategy asks of a small query, in the words of :data:`NEEDS` and in their order."""
    asked: set[str] = set()
    plain = FakePool().context()
    evidence = plain.evidence
    assert isinstance(evidence, NetworkEvidence)
    watched = _Watched(evidence.model, evidence.examples, evidence.rows, plain.where, evidence.chunk, evidence.trainer)
    watched.asked = asked
    context = _WatchedContext(watched, plain.labels, plain.classes, plain.budget, plain.where)
    choose(strategy, context)
    return tuple(words for name, words in NEEDS.items() if name in asked)


class _Watched(NetworkEvidence):
    """Evidence that notes by name what it is asked for."""

    asked: set[str]

    def __getattribute__(self, name: str) -> Any:
        if name in NEEDS:
            self.asked.add(name)
        return super().__getattribute__(name)


class _WatchedContext(QueryContext):
    @property
    def labelled_labels(self) -> Tensor:
        assert isinstance(self.evidence, _Watched)
        self.evidence.asked.add("labels")
        return super().labelled_labels
