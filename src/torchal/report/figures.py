"""Charts of an experiment: learning curves, and paired differences from random, one chart for each data set and model.

They are Vega-Lite specifications, drawn by whoever shows them. Everything in them is named by position, so that equal
results give equal bytes. Colours are those of Okabe and Ito, "Color Universal Design" (2008), with grey for random.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from torchal.report.compare import BASELINE, curves, differences, paired
from torchal.report.frame import GROUP, place, scores

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#B8A800")
"""Okabe and Ito's colours; their yellow is darkened, since it cannot be read on white."""
GREY = "#808080"
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4])
"""Told apart beside colours once these repeat."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")

_HEIGHT, _PANEL = 360, 190
_BUDGETS = 12
"""Up to so many budgets, each has its own tick."""


@dataclass(frozen=True)
class Figure:
    """One chart and the words around it."""

    id: str
    caption: str
    spec: dict[str, Any]


@dataclass(frozen=True)
class Look:
    """How each strategy is drawn, the same in every chart."""

    strategies: tuple[str, ...]
    colours: tuple[str, ...]
    rounds: tuple[int, ...]
    """For each strategy how often the colours had been used up before it."""

    @property
    def repeats(self) -> bool:
        """Whether colours alone do not tell the strategies apart."""
        return len(set(self.colours)) < len(self.colours)

    def colour(self, strategy: str) -> str:
        """Return the colour of one strategy."""
        return self.colours[self.strategies.index(strategy)]

    def round(self, strategy: str) -> int:
        """Return how often the colours had been used up before one strategy."""
        return self.rounds[self.strategies.index(strategy)]

    def only(self, strategies: Iterable[str]) -> "Look":
        """Return how some of the strategies are drawn, in the same order as all."""
        wanted = set(strategies)
        kept = [position for position, name in enumerate(self.strategies) if name in wanted]
        return Look(
            tuple(self.strategies[position] for position in kept),
            tuple(self.colours[position] for position in kept),
            tuple(self.rounds[position] for position in kept),
        )


def look(table: pd.DataFrame) -> Look:
    """Return how the strategies of a table are drawn: colours go by their order in the plan."""
    names = list(dict.fromkeys(table["strategy"]))
    others = [name for name in names if name != BASELINE]
    ranks = {name: divmod(rank, len(PALETTE)) for rank, name in enumerate(others)}
    colours = (GREY if name == BASELINE else PALETTE[ranks[name][1]] for name in names)
    return Look(tuple(names), tuple(colours), tuple(ranks[name][0] if name in ranks else 0 for name in names))


def learning_curves(table: pd.DataFrame, style: Look) -> list[Figure]:
    """Return one chart for each data set and model: mean test accuracy, its interval and, faint, the single runs."""
    means, runs = _percent(curves(table)), _percent(scores(table))
    return [
        Figure(f"curves-{position}", place(name), _curve_chart(rows, _of(runs, name), style))
        for position, (name, rows) in enumerate(means.groupby(GROUP, sort=False))
    ]


def difference_panels(table: pd.DataFrame, style: Look) -> list[tuple[str, list[Figure]]]:
    """Return for each data set and model one small chart a strategy: its paired difference from random, in points.

    Raises:
        ValueError: if a strategy lacks runs or cycles that another has.
    """
    means, pairs = _percent(differences(table)), _percent(paired(table))
    found = []
    for position, (name, rows) in enumerate(means.groupby(GROUP, sort=False)):
        mates, scale = _of(pairs, name), _scale(rows, _of(pairs, name), pd.DataFrame({"value": [0.0]}))
        panels = [
            Figure(
                f"differences-{position}-{number}",
                str(strategy),
                _panel(each, mates[mates["strategy"] == strategy], style, scale),
            )
            for number, (strategy, each) in enumerate(rows.groupby("strategy", sort=False))
        ]
        found.append((place(name), panels))
    return found


def _curve_chart(means: pd.DataFrame, runs: pd.DataFrame, style: Look) -> dict[str, Any]:
    style = style.only(means["strategy"])
    chosen = alt.selection_point(name="highlight", fields=["strategy"], bind="legend")
    encoded: dict[str, Any] = {"color": strategy_colour(style), "x": _budgets(means)}
    # Intervals of few runs reach beyond all accuracies; they are cut at the frame so that the curves can be read.
    title, scale = "test accuracy (%)", _scale(means[["mean"]], runs[["value"]])
    base = alt.Chart(_inline(means.assign(round=means["strategy"].map(style.round)))).encode(
        **encoded, tooltip=_tooltip("accuracy (%)")
    )
    single = alt.Chart(_inline(runs)).encode(**encoded, y=alt.Y("value:Q", title=title, scale=scale))
    # Left to itself altair would name this view by how many charts the process has made before.
    lines = base.mark_line(strokeWidth=2.5).properties(name="means").add_params(chosen)
    points, y = base.mark_point(size=55, filled=True), alt.Y("mean:Q", title=title, scale=scale)
    layers = [
        _bounds(base, means, title).encode(opacity=_shown(chosen, 0.25, 0.15 / len(style.colours), empty=False)),
        _lines(single).encode(opacity=_shown(chosen, 0.2, 0.03)),
        _unseen(single, title),
        lines.encode(y=y, opacity=_shown(chosen, 1, 0.1), **_dash(style)),
        points.encode(y=y, opacity=_shown(chosen, 1, 0.1), **_shape(style)),
    ]
    return finished(layers, _HEIGHT, "Mean test accuracy against labelled examples, a line for each strategy.")


def _panel(means: pd.DataFrame, pairs: pd.DataFrame, style: Look, scale: alt.Scale) -> dict[str, Any]:
    colour = alt.ColorValue(style.colour(means["strategy"].iloc[0]))
    title = "difference (points)"
    x, y = _budgets(means), alt.Y("mean:Q", title=title, scale=scale)
    base = alt.Chart(_inline(means)).encode(x=x, color=colour, tooltip=_tooltip("difference (points)"))
    single = alt.Chart(_inline(pairs)).encode(x=x, y=alt.Y("value:Q", title=title, scale=scale), color=colour)
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(strokeDash=[4, 3], color=GREY)
    layers = [
        zero.encode(y=alt.Y("zero:Q", title=title, scale=scale)),
        _lines(single).encode(opacity=alt.OpacityValue(0.25)),
        _bounds(base, means, title).encode(opacity=alt.OpacityValue(0.2)),
        _unseen(single, title),
        base.mark_line(strokeWidth=2.5).encode(y=y),
        base.mark_point(size=45, filled=True).encode(y=y, opacity=alt.OpacityValue(1)),
    ]
    return finished(layers, _PANEL, "Paired difference in test accuracy from random against labelled examples.")


def _bounds(base: alt.Chart, means: pd.DataFrame, title: str) -> alt.Chart:
    """Return the intervals as a band, or as a bar where there is but one budget."""
    marked: alt.Chart = (
        base.mark_area(clip=True) if len(set(means["labelled"])) > 1 else base.mark_rule(strokeWidth=6, clip=True)
    )
    return marked.encode(y=alt.Y("low:Q", title=title), y2=alt.Y2("high:Q"))


def finished(layers: list[alt.Chart], height: int, description: str) -> dict[str, Any]:
    """Return layers as one chart that fills the width it is given."""
    fit = alt.AutoSizeParams(type="fit-x", contains="padding")
    chart = alt.layer(*layers).properties(width="container", height=height, autosize=fit, description=description)
    spec: dict[str, Any] = chart.to_dict(validate=False)
    return spec


def _budgets(means: pd.DataFrame) -> alt.X:
    budgets = sorted(means["labelled"].unique().tolist())
    ticks = budgets if len(budgets) <= _BUDGETS else alt.Undefined
    axis = alt.Axis(values=ticks, labelOverlap="greedy", format=",.10~g")
    return alt.X("labelled:Q", title="labelled examples", scale=alt.Scale(zero=False, padding=12), axis=axis)


def strategy_colour(style: Look) -> alt.Color:
    """Return the channel by which strategies have their colours, and its legend."""
    scale = alt.Scale(domain=list(style.strategies), range=list(style.colours))
    legend = alt.Legend(title=None, orient="bottom", labelLimit=260, symbolStrokeWidth=2.5, symbolOpacity=1)
    return alt.Color("strategy:N", scale=scale, legend=legend)


def _dash(style: Look) -> dict[str, Any]:
    """Return the channel that tells strategies apart where colours repeat, else none.

    It goes by column ``round``: by the name it would draw a dashed, unreadable symbol in the legend.
    """
    tests: list[Any] = [
        {"test": f"datum.round === {count}", "value": DASHES[count % len(DASHES)]}
        for count in range(1, max(style.rounds, default=0) + 1)
    ]
    return {"strokeDash": alt.StrokeDashValue(value=DASHES[0], condition=tests)} if style.repeats else {}


def _shape(style: Look) -> dict[str, Any]:
    """Return the channel that does so for points, and in the legend."""
    scale = alt.Scale(domain=list(style.strategies), range=[SHAPES[count % len(SHAPES)] for count in style.rounds])
    return {"shape": alt.Shape("strategy:N", scale=scale, title=None)} if style.repeats else {}


def _lines(single: alt.Chart) -> alt.Chart:
    """Return a line for each single run, which has one tooltip wherever it is touched, and so tells but its name."""
    lines: alt.Chart = single.mark_line(strokeWidth=1).encode(detail=alt.Detail("run:N"), tooltip=alt.Tooltip("run:N"))
    return lines


def _unseen(single: alt.Chart, title: str) -> alt.Chart:
    """Return points that are not seen, at which single runs tell their numbers under the mouse."""
    told = [
        alt.Tooltip("run:N"),
        alt.Tooltip("labelled:Q", title="labelled examples"),
        alt.Tooltip("value:Q", title=title, format=".1f"),
    ]
    points: alt.Chart = single.mark_circle(size=30).encode(opacity=alt.OpacityValue(0), tooltip=told)
    return points


def _tooltip(title: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("strategy:N"),
        alt.Tooltip("labelled:Q", title="labelled examples"),
        alt.Tooltip("mean:Q", title=title, format=".1f"),
        alt.Tooltip("low:Q", title="95 % interval from", format=".1f"),
        alt.Tooltip("high:Q", title="to", format=".1f"),
        alt.Tooltip("n:Q", title="n"),
        alt.Tooltip("over:N", title="n counts"),
    ]


def _shown(chosen: alt.Parameter, value: float, faded: float, *, empty: bool = True) -> Any:
    """Return the opacity of strategies chosen in the legend, and of the others; ``empty``: none chosen means all."""
    return alt.condition(chosen, alt.value(value), alt.value(faded), empty=empty)


def _scale(*tables: pd.DataFrame) -> alt.Scale:
    """Return one scale for all values of some tables, so that charts side by side can be compared."""
    columns = [table[name] for table in tables for name in ("mean", "value", "low", "high") if name in table]
    seen = pd.concat(columns)
    return alt.Scale(domain=[float(seen.min()), float(seen.max())], nice=True, zero=False)


def _percent(table: pd.DataFrame) -> pd.DataFrame:
    """Return shares as per cent, rounded to what a chart can show."""
    names = [name for name in ("mean", "value", "low", "high") if name in table]
    return table.assign(**{name: (100 * table[name]).round(4) for name in names})


def _of(table: pd.DataFrame, name: tuple[Any, ...]) -> pd.DataFrame:
    """Return the rows of one data set, model and condition."""
    rows: pd.DataFrame = table[(table[GROUP] == list(name)).all(axis=1)]
    return rows


def _inline(table: pd.DataFrame) -> alt.InlineData:
    """Return rows as chart data; what is not a number becomes null."""
    drawn = ["strategy", "labelled", "mean", "low", "high", "n", "over", "round", "value", "run"]
    text = table[[name for name in drawn if name in table]].to_json(orient="records", double_precision=10)
    return alt.InlineData(values=json.loads(text))
