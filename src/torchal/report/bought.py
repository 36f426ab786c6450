"""Which classes were bought, and how well the network knew the rows that it had labelled."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from torchal.report.figures import Figure, finished
from torchal.report.frame import GROUP, place
from torchal.report.queries import Queries, Query
from torchal.report.tables import Grid
from torchal.report.verdict import percent

SHOWN = 20
"""Up to so many classes have a chart; of more, the evenness of what was bought is told."""
_ROW, _LEAST = 18, 150
_NONE, _MOST = "#E6E8EA", "#2F7FB8"


def told(queries: Queries) -> list[tuple[str, Grid, list[Figure]]]:
    """Return for each data set, network and condition its name, a table of strategies and, of few classes, charts."""
    return [
        (place(group), _grid(known, bought), _charts(f"bought-{number}", bought))
        for number, (group, known, bought) in enumerate(_groups(queries))
    ]


def _groups(queries: Queries) -> list[tuple[tuple[Any, ...], pd.DataFrame, pd.DataFrame]]:
    """Return for each group its queries, and the labels of each class bought at each budget, over all runs."""
    if not queries.found:
        return []
    known = pd.DataFrame([_about(each) | {"accuracy": each.view.accuracy} for each in queries.found])
    counted = pd.DataFrame(
        [
            _about(each) | {"class": name, "count": count}
            for each in queries.found
            for name, count in zip(queries.names(each), each.view.counts, strict=True)
        ]
    )
    summed = counted.groupby([*GROUP, "strategy", "labelled", "class"], sort=False)["count"].sum().reset_index()
    by_group = dict(list(summed.groupby(GROUP, sort=False)))
    return [(name, rows, by_group[name]) for name, rows in known.groupby(GROUP, sort=False)]


def _about(query: Query) -> dict[str, Any]:
    return dict(zip(GROUP, query.group, strict=True)) | {"strategy": query.run.strategy, "labelled": query.labelled}


def evenness(counts: pd.Series) -> float:
    """Return the entropy of the classes bought as a share of the largest it can be: 1 where all are bought alike."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(len(counts))) if len(counts) > 1 else 1.0


def _grid(known: pd.DataFrame, bought: pd.DataFrame) -> Grid:
    budgets = sorted(set(known["labelled"]))
    right = known.groupby(["strategy", "labelled"])["accuracy"].mean()
    classes = bought.groupby(["strategy", "class"], sort=False)["count"].sum()
    rows = []
    for strategy in dict.fromkeys(known["strategy"]):
        means = [right.get((strategy, budget), np.nan) for budget in budgets]
        rows.append(
            [
                str(strategy),
                f"{evenness(classes[strategy]):.2f}",
                str(int((classes[strategy] == 0).sum())),
                *("" if pd.isna(mean) else percent(mean) for mean in means),
            ]
        )
    headings = ["strategy", "evenness", "classes never bought", *(f"right at {each:g} labels (%)" for each in budgets)]
    return Grid(headings, rows)


def _charts(id_: str, bought: pd.DataFrame) -> list[Figure]:
    if bought["class"].nunique() > SHOWN:
        return []
    total = bought.groupby(["strategy", "labelled"])["count"].transform("sum")
    shares = bought.assign(share=(100 * bought["count"] / total.where(total > 0, 1)).round(2))
    largest = float(shares["share"].max())
    return [
        Figure(f"{id_}-{number}", str(strategy), _heat(rows, largest))
        for number, (strategy, rows) in enumerate(shares.groupby("strategy", sort=False))
    ]


def _heat(rows: pd.DataFrame, largest: float) -> dict[str, Any]:
    names = list(dict.fromkeys(rows["class"]))
    cells = [
        {"class": row["class"], "labelled": f"{row['labelled']:g}", "share": row["share"], "count": int(row["count"])}
        for row in rows.to_dict(orient="records")
    ]
    budgets = [f"{each:g}" for each in sorted(set(rows["labelled"]))]
    chart = (
        alt.Chart(alt.InlineData(values=cells))
        .mark_rect()
        .encode(
            x=alt.X("labelled:O", title="labelled examples", sort=budgets, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("class:N", title=None, sort=names, axis=alt.Axis(labelLimit=90)),
            color=alt.Color("share:Q", scale=alt.Scale(domain=[0, largest], range=[_NONE, _MOST]), legend=None),
            tooltip=[
                alt.Tooltip("class:N"),
                alt.Tooltip("labelled:O", title="labelled examples"),
                alt.Tooltip("share:Q", title="of what was bought (%)", format=".1f"),
                alt.Tooltip("count:Q", title="labels, all runs"),
            ],
        )
    )
    return finished([chart], max(_LEAST, _ROW * len(names)), "Share of each class in what was bought at each budget.")
