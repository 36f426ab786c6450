"""Rows chosen by one network and learnt by another: what a strategy gains over random on every pair of networks.

A gain is the area under the budget curve less that of random, of the same two networks on the same partition and seed,
with the interval of :func:`torchal.report.compare.intervals`. On the diagonal a network learns from its own choice.
"""

from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from torchal.report.compare import gains, intervals
from torchal.report.figures import Figure, finished
from torchal.report.frame import GROUP
from torchal.report.remembered import remembered
from torchal.report.tables import Grid
from torchal.report.verdict import points

COLUMNS = ["dataset", "condition", "strategy", "source", "model", "mean", "low", "high", "n", "over"]
"""Columns of the table: gains are shares from 0 to 1; ``source`` chose, ``model`` was trained."""

_BETTER, _NONE, _WORSE = "#6FB1DE", "#E6E8EA", "#F0A06B"
"""Blue and orange, which nobody confuses, with grey between; light enough for black figures on them."""
_ROW, _LETTER = 72, 6.5
"""Pixels of a row of cells, high enough for three lines, and of a letter of an interval."""


@dataclass(frozen=True)
class Transfer:
    """What one data set and condition show."""

    place: str
    sentence: str
    networks: list[str]
    """Named by their position, from 1, in the heat maps: names may be long and begin alike."""
    figures: list[Figure]
    """A heat map for each strategy."""
    table: Grid


@remembered
def matrix(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each strategy but random and each pair of networks, where rows go from one to another.

    Raises:
        ValueError: if a strategy lacks runs or cycles that another has under the same conditions.
    """
    moved = table.groupby(["dataset", "condition"])["source"].transform(lambda source: (source != "").any())
    found = intervals(gains(table[moved.astype(bool)]), [*GROUP, "strategy"])
    return found.assign(source=found["source"].where(found["source"] != "", found["model"]))[COLUMNS]


def told(table: pd.DataFrame) -> list[Transfer]:
    """Return what transfer shows, for each data set and condition in which rows go from one network to another."""
    found = matrix(table)
    largest = float(found["mean"].abs().max()) if len(found) else 0.0
    return [
        _told(f"transfer-{number}", ", ".join(filter(None, map(str, name))), rows, largest)
        for number, (name, rows) in enumerate(found.groupby(["dataset", "condition"], sort=False))
    ]


def _told(id_: str, place: str, rows: pd.DataFrame, largest: float) -> Transfer:
    networks = list(dict.fromkeys([*rows["model"], *rows["source"]]))
    maps = [
        Figure(f"{id_}-{number}", str(strategy), _map(each, networks, largest))
        for number, (strategy, each) in enumerate(rows.groupby("strategy", sort=False))
    ]
    return Transfer(place, _sentence(rows), networks, maps, _grid(rows))


def _sentence(rows: pd.DataFrame) -> str:
    """Return how often a clear result on a network's own rows is one on another network too."""
    own = rows[(rows["source"] == rows["model"]) & rows["low"].notna()]
    clear = own[(own["low"] > 0) | (own["high"] < 0)]
    if own.empty:
        return "No gain on the network that chose has an interval, so what carries over cannot be told."
    if clear.empty:
        return "No strategy differs clearly from random on the network that chose, so nothing clear can carry over."
    sign = clear.assign(sign=np.sign(clear["mean"]))[["strategy", "source", "sign"]]
    others = rows[rows["source"] != rows["model"]].merge(sign, on=["strategy", "source"])
    return (
        f"{len(clear)} difference{'s' * (len(clear) != 1)} from random {'is' if len(clear) == 1 else 'are'} clear on "
        f"the network that chose. {_carried(others)}"
    )


def _carried(others: pd.DataFrame) -> str:
    """Return how often the ``sign`` of a clear result is that of another network's."""
    if others.empty:
        return "No other network learns the same rows."
    bound = others["low"].where(others["sign"] > 0, -others["high"])
    kept, same = int((bound > 0).sum()), int((np.sign(others["mean"]) == others["sign"]).sum())
    return (
        f"Where another network learns the same rows ({len(others)} case{'s' * (len(others) != 1)}), "
        f"{same} keep{'s' * (same == 1)} the sign, and {kept} {'is' if kept == 1 else 'are'} clear again."
    )


def _grid(rows: pd.DataFrame) -> Grid:
    headings = ["strategy", "chosen by", "trained", "gain (points)", "95 % interval", "n"]
    cells = [
        [row["strategy"], row["source"], row["model"], points(row["mean"]), _interval(row), f"{row['n']} {row['over']}"]
        for row in rows.to_dict(orient="records")
    ]
    return Grid(headings, cells, names=3)


def _interval(row: dict[Any, Any]) -> str:
    return f"{points(row['low'])} to {points(row['high'])}" if np.isfinite(row["low"]) else ""


def _map(rows: pd.DataFrame, networks: list[str], largest: float) -> dict[str, Any]:
    """Return a heat map, of the same colours for the same gains in all of them."""
    reach = max(100 * largest, 1.0)
    cells = [
        {"source": row["source"], "model": row["model"], "gain": round(100 * row["mean"], 4), "n": int(row["n"])}
        | {"shown": points(row["mean"]), "interval": _interval(row), "over": row["over"]}
        | {"row": 1 + networks.index(row["source"]), "column": 1 + networks.index(row["model"])}
        for row in rows.to_dict(orient="records")
    ]
    base = alt.Chart(alt.InlineData(values=cells)).encode(
        x=alt.X("column:O", title="trained", axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("row:O", title="chosen by"),
        tooltip=[
            alt.Tooltip("source:N", title="chosen by"),
            alt.Tooltip("model:N", title="trained"),
            alt.Tooltip("shown:N", title="gain (points)"),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("n:Q", title="n"),
            alt.Tooltip("over:N", title="n counts"),
        ],
    )
    scale = alt.Scale(domain=[-reach, 0, reach], range=[_WORSE, _NONE, _BETTER], interpolate="lab")
    text = base.encode(color=alt.ColorValue("black"), opacity=alt.OpacityValue(1))
    layers = [
        base.mark_rect().encode(color=alt.Color("gain:Q", scale=scale, legend=None)),
        text.mark_text(dy=-7, fontSize=14, fontWeight="bold").encode(text=alt.Text("shown:N")),
        text.mark_text(dy=10, fontSize=11, lineBreak="\n", text=_wrapped(cells)),
    ]
    return finished(layers, _ROW * rows["source"].nunique(), "Gain over random in points, for each pair of networks.")


def _wrapped(cells: list[dict[str, Any]]) -> alt.ExprRef:
    """Return an interval as the text of its cell, in two lines where the cell is too narrow for one."""
    widest = _LETTER * max(len(cell["interval"]) for cell in cells) * len({cell["column"] for cell in cells})
    return alt.ExprRef(f"width < {widest:.0f} ? replace(datum.interval, ' to ', ' to\\n') : datum.interval")
