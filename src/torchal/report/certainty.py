"""How sure differences from random are: intervals, tests, correction for their number, equivalence and power.

All take areas under the budget curve of paired runs. Replications are partitions, with seeds averaged or drawn within
them; where there is one partition they are seeds, as everywhere in the report.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr

from torchal.digest import seed_of
from torchal.report.compare import gains
from torchal.report.frame import GROUP, place
from torchal.report.remembered import remembered
from torchal.report.tables import Grid
from torchal.report.verdict import points
from torchal.statistics.intervals import Nested, bootstrap, group_means, student
from torchal.statistics.paired import equivalence, holm, permutation, wilcoxon
from torchal.statistics.planning import pairs_needed

MARGIN = 0.005
"""Half a point of accuracy: the difference that is taken to matter."""
ALPHA = 0.05


@remembered
def certainty(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each strategy but random, within each data set, network and condition.

    Columns, shares from 0 to 1: ``difference`` with Student's interval (``low``, ``high``) and the hierarchical
    bootstrap's (``bootstrap_low``, ``bootstrap_high``); p-values ``p`` (paired t), ``p_holm`` (that, corrected for the
    strategies of the group), ``p_signs`` (permutation) and ``p_wilcoxon``; ``p_equivalent`` that the difference is
    below half a point, with the interval that says so; ``needed``, the replications that would show half a point in
    four of five such experiments.

    Raises:
        ValueError: if a strategy lacks runs or cycles that another has.
    """
    rows = [
        dict(zip([*GROUP, "strategy"], name, strict=True)) | _judged(name, _replications(some))
        for name, some in gains(table).groupby([*GROUP, "strategy"], sort=False)
    ]
    found = pd.DataFrame(rows, columns=COLUMNS)
    corrected = found.groupby(GROUP, sort=False)["p"].transform(lambda p: holm(p.fillna(1)))
    return found.assign(p_holm=corrected.where(found["p"].notna()))


COLUMNS = [
    *GROUP,
    "strategy",
    "n",
    "difference",
    "low",
    "high",
    "bootstrap_low",
    "bootstrap_high",
    "p",
    "p_holm",
    "p_signs",
    "p_wilcoxon",
    "p_equivalent",
    "equivalent_low",
    "equivalent_high",
    "needed",
]


def told(table: pd.DataFrame) -> list[tuple[str, list[str], Grid]]:
    """Return for each data set, network and condition its name, what the numbers say in sentences, and a table."""
    found = certainty(table)
    return [(place(name), _sentences(rows), _grid(rows)) for name, rows in found.groupby(GROUP, sort=False)]


def _replications(some: pd.DataFrame) -> Nested:
    """Return gains as partitions x seeds, or as seeds where there is one partition, in the order of their names."""
    wide = some.pivot_table(index="partition", columns="seed", values="value", sort=True).to_numpy()
    return wide.T if len(wide) == 1 else wide


def _judged(name: tuple[Any, ...], values: Nested) -> dict[str, Any]:
    means, by_t = group_means(values), student(values)
    answer = {"n": len(means), "difference": by_t.mean, "low": by_t.low, "high": by_t.high}
    if len(means) < 2:
        return answer
    rng = np.random.default_rng(seed_of("bootstrap", *map(str, name)))
    drawn, same = bootstrap(values, rng), equivalence(means, MARGIN)
    return answer | {
        "bootstrap_low": drawn.low,
        "bootstrap_high": drawn.high,
        "p": _t(means),
        "p_signs": permutation(means, rng),
        "p_wilcoxon": wilcoxon(means),
        "p_equivalent": same.p,
        "equivalent_low": same.low,
        "equivalent_high": same.high,
        "needed": pairs_needed(float(means.std(ddof=1)), MARGIN),
    }


def _t(means: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return the p-value of the paired t test; differences that are all alike have no doubt in them."""
    error = means.std(ddof=1) / np.sqrt(len(means))
    if error == 0:
        return float(means.mean() == 0)
    return float(2 * stdtr(len(means) - 1, -abs(means.mean()) / error))


def _sentences(rows: pd.DataFrame) -> list[str]:
    tested = rows[rows["p"].notna()]
    if tested.empty:
        return ["One run of each strategy says nothing of others."]
    sure = tested[tested["p_holm"] < ALPHA]
    better, worse = sure[sure["difference"] > 0], sure[sure["difference"] < 0]
    same = tested[tested["p_equivalent"] < ALPHA]
    count = f"{len(tested)} comparison{'s' * (len(tested) != 1)}"
    said = [f"Corrected for {count} (Holm), {_named(better)} better than random, and {_named(worse)} worse."]
    if len(same):
        said.append(f"Within half a point of random, which is a finding too: {', '.join(same['strategy'])}.")
    return [*said, _power(tested[~tested.index.isin([*sure.index, *same.index])])]


def _named(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "none is"
    return f"{', '.join(rows['strategy'])} {'is' if len(rows) == 1 else 'are'}"


def _power(open_: pd.DataFrame) -> str:
    """Return what it would take to decide what is undecided."""
    if open_.empty:
        return "Every comparison is decided."
    wanted = open_["needed"].max() if open_["needed"].notna().all() else np.nan
    n, names = int(open_["n"].min()), ", ".join(open_["strategy"])
    if np.isnan(wanted):
        return f"Undecided: {names}. To show half a point would take more than 10,000 replications."
    if wanted <= n:
        return f"Undecided: {names}, with enough replications to show half a point; differences are smaller than that."
    more = f"{'up to ' * (len(open_) > 1)}{int(wanted) - n} more replications ({n} now)"
    return f"Undecided: {names}. To show half a point, four times out of five, takes {more}."


def _grid(rows: pd.DataFrame) -> Grid:
    headings = [
        "strategy",
        "difference",
        "95 % (t)",
        "95 % (bootstrap)",
        "p (t)",
        "p (Holm)",
        "p (signs)",
        "p (Wilcoxon)",
    ]
    headings += ["p (within ±0.5)", "n", "n for 0.5 points"]
    return Grid(headings, [_cells(row) for row in rows.to_dict(orient="records")])


def _cells(row: dict[Any, Any]) -> list[str]:
    return [
        row["strategy"],
        points(row["difference"]),
        _interval(row["low"], row["high"]),
        _interval(row["bootstrap_low"], row["bootstrap_high"]),
        *(_p(row[name]) for name in ("p", "p_holm", "p_signs", "p_wilcoxon", "p_equivalent")),
        str(row["n"]),
        "" if pd.isna(row["needed"]) else f"{int(row['needed'])}",
    ]


def _interval(low: float, high: float) -> str:
    return "" if pd.isna(low) else f"{points(low)} to {points(high)}"


def _p(value: float) -> str:
    return "" if pd.isna(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
