"""Heat maps with their numbers in the cells, which are light enough for black figures in both themes."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from torchal.report.figures import finished

BETTER, NONE, WORSE = "#6FB1DE", "#E6E8EA", "#F0A06B"
"""Blue and orange, which nobody confuses, with grey between."""
_ASIDE = "#FAFAF7"
"""Of cells whose number is of another kind than those of the others."""
_ROW, _TOP = 34, 130
_PADDING = {"left": 5, "top": 5, "right": 24, "bottom": 5}
"""The last name leans out of its column."""


def up_to(most: float) -> alt.Scale:
    """Return the scale of what goes from nothing to some value."""
    return alt.Scale(domain=[0, most], range=[NONE, BETTER], interpolate="lab")


def around_zero(reach: float) -> alt.Scale:
    """Return the scale of what is worse below zero and better above it."""
    return alt.Scale(domain=[-reach, 0, reach], range=[WORSE, NONE, BETTER], interpolate="lab")


def heat_map(
    cells: Sequence[Mapping[str, Any]], scale: alt.Scale, tooltip: Mapping[str, str], description: str
) -> dict[str, Any]:
    """Return a heat map as a chart that fills the width it is given.

    Args:
        cells: each with its ``row`` and ``column``, in the order of appearance, its ``value``, which is None where it
            has no colour, the text ``shown`` in it, and whether it is ``framed``.
        scale: of the values.
        tooltip: columns of the cells, with their titles.
        description: what is drawn, for those who do not see it.
    """
    rows, columns = (list(dict.fromkeys(cell[name] for cell in cells)) for name in ("row", "column"))
    base = alt.Chart(alt.InlineData(values=[dict(cell) for cell in cells])).encode(
        x=alt.X("column:N", title=None, sort=columns, axis=alt.Axis(orient="top", labelAngle=-40, labelLimit=_TOP)),
        y=alt.Y("row:N", title=None, sort=rows, axis=alt.Axis(labelLimit=_TOP)),
        tooltip=[alt.Tooltip(f"{name}:N", title=title) for name, title in tooltip.items()],
    )
    framed = base.transform_filter("datum.framed").mark_rect(fill="transparent", strokeWidth=2)
    layers = [
        base.transform_filter("datum.value === null").mark_rect().encode(color=alt.ColorValue(_ASIDE)),
        base.transform_filter("datum.value !== null")
        .mark_rect()
        .encode(color=alt.Color("value:Q", scale=scale, legend=None)),
        framed.encode(stroke=alt.StrokeValue("black")),
        base.mark_text(fontSize=12).encode(text=alt.Text("shown:N"), color=alt.ColorValue("black")),
    ]
    return finished(layers, _ROW * len(rows), description) | {"padding": _PADDING}
