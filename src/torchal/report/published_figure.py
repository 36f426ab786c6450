"""The chart of measured learning curves beside published ones."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from torchal.report.figures import SHAPES, Look, finished
from torchal.report.reference import Published

_HEIGHT = 360


def chart(means: pd.DataFrame, pairs: Sequence[tuple[str, Published]], style: Look) -> dict[str, Any]:
    """Return solid lines with filled marks for what was measured, dashed ones with hollow marks for what is published.

    Args:
        means: of each strategy at each budget.
        pairs: measured strategies, each with its published curve, which has its colour.
        style: how strategies are drawn.
    """
    shown = style.only(strategy for strategy, _ in pairs)
    ours = _base(_measured(means[means["strategy"].isin(shown.strategies)]), shown)
    curves = [_published(*pair) for pair in pairs]
    theirs = _base([point for curve in curves for point in curve], shown)
    layers = [
        ours.mark_line(strokeWidth=2.5),
        ours.mark_point(size=55, filled=True, opacity=1).encode(shape=_shape(shown)),
        theirs.mark_line(strokeWidth=2, strokeDash=[6, 4]),
        theirs.mark_point(size=60, filled=False, strokeWidth=2, opacity=1).encode(shape=_shape(shown)),
    ]
    if len({curve.model for _, curve in pairs}) > 1:
        names = _base([curve[-1] for curve in curves], shown)
        layers.append(names.mark_text(align="right", dx=-8, dy=-8, fontSize=12).encode(text=alt.Text("network:N")))
    return finished(layers, _HEIGHT, "Mean test accuracy against labelled examples, measured and published.")


def _measured(means: pd.DataFrame) -> list[dict[str, Any]]:
    return [_point(row["strategy"], "", row["labelled"], row["mean"]) for row in means.to_dict(orient="records")]


def _published(strategy: str, curve: Published) -> list[dict[str, Any]]:
    points = zip(curve.labelled, curve.accuracy, strict=True)
    return [_point(strategy, curve.model, labelled, share) for labelled, share in points]


def _point(strategy: str, network: str, labelled: float, share: float) -> dict[str, Any]:
    """Return a point of a curve, published for a network or, where none is named, measured."""
    curve = f"published, {network}" if network else "measured"
    point = {"strategy": strategy, "curve": curve, "network": network}
    return point | {"labelled": labelled, "value": round(100 * share, 4)}


def _base(values: list[dict[str, Any]], style: Look) -> alt.Chart:
    names, legend = list(style.strategies), alt.Legend(title=None, orient="bottom", labelLimit=260)
    return alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X(
            "labelled:Q",
            title="labelled examples",
            scale=alt.Scale(zero=False, padding=12),
            axis=alt.Axis(labelOverlap="greedy", format=",.10~g"),
        ),
        y=alt.Y("value:Q", title="test accuracy (%)", scale=alt.Scale(zero=False)),
        color=alt.Color("strategy:N", scale=alt.Scale(domain=names, range=list(style.colours)), legend=legend),
        detail=alt.Detail("curve:N"),
        tooltip=[
            alt.Tooltip("strategy:N"),
            alt.Tooltip("curve:N"),
            alt.Tooltip("labelled:Q", title="labelled examples"),
            alt.Tooltip("value:Q", title="accuracy (%)", format=".1f"),
        ],
    )


def _shape(style: Look) -> alt.Shape:
    """Return the marks that tell strategies apart where colours repeat; lines would draw marks of their own by it."""
    shapes = [SHAPES[count % len(SHAPES)] for count in style.rounds]
    return alt.Shape("strategy:N", scale=alt.Scale(domain=list(style.strategies), range=shapes), title=None)
