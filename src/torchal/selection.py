"""One query on plain arrays, for people with a loop of their own or with nothing but files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from torchal.query import AnyStrategy, QueryContext, Strategy, choose, given
from torchal.query.arrays import ArrayEvidence
from torchal.query.given import Array
from torchal.spec_file import SpecError, apply_override


def select(
    strategy: str | Mapping[str, Any] | Strategy,
    *,
    budget: int,
    labelled: Array = (),
    labels: Array | None = None,
    head: tuple[Array, Array] | None = None,
    seed: int = 0,
    **arrays: Array,
) -> NDArray[np.int64]:
    """Return which rows to label next, in the order in which the strategy chooses them.

    Args:
        strategy: a name such as ``"badge"``, a mapping with its options such as ``{"name": "bald", "samples": 10}``,
            or a strategy.
        budget: how many rows to choose.
        labelled: rows that are labelled already; all others are the pool.
        labels: their labels, in that order, for strategies that ask for them.
        head: weight (classes x width) and bias (classes) of the layer between embeddings and logits.
        seed: of whatever the strategy draws.
        **arrays: what is known, each with a row for every example, labelled or not: ``probabilities`` or ``logits``
            (n x classes), ``embeddings`` (n x width), ``mc_probabilities`` and ``committee_probabilities``
            (networks x n x classes), ``previous_probabilities`` (n x classes), ``inputs`` (n x ...).

    Raises:
        ValueError: naming the argument, what is wrong with it and the remedy.
    """
    facts = given.facts(arrays)
    n = given.examples(facts)
    rows = given.labelled(labelled, n)
    told = None if labels is None else given.labels(labels, rows)
    evidence = ArrayEvidence(given.others(rows, n), rows, ("select", seed), facts, given.linear(head))
    context = QueryContext(evidence, told, given.classes(facts, told), budget, evidence.where)
    chosen = choose(_strategy(strategy), context)
    return evidence.pool_rows[chosen.to(evidence.device)].cpu().numpy()


def _strategy(asked: str | Mapping[str, Any] | Strategy) -> Strategy:
    value = dict(asked) if isinstance(asked, Mapping) else asked
    try:
        strategy: Strategy = TypeAdapter(AnyStrategy).validate_python(value)
    except ValidationError as error:
        raise SpecError.of("strategy", error) from None
    return strategy


def select_files(
    strategy: str, options: tuple[str, ...], files: Mapping[str, Path], budget: int, seed: int = 0
) -> NDArray[np.int64]:
    """Return which rows to label next by arrays in ``.npy`` files, of which none is executed.

    Args:
        strategy: its name.
        options: of the strategy, as ``name=value``.
        files: where the arguments of :func:`select` lie, by their names.
        budget: how many rows to choose.
        seed: of whatever the strategy draws.

    Raises:
        ValueError: naming the file or the argument, what is wrong with it and the remedy.
    """
    described: dict[str, Any] = {"name": strategy}
    for option in options:
        apply_override(described, option)
    arrays: dict[str, Any] = {name: _read(path) for name, path in files.items()}
    return select(described, budget=budget, seed=seed, **arrays)


def _read(path: Path) -> NDArray[Any]:
    try:
        found: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path}: is not a readable .npy file ({error}); save it by numpy.save.") from error
    if not isinstance(found, np.ndarray):
        raise ValueError(f"{path}: holds several arrays; save each by numpy.save in a file of its own.")
    return found
