"""How much of what strategies buy is the same: Jaccard's index of the rows that two runs bought in all their queries.

Two strategies are compared on each partition and seed that they share, a strategy with itself on two seeds of one
partition. Chance is what two runs have in common that choose by lot: m of n rows each, m²/n of them the same.
"""

from collections.abc import Iterator
from itertools import combinations, combinations_with_replacement
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from scipy import sparse

from torchal.report.figures import Figure, finished
from torchal.report.frame import GROUP, place
from torchal.report.queries import Queries, Query

COLUMNS = [*GROUP, "strategy", "other", "jaccard", "chance", "pairs"]
_CELL = 34
"""Pixels of a row of cells."""
_SAME, _OTHER = "#2F7FB8", "#E6E8EA"


def overlap(queries: Queries) -> pd.DataFrame:
    """Return for each pair of strategies, and each with itself, the mean share of rows in common, and that of chance.

    Columns ``jaccard`` and ``chance`` are shares from 0 to 1, ``pairs`` counts the pairs of runs.
    """
    rows = [
        dict(zip(GROUP, group, strict=True)) | found
        for group, some in queries.by_group().items()
        for found in _of_group(some)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def told(queries: Queries) -> list[tuple[str, str, Figure]]:
    """Return for each data set, network and condition its name, a sentence and a heat map."""
    return [
        (place(name), _sentence(rows), Figure(f"overlap-{number}", place(name), _map(rows)))
        for number, (name, rows) in enumerate(overlap(queries).groupby(GROUP, sort=False))
        if (rows["strategy"] != rows["other"]).any()
    ]


def _of_group(some: list[Query]) -> Iterator[dict[str, Any]]:
    runs: dict[tuple[str, str, int], list[Query]] = {}
    for each in some:
        runs.setdefault((each.run.strategy, each.run.partition, each.run.seed), []).append(each)
    length = max(map(len, runs.values()))
    whole = {key: each for key, each in runs.items() if len(each) == length}
    pools = {key: each[0].view.pool for key, each in whole.items()}
    shared = _in_common(list(whole.values()))
    pairs: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for (one, a), (two, b) in combinations(enumerate(whole), 2):
        same = a[0] == b[0]
        if a[1] == b[1] and (same or a[2] == b[2]):
            sizes = shared[one, one], shared[two, two]
            by_lot = sizes[0] * sizes[1] / max(pools[a], 1)
            pairs.setdefault((a[0], b[0]), []).append((_jaccard(shared[one, two], *sizes), _jaccard(by_lot, *sizes)))
    names = list(dict.fromkeys(strategy for strategy, _, _ in whole))
    for strategy, other in combinations_with_replacement(names, 2):
        found = pairs.get((strategy, other), []) + (pairs.get((other, strategy), []) if other != strategy else [])
        if found:
            mean = np.mean(found, axis=0)
            yield {"strategy": strategy, "other": other, "jaccard": mean[0], "chance": mean[1], "pairs": len(found)}


def _in_common(runs: list[list[Query]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return how many rows each two runs have both bought."""
    bought = [np.unique(np.concatenate([np.array(each.rows, dtype=np.int64) for each in run])) for run in runs]
    width = max((int(each.max()) + 1 for each in bought if len(each)), default=1)
    starts = np.cumsum([0, *(len(each) for each in bought)])
    incidence = sparse.csr_array((np.ones(starts[-1]), np.concatenate(bought), starts), shape=(len(bought), width))
    return np.asarray((incidence @ incidence.T).toarray())


def _jaccard(common: float, one: float, other: float) -> float:
    union = one + other - common
    return common / union if union else 0.0


def _sentence(rows: pd.DataFrame) -> str:
    others = rows[rows["strategy"] != rows["other"]].sort_values("jaccard", ascending=False, kind="stable")
    most, least = others.iloc[0], others.iloc[-1]
    said = f"Most alike are {most['strategy']} and {most['other']}: {_share(most)}."
    if len(others) == 1:
        return said
    return f"{said} Least alike are {least['strategy']} and {least['other']}: {_share(least)}."


def _share(row: pd.Series) -> str:
    return f"{100 * row['jaccard']:.0f} % of what either bought, where chance gives {100 * row['chance']:.0f} %"


def _map(rows: pd.DataFrame) -> dict[str, Any]:
    names = list(dict.fromkeys([*rows["strategy"], *rows["other"]]))
    cells = [
        {"row": one, "column": other, "share": round(100 * row["jaccard"], 2), "chance": round(100 * row["chance"], 2)}
        | {"pairs": int(row["pairs"]), "shown": f"{100 * row['jaccard']:.0f}"}
        for row in rows.to_dict(orient="records")
        for one, other in dict.fromkeys([(row["strategy"], row["other"]), (row["other"], row["strategy"])])
    ]
    base = alt.Chart(alt.InlineData(values=cells)).encode(
        x=alt.X("column:N", title=None, sort=names, axis=alt.Axis(orient="top", labelAngle=-40, labelLimit=130)),
        y=alt.Y("row:N", title=None, sort=names, axis=alt.Axis(labelLimit=130)),
        tooltip=[
            alt.Tooltip("row:N", title="strategy"),
            alt.Tooltip("column:N", title="and"),
            alt.Tooltip("share:Q", title="in common (%)", format=".1f"),
            alt.Tooltip("chance:Q", title="by chance (%)", format=".1f"),
            alt.Tooltip("pairs:Q", title="pairs of runs"),
        ],
    )
    scale = alt.Scale(domain=[0, max(cell["share"] for cell in cells)], range=[_OTHER, _SAME], interpolate="lab")
    layers = [
        base.mark_rect().encode(color=alt.Color("share:Q", scale=scale, legend=None)),
        base.mark_text(fontSize=12).encode(text=alt.Text("shown:N"), color=alt.ColorValue("black")),
    ]
    return finished(layers, _CELL * len(names), "Share of rows in common for each pair of strategies, in per cent.")
