"""Two strategies against each other, on the runs that both have: at each budget, and over all of it."""

from typing import Any

import numpy as np
import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

from torchal.report.compare import areas, minus
from torchal.report.frame import GROUP, Experiment, frame, place, scores
from torchal.report.verdict import points
from torchal.statistics.intervals import Interval, group_means, nested, student
from torchal.statistics.paired import permutation

_PAIR = [*GROUP, "partition", "seed"]
WHOLE = "over the budget"


def differences(experiment: Experiment, first: str, second: str) -> pd.DataFrame:
    """Return the mean paired difference of the first from the second, with its 95 % t interval, p (signs) and n.

    Raises:
        ValueError: if there is no such strategy, or they share no run.
    """
    values = scores(frame(experiment))
    for name in (first, second):
        if name not in set(values["strategy"]):
            known = ", ".join(dict.fromkeys(values["strategy"]))
            raise ValueError(f"there is no strategy '{name}' in these results; there are {known}")
    both = values[values["strategy"].isin([first, second])]
    at_each = minus(both, [*_PAIR, "cycle", "labelled"], second).assign(
        at=lambda rows: rows["labelled"].map("{:g}".format)
    )
    over_all = minus(areas(both), _PAIR, second).assign(at=WHOLE)
    paired = pd.concat([at_each, over_all])
    paired = paired[paired["strategy"] == first]
    if paired.empty:
        raise ValueError(f"{first} and {second} share no partition and seed yet; let the runs finish.")
    rows = [
        dict(zip([*GROUP, "at"], name, strict=True)) | _judged(some)
        for name, some in paired.groupby([*GROUP, "at"], sort=False)
    ]
    return pd.DataFrame(rows)


def table(found: pd.DataFrame, first: str, second: str) -> Group:
    """Return differences for the terminal, a table for each data set, network and condition."""
    return Group(
        *(_table(rows, f"{first} less {second} on {place(name)}") for name, rows in found.groupby(GROUP, sort=False))
    )


def _judged(some: pd.DataFrame) -> dict[str, Any]:
    wide = some.pivot_table(index="partition", columns="seed", values="value", sort=True).to_numpy()
    means = group_means(nested(wide.T if len(wide) == 1 else wide))
    found: Interval = student(means)
    p = permutation(means, np.random.default_rng(0)) if len(means) > 1 else np.nan
    return {"difference": found.mean, "low": found.low, "high": found.high, "p_signs": p, "n": len(means)}


def _table(rows: pd.DataFrame, title: str) -> Table:
    shown = Table(
        "labelled", "points", "95 % interval", "p (signs)", "n", title=Text(title, "bold"), title_justify="left"
    )
    for row in rows.to_dict(orient="records"):
        known = np.isfinite(row["low"])
        interval = f"{points(row['low'])} to {points(row['high'])}" if known else "one run: no interval"
        shown.add_row(
            row["at"], points(row["difference"]), interval, f"{row['p_signs']:.3f}" if known else "", str(row["n"])
        )
    return shown
