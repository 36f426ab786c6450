"""Runs as tables: one of the runs, and long ones of what is known at each number of labels.

Seconds and joules are in a table of their own, a sidecar, so that the others are the same bytes on every machine.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from torchal.digest import canonical
from torchal.tracking._runs import Numbers, Run

LONG = ["run", "cycle", "labelled", "metric", "value"]
RECIPES = ["run", "cycle", "labelled", "field", "value"]
EPOCHS = ["run", "cycle", "labelled", "epoch"]
_TYPES = {bool: "boolean", int: "Int64", float: "Float64"}


def tables(runs: Iterable[Run]) -> dict[str, pd.DataFrame]:
    """Return each table by the name of its file."""
    about: list[dict[str, Any]] = []
    cycles: list[tuple[Any, ...]] = []
    timing: list[tuple[Any, ...]] = []
    recipes: list[tuple[Any, ...]] = []
    epochs: list[dict[str, Any]] = []
    for run in runs:
        about.append({"run": run.id} | run.about | run.parameters)
        for each in run.cycles:
            at = (run.id, each.cycle, each.labelled)
            cycles += _long(at, each.numbers)
            timing += _long(at, each.timing)
            recipes += ((*at, field, _text(value)) for field, value in each.recipe.items())
            epochs += (dict(zip(EPOCHS, (*at, epoch), strict=True)) | numbers for epoch, numbers in each.epochs())
    fields = dict.fromkeys(name for row in about for name in row)
    return {
        "runs": pd.DataFrame({name: _column([row.get(name) for row in about]) for name in fields}),
        "cycles": pd.DataFrame(cycles, columns=LONG),
        "recipes": pd.DataFrame(recipes, columns=RECIPES),
        "epochs": pd.DataFrame(epochs, columns=None if epochs else EPOCHS),
        "cycles-timing": pd.DataFrame(timing, columns=LONG),
    }


def _long(at: tuple[Any, ...], numbers: Numbers) -> Iterator[tuple[Any, ...]]:
    return ((*at, metric, value) for metric, value in numbers.items())


def _column(values: list[Any]) -> pd.Series:
    """Return values as a column whose type is theirs, or text where several types meet."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        kinds = {float}
    if len(kinds) == 1 and (kind := kinds.pop()) in _TYPES:
        return pd.Series(values, dtype=_TYPES[kind])
    return pd.Series([None if value is None else _text(value) for value in values], dtype="string")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else canonical(value)
