"""Whether ranks differ over data sets, networks and conditions: Friedman's test and its critical-difference diagram."""

from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from torchal.report.figures import GREY, Figure, Look, finished
from torchal.report.ranking import over_groups
from torchal.report.words import p_value
from torchal.statistics.several import Ranks, ranks

COLUMNS = ["strategy", "rank", "groups", "p", "critical"]
_ROW, _BAR = 30, 12
"""Pixels of a strategy, and of a bar that joins some."""
ALPHA = 0.05


@dataclass(frozen=True)
class Friedman:
    """What the test says, or why there is none."""

    sentence: str
    table: pd.DataFrame
    """Mean rank of each strategy, the best first; empty where there is no test."""
    figure: Figure | None


def told(table: pd.DataFrame, style: Look) -> Friedman:
    """Return the test over all groups, by accuracy averaged over the budget."""
    wide = over_groups(table)
    groups, count = wide.shape
    if groups < 2:
        return _none("There is one data set, network and condition only, so no test of ranks (Friedman's) can be made.")
    if count < 3:
        return _none("Fewer than three strategies were run everywhere, so no test of ranks (Friedman's) can be made.")
    found = ranks(wide.to_numpy())
    rows = _table(wide, found)
    return Friedman(_sentence(rows, found), rows, Figure("friedman", "Mean ranks", _chart(rows, style)))


def _none(why: str) -> Friedman:
    return Friedman(why, pd.DataFrame(columns=COLUMNS), None)


def _table(wide: pd.DataFrame, found: Ranks) -> pd.DataFrame:
    rows = pd.DataFrame({"strategy": wide.columns, "rank": found.mean, "groups": len(wide), "p": found.p})
    return rows.assign(critical=found.critical).sort_values("rank", kind="stable").reset_index(drop=True)


def _sentence(rows: pd.DataFrame, found: Ranks) -> str:
    groups, count = int(rows["groups"].iloc[0]), len(rows)
    head = f"Over {groups} data sets, networks or conditions {rows['strategy'].iloc[0]} ranks best"
    verb = "differ" if found.p < ALPHA else "do not differ"
    differ = f"ranks {verb} by more than chance (Friedman's test, {p_value(found.p)})"
    apart = f"Two strategies are told apart if their mean ranks lie {found.critical:.1f} or more apart"
    if found.critical > count - 1:
        return f"{head}; {differ}. {apart}, which no two of {count} can: that takes more data sets."
    return f"{head}; {differ}. {apart}."


def cliques(rows: pd.DataFrame) -> list[tuple[float, float]]:
    """Return the first and last rank of each largest set of strategies that are not told apart, from the best on."""
    order, critical = rows["rank"].tolist(), rows["critical"].iloc[0]
    reach = [(first, max(rank for rank in order if rank - first < critical)) for first in order]
    widest = {last: first for first, last in reversed(reach)}
    return [(first, last) for last, first in sorted(widest.items()) if last > first]


def _chart(rows: pd.DataFrame, style: Look) -> dict[str, Any]:
    """Return strategies in lines below each other, each led up to its rank on the axis, past the bars."""
    joined = cliques(rows)
    top, lines = _BAR * (len(joined) + 1) + _ROW // 2, _ROW * (len(rows) - 1)
    x = alt.X("rank:Q", title="mean rank (1 is best)", scale=_across(len(rows)), axis=_axis(len(rows)))
    base = alt.Chart(_inline(rows)).encode(
        x=x,
        y=alt.Y(
            "strategy:N",
            title=None,
            sort=rows["strategy"].tolist(),
            scale=alt.Scale(type="point", padding=0, range=[top, top + lines]),
            axis=alt.Axis(labelLimit=150, grid=False),
        ),
        tooltip=[alt.Tooltip("strategy:N"), alt.Tooltip("rank:Q", title="mean rank", format=".2f")],
    )
    some = style.only(rows["strategy"])
    colours = alt.Scale(domain=list(some.strategies), range=list(some.colours))
    layers = [
        base.mark_rule(color=GREY).encode(y2=alt.value(0)),
        base.mark_rule(color=GREY).encode(x2=alt.value(0)),
        *(_bar(ends, _BAR * number, x) for number, ends in enumerate(joined, 1)),
        base.mark_point(size=110, filled=True, opacity=1).encode(
            color=alt.Color("strategy:N", scale=colours, legend=None)
        ),
    ]
    return finished(layers, top + lines + _ROW // 2, "Mean ranks; a bar joins strategies that are not told apart.")


def _across(count: int) -> alt.Scale:
    return alt.Scale(domain=[1, count], padding=8, nice=False)


def _axis(count: int) -> alt.Axis:
    return alt.Axis(orient="top", values=list(range(1, count + 1)), format="d")


def _inline(rows: pd.DataFrame) -> alt.InlineData:
    named = zip(rows["strategy"], rows["rank"].round(4).tolist(), strict=True)
    return alt.InlineData(values=[{"strategy": strategy, "rank": rank} for strategy, rank in named])


def _bar(ends: tuple[float, float], height: int, x: alt.X) -> alt.Chart:
    data = alt.InlineData(values=[{"rank": round(ends[0], 4), "last": round(ends[1], 4)}])
    drawn: alt.Chart = (
        alt.Chart(data).mark_rule(strokeWidth=5, color=GREY).encode(x=x, x2=alt.X2("last:Q"), y=alt.value(height))
    )
    return drawn
