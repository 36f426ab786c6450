"""Whether networks are as sure as they are right: reliability at the last budget, and its error at each.

Bins are those of the expected calibration error (Guo et al. 2017, "On Calibration of Modern Neural Networks"). A point
joins the predictions of all runs of a strategy that fall into a bin.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from torchal.records import MeasureRecord, Reliability
from torchal.report.compare import intervals
from torchal.report.entries import entry
from torchal.report.figures import GREY, Figure, Look, finished, strategy_colour
from torchal.report.frame import GROUP, place, scores
from torchal.report.tables import Grid
from torchal.report.verdict import percent

COLUMNS = [*GROUP, "strategy", "bin", "count", "confidence", "accuracy", "runs"]
_HEIGHT = 320


@dataclass(frozen=True)
class Calibration:
    """What one data set, network and condition show."""

    place: str
    figure: Figure
    errors: Grid
    """The calibration error of each strategy at each budget."""


def reliability(table: pd.DataFrame, results: Path) -> pd.DataFrame:
    """Return for each strategy and bin how sure its networks are and how often right, at the last budget.

    Means are over all predictions of all runs; ``confidence`` and ``accuracy`` are shares from 0 to 1.
    """
    last = table[table["cycle"] == table.groupby(GROUP)["cycle"].transform("max")]
    keys = last[[*GROUP, "strategy", "run", "key"]].drop_duplicates()
    rows = [
        {name: row[name] for name in (*GROUP, "strategy", "run")} | cell
        for row in keys.to_dict(orient="records")
        for cell in _cells(_read(results, str(row["key"])))
    ]
    single = pd.DataFrame(rows, columns=[*GROUP, "strategy", "run", "bin", "count", "sure", "right"])
    summed = single.groupby([*GROUP, "strategy", "bin"], sort=False).agg(
        count=("count", "sum"), confidence=("sure", "sum"), accuracy=("right", "sum"), runs=("run", "nunique")
    )
    means = summed.assign(**{name: summed[name] / summed["count"] for name in ("confidence", "accuracy")})
    return means.reset_index()[COLUMNS]


def told(table: pd.DataFrame, found: pd.DataFrame, style: Look) -> list[Calibration]:
    """Return what is shown for each data set, network and condition of which reliability was recorded.

    Args:
        table: of :func:`torchal.report.frame.frame`.
        found: of :func:`reliability`.
        style: how strategies are drawn.
    """
    errors = intervals(scores(table, metric="ece").dropna(subset="value"), [*GROUP, "strategy", "labelled"])
    by_group = dict(list(errors.groupby(GROUP, sort=False)))
    return [
        Calibration(
            place(name), Figure(f"calibration-{number}", place(name), _chart(rows, style)), _grid(by_group[name])
        )
        for number, (name, rows) in enumerate(found.groupby(GROUP, sort=False))
        if name in by_group
    ]


def _read(results: Path, key: str) -> Reliability | None:
    folder = entry(results, "measure", key, "measure.json")
    return MeasureRecord.read(folder / "measure.json").reliability if folder else None


def _cells(found: Reliability | None) -> list[dict[str, Any]]:
    """Return the bins that are not empty, with sums in place of means."""
    if found is None:
        return []
    bins = zip(found.counts, found.confidence, found.accuracy, strict=True)
    return [
        {"bin": number, "count": count, "sure": count * sure, "right": count * right}
        for number, (count, sure, right) in enumerate(bins)
        if sure is not None and right is not None
    ]


def _chart(rows: pd.DataFrame, style: Look) -> dict[str, Any]:
    style = style.only(rows["strategy"])
    cells = [
        {"strategy": row["strategy"], "sure": round(100 * row["confidence"], 2), "count": int(row["count"])}
        | {"right": round(100 * row["accuracy"], 2), "runs": int(row["runs"])}
        for row in rows.to_dict(orient="records")
    ]
    scale = alt.Scale(domain=[0, 100])
    x = alt.X("sure:Q", title="how sure (%)", scale=scale)
    y = alt.Y("right:Q", title="how often right (%)", scale=scale)
    chosen = alt.selection_point(name="chosen", fields=["strategy"], bind="legend")
    shown = alt.condition(chosen, alt.value(1), alt.value(0.08))
    tooltip = [
        alt.Tooltip("strategy:N"),
        alt.Tooltip("sure:Q", title="how sure (%)", format=".1f"),
        alt.Tooltip("right:Q", title="how often right (%)", format=".1f"),
        alt.Tooltip("count:Q", title="predictions"),
        alt.Tooltip("runs:Q", title="runs"),
    ]
    base = alt.Chart(alt.InlineData(values=cells)).encode(
        x=x, y=y, color=strategy_colour(style), tooltip=tooltip, opacity=shown
    )
    ends = alt.InlineData(values=[{"sure": 0, "right": 0}, {"sure": 100, "right": 100}])
    layers = [
        alt.Chart(ends).mark_line(strokeDash=[4, 3], color=GREY, strokeWidth=1).encode(x=x, y=y),
        base.mark_line(strokeWidth=2).properties(name="reliability").add_params(chosen),
        base.mark_point(size=40, filled=True),
    ]
    return finished(layers, _HEIGHT, "How often predictions are right against how sure they are, for each strategy.")


def _grid(errors: pd.DataFrame) -> Grid:
    budgets = sorted(set(errors["labelled"]))
    cells = {(row["strategy"], row["labelled"]): _cell(row) for row in errors.to_dict(orient="records")}
    rows = [[name, *(cells.get((name, each), "") for each in budgets)] for name in dict.fromkeys(errors["strategy"])]
    return Grid(["strategy", *(f"{each:g} labelled" for each in budgets)], rows)


def _cell(row: dict[Any, Any]) -> str:
    interval = "" if pd.isna(row["low"]) else f" ({percent(row['low'])} to {percent(row['high'])})"
    return f"{percent(row['mean'])}{interval}"
