"""Ranks of strategies: at each budget over replications, and over data sets, networks and conditions.

Rank 1 is the best; those that tie share the mean of their ranks.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import altair as alt
import pandas as pd

from torchal.report.compare import areas, intervals
from torchal.report.figures import SHAPES, Figure, Look, finished, strategy_colour
from torchal.report.frame import GROUP, place, scores
from torchal.report.remembered import remembered
from torchal.report.replications import replications

COLUMNS = [*GROUP, "cycle", "labelled", "strategy", "rank", "n", "over"]
_HEIGHT = 320
_TURNS = 5
"""Leaders in turn that a sentence names; more are counted."""


@dataclass(frozen=True)
class Ranking:
    """What one data set, network and condition show."""

    place: str
    sentence: str
    figure: Figure


@remembered
def by_budget(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean rank of each strategy at each budget, and over how many replications."""
    budget = [*GROUP, "cycle", "labelled"]
    values = replications(scores(table), [*budget, "strategy"])
    ranked = values.assign(rank=values.groupby([*budget, "unit"])["value"].rank(ascending=False))
    cells = ranked.groupby([*budget, "strategy", "over"], sort=False)["rank"].agg(rank="mean", n="count")
    return cells.reset_index()[COLUMNS]


def over_groups(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean accuracy over the budget, groups x strategies, of strategies that all groups have."""
    means = intervals(areas(scores(table)), [*GROUP, "strategy"])
    # A pivot would order strategies by name.
    wide = means.pivot_table(index=GROUP, columns="strategy", values="mean", sort=False)
    return wide[list(dict.fromkeys(means["strategy"]))].dropna(axis=1)


def told(table: pd.DataFrame, style: Look) -> list[Ranking]:
    """Return for each data set, network and condition with two strategies a sentence and a chart of ranks."""
    return [
        Ranking(place(name), _sentence(rows), Figure(f"ranking-{number}", place(name), _chart(rows, style)))
        for number, (name, rows) in enumerate(by_budget(table).groupby(GROUP, sort=False))
        if len(set(rows["strategy"])) > 1
    ]


def _sentence(rows: pd.DataFrame) -> str:
    last = rows[rows["cycle"] == rows["cycle"].max()]
    names, best, labelled = _leaders(last), last["rank"].min(), last["labelled"].iloc[0]
    have = "share" if (last["rank"] == best).sum() > 1 else "has"
    return f"With {labelled:g} labels {names} {have} the best rank, {best:.1f} of {len(last)}{_turns(rows)}."


def _leaders(some: pd.DataFrame) -> str:
    """Return who has the best rank at one budget."""
    return " and ".join(some.loc[some["rank"] == some["rank"].min(), "strategy"])


def _turns(rows: pd.DataFrame) -> str:
    """Return who leads in turn after the first budget, where that changes."""
    later = rows[rows["cycle"] > rows["cycle"].min()]
    turns = [names for names, _ in groupby(_leaders(some) for _, some in later.groupby("cycle"))]
    if len(turns) < 2:
        return ""
    if len(turns) > _TURNS:
        return f"; who has it changes {len(turns) - 1} times with the budget"
    return f"; who has it changes with the budget: {', then '.join(turns)}"


def _chart(rows: pd.DataFrame, style: Look) -> dict[str, Any]:
    style = style.only(rows["strategy"])
    cells = [
        {"strategy": row["strategy"], "labelled": row["labelled"], "rank": round(row["rank"], 4)}
        | {"n": f"{row['n']} {row['over']}"}
        for row in rows.to_dict(orient="records")
    ]
    budgets, count = sorted(set(rows["labelled"].tolist())), rows["strategy"].nunique()
    chosen = alt.selection_point(name="ranked", fields=["strategy"], bind="legend")
    base = alt.Chart(alt.InlineData(values=cells)).encode(
        x=alt.X(
            "labelled:Q",
            title="labelled examples",
            scale=alt.Scale(zero=False, padding=12),
            axis=alt.Axis(values=budgets, labelOverlap="greedy", format=",.10~g"),
        ),
        y=alt.Y(
            "rank:Q",
            title="mean rank",
            scale=alt.Scale(domain=[1, count], reverse=True, nice=False, padding=8),
            axis=alt.Axis(values=list(range(1, count + 1)), tickCount=count, format="d", labelOverlap="greedy"),
        ),
        color=strategy_colour(style),
        opacity=alt.condition(chosen, alt.value(1), alt.value(0.1)),
        tooltip=[
            alt.Tooltip("strategy:N"),
            alt.Tooltip("labelled:Q", title="labelled examples"),
            alt.Tooltip("rank:Q", title="mean rank", format=".2f"),
            alt.Tooltip("n:N", title="n"),
        ],
    )
    layers = [
        base.mark_line(strokeWidth=2.5).properties(name="ranks").add_params(chosen),
        base.mark_point(size=80, filled=True).encode(shape=_shape(style)),
    ]
    return finished(layers, _HEIGHT, "Mean rank against labelled examples, a line for each strategy, the best on top.")


def _shape(style: Look) -> alt.Shape:
    """Return marks beside the colours: lines that cross are hard to follow by colours alone."""
    numbers = style.rounds if style.repeats else range(len(style.strategies))
    shapes = [SHAPES[number % len(SHAPES)] for number in numbers]
    return alt.Shape("strategy:N", scale=alt.Scale(domain=list(style.strategies), range=shapes), title=None)
