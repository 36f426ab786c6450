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
from torchal.report.tables import Grid
from torchal.report.verdict import points

COLUMNS = ["dataset", "condition", "strategy", "source", "model", "mean", "low", "high", "n", "over"]
"""Columns of the table: gains are shares from 0 to 1; ``source`` chose, ``model`` was trained."""

_BETTER, _NONE, _WORSE = "#6FB1DE", "#E6E8EA", "#F0A06B"
"""Blue and orange, which nobody confuses, with grey between; light enough for black figures on them."""
_ROW, _FRAME = 64, 70
"""Pixels of a row of cells, and of what is above and below them."""


@dataclass(frozen=True)
class Transfer:
    """What one data set and condition show."""

    place: str
    sentence: str
    figures: list[Figure]
    """A heat map for each strategy."""
    table: Grid


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
        Transfer(
            ", ".join(filter(None, map(str, name))),
            _sentence(rows),
            [
                Figure(f"transfer-{number}-{place}", str(strategy), _map(each, largest))
                for place, (strategy, each) in enumerate(rows.groupby("strategy", sort=False))
            ],
            _grid(rows),
        )
        for number, (name, rows) in enumerate(found.groupby(["dataset", "condition"], sort=False))
    ]


def _sentence(rows: pd.DataFrame) -> str:
    """Return how often a clear result on a network's own rows is one on another network too."""
    own = rows[rows["source"] == rows["model"]]
    clear = own[(own["low"] > 0) | (own["high"] < 0)]
    if clear.empty:
        return "No strategy differs clearly from random on the network that chose, so there is nothing to carry over."
    sign = clear.assign(sign=np.sign(clear["mean"]))[["strategy", "source", "sign"]]
    others = rows[rows["source"] != rows["model"]].merge(sign, on=["strategy", "source"])
    bound = others["low"].where(others["sign"] > 0, -others["high"])
    kept, same = int((bound > 0).sum()), int((np.sign(others["mean"]) == others["sign"]).sum())
    return (
        f"{len(clear)} difference{'s' * (len(clear) != 1)} from random {'is' if len(clear) == 1 else 'are'} clear on "
        f"the network that chose. Where another network learns the same rows ({len(others)} "
        f"case{'s' * (len(others) != 1)}), {same} keep{'s' * (same == 1)} the sign, and {kept} "
        f"{'is' if kept == 1 else 'are'} clear again."
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


def _map(rows: pd.DataFrame, largest: float) -> dict[str, Any]:
    """Return a heat map, of the same colours for the same gains in all of them."""
    reach = max(100 * largest, 1.0)
    cells = [
        {"source": row["source"], "model": row["model"], "gain": round(100 * row["mean"], 4), "n": int(row["n"])}
        | {"shown": points(row["mean"]), "interval": _interval(row), "over": row["over"]}
        for row in rows.to_dict(orient="records")
    ]
    names = list(dict.fromkeys([*rows["model"], *rows["source"]]))
    base = alt.Chart(alt.InlineData(values=cells)).encode(
        x=alt.X("model:N", title="trained", sort=names, axis=alt.Axis(orient="top", labelAngle=0, labelLimit=92)),
        y=alt.Y("source:N", title="chosen by", sort=names, axis=alt.Axis(labelLimit=110)),
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
    text = base.encode(color=alt.value("black"), opacity=alt.value(1))
    layers = [
        base.mark_rect().encode(color=alt.Color("gain:Q", scale=scale, legend=None)),
        text.mark_text(dy=-7, fontSize=14, fontWeight="bold").encode(text="shown:N"),
        text.mark_text(dy=10, fontSize=11).encode(text="interval:N"),
    ]
    height = _FRAME + _ROW * rows["source"].nunique()
    return finished(layers, height, "Gain over random in points, for each pair of networks.")
