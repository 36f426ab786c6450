"""Whether conditions, such as how recipes are found, change who wins.

A strategy's gain is its area under the budget curve less that of random on the same partition and seed. The change is
the gain under one condition less that under the first, again on the same partition and seed, with the interval of
:func:`torchal.report.compare.intervals`.
"""

from typing import Any

import numpy as np
import pandas as pd

from torchal.report.compare import gains, intervals
from torchal.report.frame import GROUP, place
from torchal.report.remembered import remembered
from torchal.report.tables import Grid
from torchal.report.verdict import points

_PLACE = [name for name in GROUP if name != "condition"]
_RUN = [*_PLACE, "strategy", "partition", "seed"]


@remembered
def changes(table: pd.DataFrame) -> pd.DataFrame:
    """Return for each strategy and each condition but the first how its gain over random changes, with interval and n.

    Raises:
        ValueError: if a strategy lacks runs or cycles that another has under the same condition.
    """
    found = gains(table)
    first = found.groupby(_PLACE)["condition"].transform("first")
    base = found.loc[found["condition"] == first, [*_RUN, "value"]].rename(columns={"value": "base"})
    others = found[found["condition"] != first].merge(base, on=_RUN, how="inner", validate="many_to_one")
    return intervals(others.assign(value=others["value"] - others["base"]), [*GROUP, "strategy"])


@remembered
def compared(table: pd.DataFrame) -> list[tuple[str, str, Grid]]:
    """Return for each data set and model with several conditions its name, a sentence, and a table of gains."""
    found, change = intervals(gains(table), [*GROUP, "strategy"]), changes(table)
    return [
        (place((*name, "")), _sentence(rows, _of(change, name)), _grid(rows, _of(change, name)))
        for name, rows in found.groupby(_PLACE, sort=False)
        if len(set(rows["condition"])) > 1
    ]


def _of(table: pd.DataFrame, name: tuple[Any, ...]) -> pd.DataFrame:
    rows: pd.DataFrame = table[(table[_PLACE] == list(name)).all(axis=1)]
    return rows


def _sentence(found: pd.DataFrame, change: pd.DataFrame) -> str:
    best = found.loc[found.groupby("condition", sort=False)["mean"].idxmax()].to_dict(orient="records")
    named = ", ".join(f"{row['condition']}: {row['strategy']} ({points(row['mean'])})" for row in best)
    leader = "The same strategy leads" if len({row["strategy"] for row in best}) == 1 else "Who leads changes"
    clear = change[(change["low"] > 0) | (change["high"] < 0)].to_dict(orient="records")
    moved = "; ".join(f"{row['strategy']} under {row['condition']} ({_interval(row)})" for row in clear)
    told = f"A gain over random changes clearly for {moved}" if moved else "No gain over random changes clearly"
    return f"{leader} from condition to condition, by mean gain over random in points: {named}. {told}."


def _grid(found: pd.DataFrame, change: pd.DataFrame) -> Grid:
    conditions = list(dict.fromkeys(found["condition"]))
    gained, moved = (
        {(row["strategy"], row["condition"]): _cell(row) for row in rows.to_dict(orient="records")}
        for rows in (found, change)
    )
    rows = [
        [
            strategy,
            *(gained.get((strategy, condition), "") for condition in conditions),
            *(moved.get((strategy, condition), "") for condition in conditions[1:]),
        ]
        for strategy in dict.fromkeys(found["strategy"])
    ]
    return Grid(["strategy", *conditions, *(f"change to {condition}" for condition in conditions[1:])], rows)


def _cell(row: dict[Any, Any]) -> str:
    return f"{_interval(row)}, n = {row['n']}"


def _interval(row: dict[Any, Any]) -> str:
    bounds = f", {points(row['low'])} to {points(row['high'])}" if np.isfinite(row["low"]) else ""
    return f"{points(row['mean'])}{bounds}"
