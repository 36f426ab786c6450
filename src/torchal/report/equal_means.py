"""The tests of Munjal et al. 2022: Kruskal and Wallis's, and Games and Howell's, over all runs as if independent.

Runs on one partition share their initial labels, so these tests are no ground for verdicts; they stand here for
comparison with that paper.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from torchal.report.frame import GROUP, place
from torchal.report.outcomes import SAID, outcomes
from torchal.report.tables import Grid
from torchal.report.words import counted, p_value
from torchal.statistics.several import equal_means

COLUMNS = [*GROUP, "outcome", "test", "strategy", "other", "p", "runs"]
ANY, PAIR = "Kruskal-Wallis", "Games-Howell"
ALPHA = 0.05
_NAMED = 5
"""Pairs that a sentence names; the table has them all."""


@dataclass(frozen=True)
class EqualMeans:
    """What the tests say of one data set, network and condition."""

    place: str
    sentences: list[str]
    table: Grid | None
    """None where there are too few runs to test."""


def p_values(table: pd.DataFrame) -> pd.DataFrame:
    """Return p-values at the last budget and over the whole: of any difference, then of each pair of strategies.

    A p-value is NaN where runs do not vary, so that it is not defined. ``runs`` counts those of a strategy, or of the
    pair. Groups with one strategy, or one run of each, have no rows.
    """
    groups = outcomes(table).groupby([*GROUP, "outcome"], sort=False)
    return pd.DataFrame([row for name, some in groups for row in _rows(name, some)], columns=COLUMNS)


def told(table: pd.DataFrame, found: pd.DataFrame) -> list[EqualMeans]:
    """Return for each data set, network and condition of a table what its :func:`p_values` say."""
    groups = dict(list(found.groupby(GROUP, sort=False)))
    names = table[GROUP].drop_duplicates().itertuples(index=False, name=None)
    return [_told(name, groups.get(name)) for name in names]


def _rows(name: tuple[Any, ...], some: pd.DataFrame) -> Iterator[dict[str, Any]]:
    samples = {strategy: runs["value"].to_numpy() for strategy, runs in some.groupby("strategy", sort=False)}
    if len(samples) < 2 or min(map(len, samples.values())) < 2:
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        found = equal_means(list(samples.values()))
    shared = dict(zip([*GROUP, "outcome"], name, strict=True))
    yield shared | {"test": ANY, "strategy": "", "other": "", "p": found.any_differs, "runs": len(some)}
    for (row, one), (column, other) in combinations(enumerate(samples), 2):
        pair = {"test": PAIR, "strategy": one, "other": other, "p": float(found.pairs[row, column])}
        yield shared | pair | {"runs": len(samples[one]) + len(samples[other])}


def _told(name: tuple[Any, ...], rows: pd.DataFrame | None) -> EqualMeans:
    if rows is None:
        return EqualMeans(place(name), ["These tests take two strategies with two runs each."], None)
    return EqualMeans(
        place(name),
        [_sentence(str(outcome), some) for outcome, some in rows.groupby("outcome", sort=False)],
        _grid(rows),
    )


def _sentence(outcome: str, rows: pd.DataFrame) -> str:
    whole, pairs = rows[rows["test"] == ANY].iloc[0], rows[rows["test"] == PAIR]
    apart = pairs[pairs["p"] < ALPHA].sort_values("p", kind="stable")
    named = [f"{row['strategy']} and {row['other']}" for row in apart.head(_NAMED).to_dict(orient="records")]
    listed = f": {', '.join(named)}{', ...' * (len(apart) > _NAMED)}" if named else ""
    differ = "differ" if whole["p"] < ALPHA else "do not differ clearly"
    return (
        f"{SAID[outcome].capitalize()} strategies {differ} (Kruskal-Wallis, {p_value(whole['p'])}); of "
        f"{counted(len(pairs), 'pair')} {len(apart) or 'none'} differ{'s' * (len(apart) < 2)} (Games-Howell){listed}."
    )


def _grid(rows: pd.DataFrame) -> Grid:
    """Return a line for all strategies together, and one for each pair."""
    cells: dict[tuple[str, str], list[str]] = {}
    for row in rows.to_dict(orient="records"):
        compared = f"{row['strategy']} and {row['other']}" if row["test"] == PAIR else "all strategies"
        cells.setdefault((compared, row["test"]), []).append(p_value(row["p"]).removeprefix("p ").removeprefix("= "))
    headings = ["compared", "test", *(f"p, {SAID[outcome]}" for outcome in dict.fromkeys(rows["outcome"]))]
    return Grid(headings, [[*names, *values] for names, values in cells.items()], names=2)
