"""A forest plot: each strategy's difference from random, with its interval and every single replication's.

Differences are areas under the budget curve of paired runs, intervals those of
:func:`torchal.report.compare.intervals`.
"""

from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from torchal.report.certainty import MARGIN
from torchal.report.compare import gains, intervals
from torchal.report.figures import GREY, Figure, Look, finished
from torchal.report.frame import GROUP, place
from torchal.report.remembered import remembered
from torchal.report.replications import replications
from torchal.report.verdict import points

_BY = [*GROUP, "strategy"]
_ROW = 42
"""Pixels of a strategy."""
_MEAN = {"strategy": "strategy", "shown": "mean (points)", "interval": "95 % interval", "n": "n"}
_SINGLE = {"strategy": "strategy", "unit": "on", "single": "points"}


@dataclass(frozen=True)
class Forest:
    """What one data set, network and condition show."""

    place: str
    sentence: str
    figure: Figure


@remembered
def forest(table: pd.DataFrame) -> pd.DataFrame:
    """Return each replication's difference from random beside the strategy's mean, highest mean first.

    Columns: ``unit``, the replication, and ``value``, its difference; ``mean``, ``low``, ``high``, ``n`` and ``over``
    of the strategy. Differences are shares from 0 to 1.

    Raises:
        ValueError: if a strategy lacks runs or cycles that another has.
    """
    found = gains(table)
    means = intervals(found, _BY).assign(group=lambda rows: rows.groupby(GROUP, sort=False).ngroup())
    ordered = means.sort_values(["group", "mean"], ascending=[True, False], kind="stable").drop(columns="group")
    return ordered.merge(replications(found, _BY), on=[*_BY, "over"])


def told(table: pd.DataFrame, style: Look) -> list[Forest]:
    """Return for each data set, network and condition a sentence and a chart."""
    return [
        Forest(place(name), _sentence(rows), Figure(f"forest-{number}", place(name), _chart(rows, style)))
        for number, (name, rows) in enumerate(forest(table).groupby(GROUP, sort=False))
    ]


def _sentence(rows: pd.DataFrame) -> str:
    """Return who is furthest ahead and furthest behind, and in how many replications."""
    ends = dict.fromkeys((rows["strategy"].iloc[0], rows["strategy"].iloc[-1]))
    first, *others = (_end(rows[rows["strategy"] == name]) for name in ends)
    return f"Highest is {first}." + "".join(f" Lowest is {other}." for other in others)


def _end(some: pd.DataFrame) -> str:
    row, ahead = some.iloc[0], int((some["value"] > 0).sum())
    unit = row["over"][:-1] if row["n"] == 1 else row["over"]
    return f"{row['strategy']}, {points(row['mean'])} points from random, ahead of it on {ahead} of {row['n']} {unit}"


def _chart(rows: pd.DataFrame, style: Look) -> dict[str, Any]:
    names = list(dict.fromkeys(rows["strategy"]))
    some = style.only(names)
    colours = alt.Scale(domain=list(some.strategies), range=list(some.colours))
    encoded: dict[str, Any] = {
        "y": alt.Y("strategy:N", title=None, sort=names, axis=alt.Axis(labelLimit=150)),
        "color": alt.Color("strategy:N", scale=colours, legend=None),
    }
    single = alt.Chart(_inline(rows)).encode(**encoded, x=_across("value"), tooltip=_tooltip(_SINGLE))
    means = alt.Chart(_inline(rows.drop_duplicates("strategy"))).encode(**encoded, tooltip=_tooltip(_MEAN))
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}]))
    layers = [
        _band(),
        zero.mark_rule(strokeDash=[4, 3], color=GREY).encode(x=_across("zero")),
        means.mark_rule(strokeWidth=3).encode(x=_across("low"), x2=alt.X2("high:Q")),
        single.mark_point(size=36, strokeWidth=1.5, yOffset=10).encode(opacity=alt.OpacityValue(0.6)),
        means.mark_point(size=110, filled=True, shape="diamond").encode(x=_across("mean"), opacity=alt.OpacityValue(1)),
    ]
    return finished(layers, _ROW * len(names), "Difference from random of each strategy, with its interval.")


def _across(name: str) -> alt.X:
    return alt.X(f"{name}:Q", title="points from random", axis=alt.Axis(labelFlush=False))


def _band() -> alt.Chart:
    """Return the differences that are too small to matter."""
    margin = alt.Chart(alt.InlineData(values=[{"start": -100 * MARGIN, "end": 100 * MARGIN}]))
    drawn: alt.Chart = margin.mark_rect(color=GREY, opacity=0.18).encode(x=_across("start"), x2=alt.X2("end:Q"))
    return drawn


def _inline(rows: pd.DataFrame) -> alt.InlineData:
    return alt.InlineData(values=[_cell(row) for row in rows.to_dict(orient="records")])


def _cell(row: dict[Any, Any]) -> dict[str, Any]:
    numbers = {name: _percent(row[name]) for name in ("value", "mean", "low", "high")}
    interval = f"{points(row['low'])} to {points(row['high'])}" if row["n"] > 1 else "one run: none"
    shown = {"single": points(row["value"]), "shown": points(row["mean"]), "interval": interval}
    return numbers | shown | {"strategy": row["strategy"], "unit": row["unit"], "n": f"{row['n']} {row['over']}"}


def _percent(share: float) -> float | None:
    return None if pd.isna(share) else round(100 * share, 4)


def _tooltip(titles: dict[str, str]) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{name}:N", title=title) for name, title in titles.items()]
