"""Where accuracies differ: between initial sets, between seeds on one set, and in what is left.

The parts are those of :func:`torchal.statistics.planning.components`, of a design in which every strategy has every
seed on every partition.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from torchal.report.figures import PALETTE, Figure, finished
from torchal.report.frame import GROUP, place
from torchal.report.outcomes import SAID, outcomes
from torchal.report.tables import Grid
from torchal.report.words import counted
from torchal.statistics.planning import components

PARTS = {"partition": "initial set", "seed": "seed", "residual": "what is left"}
COLUMNS = [*GROUP, "outcome", *PARTS, "strategies", "partitions", "seeds"]
_ADVICE = {
    "partition": "most comes from the initial sets: for a surer accuracy add partitions, which more seeds cannot "
    "replace. Strategies are compared set by set, so that their differences suffer less from it.",
    "seed": "most comes from the seeds: add seeds, or partitions, each of which brings seeds of its own.",
    "residual": "most is particular to a strategy and its run, so that it blurs differences between strategies too: "
    "add partitions, each of which is one more replication.",
}
"""What to add, by the largest part."""
_COLOURS = (PALETTE[5], PALETTE[4], "#B9BCC0")
"""Light enough for black figures on them."""
_ROW = 48
"""Pixels of an outcome."""
_AXIS = alt.Axis(tickCount=5)
_LEAST = 12
"""Share in per cent below which a number does not fit into its part."""


@dataclass(frozen=True)
class Variance:
    """What one data set, network and condition show."""

    place: str
    sentences: list[str]
    table: Grid | None
    """None where the design does not tell the parts apart."""
    figure: Figure | None


def variance(table: pd.DataFrame) -> pd.DataFrame:
    """Return standard deviations as shares from 0 to 1, of AUBC and at the last budget.

    Columns: ``partition``, ``seed`` and ``residual``, and how many strategies, partitions and seeds there are. Groups
    that lack a run, or have one strategy, partition or seed only, have no rows.
    """
    groups = outcomes(table).groupby([*GROUP, "outcome"], sort=False)
    return pd.DataFrame([row for name, some in groups for row in _row(name, some)], columns=COLUMNS)


def told(table: pd.DataFrame) -> list[Variance]:
    """Return for each data set, network and condition what its runs say, or why they do not."""
    found = dict(list(variance(table).groupby(GROUP, sort=False)))
    return [
        _told(f"variance-{number}", place(name), found[name])
        if name in found
        else Variance(place(name), [_reason(some)], None, None)
        for number, (name, some) in enumerate(table.groupby(GROUP, sort=False))
    ]


def _row(name: tuple[Any, ...], some: pd.DataFrame) -> Iterator[dict[str, Any]]:
    axes = ["strategy", "partition", "seed"]
    shape = tuple(some[axis].nunique() for axis in axes)
    if min(shape) < 2 or len(some) < np.prod(shape):
        return
    values = some.sort_values(axes)["value"].to_numpy().reshape(shape)
    parts = {part: float(np.sqrt(value)) for part, value in components(values)._asdict().items()}
    counts = dict(zip(("strategies", "partitions", "seeds"), shape, strict=True))
    yield dict(zip([*GROUP, "outcome"], name, strict=True)) | parts | counts


def _reason(some: pd.DataFrame) -> str:
    counts = {axis: some[axis].nunique() for axis in ("strategy", "partition", "seed")}
    lone = [f"one {axis}" for axis, count in counts.items() if count < 2]
    if lone:
        return f"With {' and '.join(lone)} the parts cannot be told apart; it takes two of each."
    return "Not every partition has been run with the same seeds, so the parts cannot be told apart."


def _told(id_: str, where: str, rows: pd.DataFrame) -> Variance:
    return Variance(where, _sentences(rows), _grid(rows), Figure(id_, where, _chart(rows)))


def _sentences(rows: pd.DataFrame) -> list[str]:
    *_, last = found = rows.to_dict(orient="records")
    largest = max(PARTS, key=lambda part: last[part])
    if not last[largest]:
        return [*map(_sentence, found)]
    return [*map(_sentence, found), f"{SAID[last['outcome']].capitalize()} {_ADVICE[largest]}"]


def _sentence(row: dict[Any, Any]) -> str:
    return (
        f"Accuracy {SAID[row['outcome']]} differs by {_points(row['partition'])} points from initial set to initial "
        f"set, by {_points(row['seed'])} from seed to seed on one set, and by {_points(row['residual'])} in what is "
        f"left ({counted(row['partitions'], 'partition')} x {counted(row['seeds'], 'seed')})."
    )


def _points(share: float) -> str:
    return f"{100 * share:.2f}"


def _shares(row: dict[Any, Any]) -> dict[str, float]:
    """Return what share of all variance each part is, in per cent."""
    whole = sum(row[part] ** 2 for part in PARTS)
    return {part: 100 * row[part] ** 2 / whole if whole else 0.0 for part in PARTS}


def _grid(rows: pd.DataFrame) -> Grid:
    headings = ["accuracy", *(f"{said} (points)" for said in PARTS.values())]
    lines = [[row["outcome"], *(_points(row[part]) for part in PARTS)] for row in rows.to_dict(orient="records")]
    return Grid(headings, lines)


def _chart(rows: pd.DataFrame) -> dict[str, Any]:
    cells = [cell for row in rows.to_dict(orient="records") for cell in _bar(row)]
    names = list(PARTS.values())
    base = alt.Chart(alt.InlineData(values=cells)).encode(
        y=alt.Y("outcome:N", title=None, sort=list(rows["outcome"])),
        x=alt.X("start:Q", title="share of the variance (%)", scale=alt.Scale(domain=[0, 100]), axis=_AXIS),
        tooltip=[
            alt.Tooltip("outcome:N", title="accuracy"),
            alt.Tooltip("part:N", title="from"),
            alt.Tooltip("points:N", title="standard deviation (points)"),
            alt.Tooltip("share:Q", title="share of the variance (%)", format=".0f"),
        ],
    )
    legend = alt.Legend(title=None, orient="bottom")
    colour = alt.Color("part:N", scale=alt.Scale(domain=names, range=list(_COLOURS)), legend=legend)
    text = base.transform_filter(alt.datum.share >= _LEAST).encode(x="middle:Q", color=alt.ColorValue("black"))
    layers = [
        base.mark_bar().encode(x2=alt.X2("end:Q"), color=colour),
        text.mark_text(fontSize=12).encode(text=alt.Text("points:N")),
    ]
    return finished(layers, _ROW * len(rows), "Share of the variance of accuracy by where it comes from.")


def _bar(row: dict[Any, Any]) -> list[dict[str, Any]]:
    """Return the parts of a bar one after the other."""
    shares = _shares(row)
    ends = np.cumsum(list(shares.values()))
    return [
        {"outcome": row["outcome"], "part": PARTS[part], "points": _points(row[part]), "share": round(share, 4)}
        | {"start": round(end - share, 4), "middle": round(end - share / 2, 4), "end": round(end, 4)}
        for (part, share), end in zip(shares.items(), ends, strict=True)
    ]
