"""Strategies compared with random on paired runs, with intervals.

Two runs are paired if they share data set, model, partition, seed and, budget by budget, cycle. Every interval is a
Student t interval of 95 % over partitions, which are the independent replications: seeds on one partition share their
initial labels, so they are averaged first. With one partition it is taken over seeds instead, and column ``over`` says
so. Intervals are for single comparisons. Verdicts are not: a strategy is better or worse than random where the p-value
of the same t test is below 5 % after Holm's correction over all strategies compared with random on a data set, network
and condition.
"""

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from torchal.report.frame import GROUP, scores
from torchal.report.remembered import remembered
from torchal.report.replications import replications
from torchal.statistics.paired import holm

BASELINE = "random"
BETTER, WORSE, UNCLEAR = "better than random", "worse than random", "no clear difference"
NO_INTERVAL, REFERENCE, NOT_COMPARED = "one run: no interval", "the baseline", "no random to compare with"

_PAIR = [*GROUP, "partition", "seed"]
_KEY = [*_PAIR, "cycle", "labelled"]
_CELL = [*GROUP, "strategy", "cycle", "labelled"]
_LISTED = 5
_CONFIDENCE = 0.95


def curves(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean test accuracy of each strategy at each budget, with n and interval.

    The table is that of :func:`torchal.report.frame.frame`; means are shares from 0 to 1.
    """
    return intervals(scores(table), _CELL)


def differences(table: pd.DataFrame, baseline: str = BASELINE) -> pd.DataFrame:
    """Return each strategy's mean paired difference in test accuracy from the baseline at each budget.

    Positive is better than the baseline.

    Raises:
        ValueError: if the baseline is absent, or a strategy lacks runs or cycles that another has.
    """
    return intervals(paired(table, baseline), _CELL)


def paired(table: pd.DataFrame, baseline: str = BASELINE) -> pd.DataFrame:
    """Return the difference of each single run from its partner of the baseline, in column ``value``.

    Raises:
        ValueError: if the baseline is absent, or a strategy lacks runs or cycles that another has.
    """
    values = scores(table)
    _require_pairs(values)
    return minus(values, _KEY, baseline)


def summary(table: pd.DataFrame, baseline: str = BASELINE) -> pd.DataFrame:
    """Return one row a strategy: area under the budget curve, paired difference, interval, n and verdict.

    The area (AUBC) is the trapezoid of test accuracy over the labelled counts divided by their range: the accuracy
    averaged over the budget. With one cycle it is that cycle's accuracy. Rows go from the largest area to the smallest.

    Raises:
        ValueError: if a strategy lacks runs or cycles that another has; see :func:`common`.
    """
    values = scores(table)
    _require_pairs(values)
    surface, by = areas(values), [*GROUP, "strategy"]
    size = values.groupby(by, sort=False).agg(
        runs=("run", "nunique"),
        partitions=("partition", "nunique"),
        seeds=("seed", "nunique"),
        cycles=("cycle", "nunique"),
        first_labelled=("labelled", "min"),
        last_labelled=("labelled", "max"),
    )
    area = intervals(surface, by).rename(columns={"mean": "aubc", "low": "aubc_low", "high": "aubc_high"})
    gain = intervals(minus(surface, _PAIR, baseline), by).rename(columns={"mean": "difference"})
    rows = area.merge(gain[[*by, "difference", "low", "high"]], on=by, how="left").merge(size.reset_index(), on=by)
    rows["p_holm"] = _corrected(rows)
    rows["verdict"] = _verdicts(rows, baseline)
    position = rows.groupby(GROUP, sort=False).ngroup()
    rows = rows.assign(position=position).sort_values(["position", "aubc"], ascending=[True, False], kind="stable")
    return rows.drop(columns="position").reset_index(drop=True)


@remembered
def gains(table: pd.DataFrame, baseline: str = BASELINE) -> pd.DataFrame:
    """Return the area under the budget curve of each run less that of its partner of the baseline, in column ``value``.

    Raises:
        ValueError: if a strategy lacks runs or cycles that another has; see :func:`common`.
    """
    values = scores(table)
    _require_pairs(values)
    return minus(areas(values), _PAIR, baseline)


def common(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows that can be compared, and one row for each run of which something was left out.

    Left out are strategies that have not got as far as others with any of their runs, then the partitions and seeds
    in which not all other strategies have got furthest. The second table has columns ``cycles``, how many were left
    out, and ``reason``.
    """
    known = scores(table)
    reach = known.groupby([*_PAIR, "strategy"])["cycle"].transform("nunique")
    furthest = reach.groupby([known[name] for name in [*GROUP, "strategy"]]).transform("max")
    behind = furthest < reach.groupby([known[name] for name in GROUP]).transform("max")
    ahead = known[~behind]
    strategies = ahead.groupby(GROUP)["strategy"].transform("nunique")
    shared = ahead[ahead.groupby(_KEY)["strategy"].transform("nunique") == strategies]
    length = shared.groupby(_PAIR)["cycle"].transform("nunique")
    kept = shared[length == length.groupby([shared[name] for name in GROUP]).transform("max")]
    index = ["strategy", *_KEY]
    chosen = pd.MultiIndex.from_frame(table[index]).isin(pd.MultiIndex.from_frame(kept[index]))
    return table[chosen].reset_index(drop=True), _left_out(known.assign(behind=behind).drop(index=kept.index))


def _left_out(rows: pd.DataFrame) -> pd.DataFrame:
    behind = "the strategy has not got as far as the others with any run"
    others = "another strategy has not got as far with this partition and seed"
    runs = rows.groupby([*GROUP, "strategy", "partition", "seed"], sort=False)
    counted = runs.agg(cycles=("cycle", "nunique"), behind=("behind", "first")).reset_index()
    return counted.assign(reason=np.where(counted["behind"], behind, others)).drop(columns="behind")


def with_baseline(table: pd.DataFrame, baseline: str = BASELINE) -> pd.DataFrame:
    """Return the rows of those data sets and models for which the baseline has runs."""
    present = (table["strategy"] == baseline).groupby([table[name] for name in GROUP]).transform("any")
    return table[present].reset_index(drop=True)


def intervals(values: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return mean, 95 % interval (``low``, ``high``), n and what n counts (``over``) of column ``value``.

    Where n is 1 the interval is NaN.
    """
    averaged = replications(values, by)
    cells = averaged.groupby([*by, "over"], sort=False)["value"].agg(["mean", "std", "count"]).reset_index()
    half = stdtrit(cells["count"] - 1, (1 + _CONFIDENCE) / 2) * cells["std"] / np.sqrt(cells["count"])
    cells = cells.assign(low=cells["mean"] - half, high=cells["mean"] + half).rename(columns={"count": "n"})
    return cells[[*by, "mean", "low", "high", "n", "over"]]


@remembered
def areas(values: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy averaged over the budget of each run, in column ``value``."""
    run = [*GROUP, "strategy", "partition", "seed"]
    ordered = values.sort_values("cycle", kind="stable")
    runs = ordered.groupby(run, sort=False)
    strips = runs["labelled"].diff() * (ordered["value"] + runs["value"].shift()) / 2
    found = ordered.assign(strip=strips).groupby(run, sort=False)
    areas = found.agg(
        area=("strip", "sum"), first=("labelled", "min"), last=("labelled", "max"), accuracy=("value", "mean")
    )
    span = areas["last"] - areas["first"]
    averaged = areas["accuracy"].where(span == 0, areas["area"] / span.where(span > 0, 1))
    return averaged.rename("value").reset_index()


def minus(values: pd.DataFrame, key: list[str], baseline: str) -> pd.DataFrame:
    """Return the rows of all strategies but the baseline, less the baseline's value under the same key."""
    base = values.loc[values["strategy"] == baseline, [*key, "value"]].rename(columns={"value": "base"})
    others = values[values["strategy"] != baseline].merge(base, on=key, how="inner", validate="many_to_one")
    return others.assign(value=others["value"] - others["base"]).drop(columns="base")


@remembered
def _require_pairs(values: pd.DataFrame) -> None:
    """Refuse strategies that do not all have the same runs and cycles."""
    strategies = values[[*GROUP, "strategy"]].drop_duplicates()
    wanted = values[_KEY].drop_duplicates().merge(strategies, on=GROUP)
    compared = wanted.merge(values[[*_KEY, "strategy"]], how="left", indicator="found")
    missing = compared[compared["found"] == "left_only"]
    if len(missing):
        listed = "; ".join(
            f"{row.strategy} lacks {row.dataset}, {row.model}, partition {row.partition}, seed {row.seed}, "
            f"cycle {row.cycle} with {row.labelled} labelled"
            for row in missing.head(_LISTED).itertuples()
        )
        raise ValueError(
            f"strategies can only be compared on the same runs, and {len(missing)} cycles are missing: {listed}"
            f"{'; ...' if len(missing) > _LISTED else ''}. Let torchal run finish, or drop the others with common()."
        )


def _corrected(rows: pd.DataFrame) -> pd.Series:
    """Return the p-values of the t tests behind the intervals, corrected together within each group."""
    error = (rows["high"] - rows["low"]) / 2 / stdtrit(rows["n"] - 1, (1 + _CONFIDENCE) / 2)
    by_t = pd.Series(2 * stdtr(rows["n"] - 1, -(rows["difference"].abs() / error)), index=rows.index)
    p = by_t.where(error > 0, (rows["difference"] == 0).astype("float64"))
    found = p[rows["difference"].notna() & (rows["n"] > 1)]
    corrected: pd.Series = found.groupby([rows.loc[found.index, name] for name in GROUP]).transform(holm)
    return corrected.reindex(rows.index)


def _verdicts(rows: pd.DataFrame, baseline: str) -> pd.Series:
    compared = rows["difference"].notna()
    cases = [
        (rows["strategy"] == baseline, REFERENCE),
        (~compared, NOT_COMPARED),
        (rows["n"] < 2, NO_INTERVAL),
        ((rows["p_holm"] < 1 - _CONFIDENCE) & (rows["difference"] > 0), BETTER),
        ((rows["p_holm"] < 1 - _CONFIDENCE) & (rows["difference"] < 0), WORSE),
    ]
    words = np.select([case for case, _ in cases], [word for _, word in cases], default=UNCLEAR)
    return pd.Series(words, index=rows.index, dtype="str")
