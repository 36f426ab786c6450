"""Whether who leads depends on the initial set, as figure 1 of Munjal et al. 2022 asks.

A strategy's difference from random on an initial set is the mean over its seeds, averaged over the budget as in all
verdicts, and at each budget. The accuracy that a set starts from is random's at the first budget.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from torchal.report.compare import BASELINE, areas
from torchal.report.figures import Figure
from torchal.report.frame import GROUP, place, scores
from torchal.report.heat import around_zero, heat_map
from torchal.report.outcomes import OVER_ALL
from torchal.report.remembered import remembered
from torchal.report.verdict import percent, points

_SET = [*GROUP, "partition", "outcome", "cycle", "labelled"]
COLUMNS = [*_SET, "strategy", "accuracy", "difference", "seeds", "leads"]
"""``outcome`` is either at one budget or averaged up to it, over all."""
AT_BUDGET = "accuracy"
_TOOLTIP = {
    "row": "strategy",
    "column": "initial set",
    "shown": "points from random",
    "accuracy": "accuracy (%)",
    "seeds": "seeds",
}


@dataclass(frozen=True)
class InitialSets:
    """What one data set, network and condition show."""

    place: str
    sentence: str
    figures: list[Figure]
    """A heat map of the average over the budget, then one for each budget after the first, the last budget's first."""


@remembered
def initial_sets(table: pd.DataFrame, baseline: str = BASELINE) -> pd.DataFrame:
    """Return each strategy's accuracy and difference from the baseline on each initial set, at each budget and AUBC.

    ``leads`` says whether no strategy is better on that set. Groups with one partition have no rows.
    """
    values = scores(table)
    values = values[values.groupby(GROUP)["partition"].transform("nunique") > 1]
    both = pd.concat([values.assign(outcome=AT_BUDGET), _averaged(values)])
    runs = both.groupby([*_SET, "strategy"], sort=False)["value"]
    means = runs.agg(accuracy="mean", seeds="count").reset_index()
    base = means.loc[means["strategy"] == baseline, [*_SET, "accuracy"]].rename(columns={"accuracy": "base"})
    found = means.merge(base, on=_SET, validate="many_to_one")
    best = found.groupby(_SET)["accuracy"].transform("max")
    return found.assign(difference=found["accuracy"] - found["base"], leads=found["accuracy"] == best)[COLUMNS]


def _averaged(values: pd.DataFrame) -> pd.DataFrame:
    """Return each run's accuracy averaged over the budget, in the row of its last budget."""
    last = values[values["cycle"] == values.groupby(GROUP)["cycle"].transform("max")]
    return last.drop(columns="value").merge(areas(values), how="left").assign(outcome=OVER_ALL)


def told(table: pd.DataFrame) -> list[InitialSets]:
    """Return for each data set, network and condition with several initial sets and budgets what they show."""
    return [
        InitialSets(place(name), _sentence(rows), _figures(f"initial-sets-{number}", rows))
        for number, (name, rows) in enumerate(initial_sets(table).groupby(GROUP, sort=False))
        if min(len(set(rows[name])) for name in ("cycle", "strategy")) > 1
    ]


def _sentence(rows: pd.DataFrame) -> str:
    whole = rows[rows["outcome"] == OVER_ALL]
    leads = whole.groupby("strategy", sort=False)["leads"].sum().sort_values(ascending=False, kind="stable")
    sets, at = whole["partition"].nunique(), "Averaged over the budget"
    everywhere = leads[leads == sets].index.tolist()
    if everywhere:
        return f"{at} {' and '.join(everywhere)} lead{'s' * (len(everywhere) == 1)} on all {sets} initial sets."
    named = ", ".join(f"{strategy} on {count} of {sets}" for strategy, count in leads[leads > 0].items())
    return f"{at} the best strategy differs between initial sets: {named}."


def _figures(id_: str, rows: pd.DataFrame) -> list[Figure]:
    reach = 100 * float(rows["difference"].abs().max()) or 1.0
    whole = rows["outcome"] == OVER_ALL
    first, *later = (some for _, some in rows[~whole].groupby("cycle"))
    shown = [("Averaged over the budget", rows[whole])]
    shown += [(f"With {some['labelled'].iloc[0]:g} labels", some) for some in reversed(later)]
    return [Figure(f"{id_}-{n}", caption, _map(some, first, reach)) for n, (caption, some) in enumerate(shown)]


def _map(some: pd.DataFrame, first: pd.DataFrame, reach: float) -> dict[str, Any]:
    """Return a heat map with a line for each strategy, the best on average on top, and one for the accuracy before."""
    order = some.groupby("strategy", sort=False)["difference"].mean().sort_values(ascending=False, kind="stable").index
    ranked = some.set_index("strategy").loc[order].reset_index()
    base = first[first["strategy"] == BASELINE].to_dict(orient="records")
    cells = [*map(_cell, ranked.to_dict(orient="records")), *map(_start, base)]
    return heat_map(cells, around_zero(reach), _TOOLTIP, "Difference from random of each strategy on each initial set.")


def _cell(row: dict[Any, Any]) -> dict[str, Any]:
    numbers = {
        "shown": points(row["difference"]).replace("-", "\u2212"),
        "value": round(100 * row["difference"], 4),
        "framed": row["leads"],
    }
    return {"row": row["strategy"], "column": row["partition"]} | numbers | _more(row)


def _start(row: dict[Any, Any]) -> dict[str, Any]:
    """Return the cell that says what an initial set alone gives."""
    numbers = {"shown": f"{percent(row['accuracy'])} %", "value": None, "framed": False}
    return {"row": f"at {row['labelled']:g} labels", "column": row["partition"]} | numbers | _more(row)


def _more(row: dict[Any, Any]) -> dict[str, Any]:
    return {"accuracy": percent(row["accuracy"]), "seeds": int(row["seeds"])}
