"""Who beats whom, and how often: the pairwise penalty matrix of Ash et al. 2020, over the budgets after the first.

One strategy beats another at a budget where a paired t test over replications tells them apart at 5 %.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import pandas as pd

from torchal.report.figures import Figure
from torchal.report.frame import GROUP, place, scores
from torchal.report.heat import heat_map, up_to
from torchal.report.remembered import remembered
from torchal.report.replications import replications
from torchal.statistics.several import penalty

COLUMNS = [*GROUP, "strategy", "other", "share", "settings", "n"]
OTHERS = "others"
"""Row and column of the totals: the mean over all other strategies."""
NONE = "There is no such table here: it takes two strategies, two budgets, and two partitions or seeds."
_TOOLTIP = {"row": "strategy", "column": "beats", "shown": "in % of budgets", "budgets": "budgets", "n": "n"}


@dataclass(frozen=True)
class Penalties:
    """What one data set, network and condition show, or all of them together."""

    place: str
    sentence: str
    figure: Figure | None
    """None where there are no replications to test with."""


@remembered
def penalties(table: pd.DataFrame) -> pd.DataFrame:
    """Return in which share of the budgets after the first a strategy beats another, within each group.

    ``settings`` counts those budgets, ``n`` the replications of each test, or the fewest. Groups with one replication,
    one strategy or one budget have no rows. Where several have, rows with empty names are over all of these, for the
    strategies that all of them have.
    """
    groups = replications(scores(table), [*GROUP, "strategy", "cycle"]).groupby(GROUP, sort=False)
    found = pd.DataFrame([row for name, some in groups for row in _of_group(name, some)], columns=COLUMNS)
    return pd.concat([found, _together(found)], ignore_index=True) if len(_groups(found)) > 1 else found


def told(table: pd.DataFrame) -> list[Penalties]:
    """Return for each data set, network and condition, and for all of them together, a sentence and a heat map."""
    found = penalties(table)
    shown = dict(list(found.groupby(GROUP, sort=False)))
    names = dict.fromkeys([*_groups(table), *_groups(found)])
    return [_told(f"penalties-{number}", name, shown.get(name)) for number, name in enumerate(names)]


def _groups(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    return list(table[GROUP].drop_duplicates().itertuples(index=False, name=None))


def _of_group(name: tuple[Any, ...], some: pd.DataFrame) -> Iterator[dict[str, Any]]:
    later = some[some["cycle"] > some["cycle"].min()]
    names, units = (list(dict.fromkeys(later[column])) for column in ("strategy", "unit"))
    if min(len(names), len(units)) < 2:
        return
    wide = later.pivot_table(index="cycle", columns=["strategy", "unit"], values="value")
    values = wide[list(product(names, units))].to_numpy().reshape(-1, len(names), len(units))
    shares = penalty(values[:, :, None] - values[:, None])
    for (row, one), (column, other) in permutations(enumerate(names), 2):
        beaten = {"strategy": one, "other": other, "share": float(shares[row, column])}
        yield dict(zip(GROUP, name, strict=True)) | beaten | {"settings": len(values), "n": len(units)}


def _together(found: pd.DataFrame) -> pd.DataFrame:
    """Return the shares over the budgets of all groups, of strategies that all groups have."""
    pairs = found.assign(won=found["share"] * found["settings"]).groupby(["strategy", "other"], sort=False)
    sums = pairs.agg(won=("won", "sum"), settings=("settings", "sum"), n=("n", "min"), groups=("n", "size"))
    shared = sums[sums["groups"] == len(_groups(found))].reset_index()
    return shared.assign(share=shared["won"] / shared["settings"], **dict.fromkeys(GROUP, ""))[COLUMNS]


def _told(id_: str, name: tuple[Any, ...], rows: pd.DataFrame | None) -> Penalties:
    where = place(name) if name[0] else "All of them together"
    if rows is None:
        return Penalties(where, NONE, None)
    beats, beaten = (rows.groupby(column, sort=False)["share"].mean() for column in ("strategy", "other"))
    order = sorted(beaten.index, key=lambda name: (beaten[name], -beats[name]))
    cells = _cells(rows, beats, beaten, order)
    drawn = heat_map(
        cells, up_to(100), _TOOLTIP, "Share of the budgets in which the row beats the column, in per cent."
    )
    return Penalties(where, _sentence(beats, beaten, order), Figure(id_, where, drawn))


def _sentence(beats: pd.Series, beaten: pd.Series, order: list[str]) -> str:
    if not beats.any():
        return "At no budget is one strategy told apart from another."
    best, worst = order[0], order[-1]
    return (
        f"{best} is beaten least, in {_per_cent(beaten[best])} % of its comparisons, and wins {_per_cent(beats[best])} "
        f"%; {worst} is beaten most, in {_per_cent(beaten[worst])} %."
    )


def _cells(rows: pd.DataFrame, beats: pd.Series, beaten: pd.Series, order: list[str]) -> list[dict[str, Any]]:
    """Return the cells row by row; those of totals, and of a strategy with itself, have no colour."""
    pairs = rows.set_index(["strategy", "other"])["share"].to_dict()
    totals = {(name, OTHERS): beats[name] for name in order} | {(OTHERS, name): beaten[name] for name in order}
    written = {pair: _per_cent(share) for pair, share in (pairs | totals).items()}
    about = {"budgets": int(rows["settings"].iloc[0]), "n": int(rows["n"].iloc[0]), "framed": False}
    return [
        {"row": pair[0], "column": pair[1], "shown": written.get(pair, ""), **about}
        | {"value": round(100 * pairs[pair], 4) if pair in pairs else None}
        for pair in product([*order, OTHERS], repeat=2)
    ]


def _per_cent(share: float) -> str:
    return f"{100 * share:.0f}"
