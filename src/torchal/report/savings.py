"""Labels that a strategy saves: how many more random needs for the same accuracy.

Curves are averaged over the seeds of a partition. For the accuracy that a strategy has at a budget, the labels are read
off random's curve on that partition; where random never gets there, it needs more than it ever had.
"""

from typing import Any

import pandas as pd

from torchal.report.compare import BASELINE
from torchal.report.frame import GROUP, place, scores
from torchal.report.remembered import remembered
from torchal.report.tables import Grid
from torchal.statistics.curves import labels_needed
from torchal.statistics.intervals import student

_UNIT = [*GROUP, "partition"]


@remembered
def savings(table: pd.DataFrame, baseline: str = BASELINE) -> pd.DataFrame:
    """Return for each strategy and budget after the first the mean saving with its interval.

    Columns: ``saved``, ``low`` and ``high`` in labels, over partitions; ``n``; and ``beyond``, the share of partitions
    in which random never reached the accuracy, which makes the saving a lower bound.
    """
    means = scores(table).groupby([*_UNIT, "strategy", "labelled"], sort=False)["value"].mean().reset_index()
    rows = [row for name, some in means.groupby(_UNIT, sort=False) for row in _of_partition(name, some, baseline)]
    single = pd.DataFrame(rows, columns=[*_UNIT, "strategy", "labelled", "saved", "beyond"])
    return pd.DataFrame(
        [
            dict(zip([*GROUP, "strategy", "labelled"], name, strict=True)) | _summary(some)
            for name, some in single.groupby([*GROUP, "strategy", "labelled"], sort=False)
        ],
        columns=[*GROUP, "strategy", "labelled", "saved", "low", "high", "n", "beyond"],
    )


def told(table: pd.DataFrame) -> list[tuple[str, Grid]]:
    """Return for each data set, network and condition its name and a table of savings."""
    found = savings(table)
    return [(place(name), _grid(rows)) for name, rows in found.groupby(GROUP, sort=False)]


def _of_partition(name: tuple[Any, ...], some: pd.DataFrame, baseline: str) -> list[dict[str, Any]]:
    curve = some[some["strategy"] == baseline].sort_values("labelled")
    others = some[(some["strategy"] != baseline) & (some["labelled"] > some["labelled"].min())]
    if curve.empty:
        return []
    found = []
    for row in others.to_dict(orient="records"):
        need = labels_needed(curve["labelled"], curve["value"], row["value"])
        found.append(
            dict(zip(_UNIT, name, strict=True))
            | {"strategy": row["strategy"], "labelled": row["labelled"], "saved": need.needed - row["labelled"]}
            | {"beyond": need.at_least}
        )
    return found


def _summary(some: pd.DataFrame) -> dict[str, Any]:
    mean, low, high = student(some["saved"])
    return {"saved": mean, "low": low, "high": high, "n": len(some), "beyond": some["beyond"].mean()}


def _grid(rows: pd.DataFrame) -> Grid:
    budgets = sorted(set(rows["labelled"]))
    cells = {(row["strategy"], row["labelled"]): _cell(row) for row in rows.to_dict(orient="records")}
    names = dict.fromkeys(rows["strategy"])
    headings = ["strategy", *(f"at {budget:g} labels" for budget in budgets)]
    return Grid(headings, [[name, *(cells.get((name, budget), "") for budget in budgets)] for name in names])


def _cell(row: dict[Any, Any]) -> str:
    bound = "≥ " if row["beyond"] else ""
    interval = "" if pd.isna(row["low"]) or row["beyond"] else f", {_signed(row['low'])} to {_signed(row['high'])}"
    return f"{bound}{_signed(row['saved'])}{interval}, n = {row['n']}"


def _signed(labels: float) -> str:
    return f"{round(labels):+d}" if round(labels) else "0"
