"""The values that means and intervals are taken over: one for each replication."""

import numpy as np
import pandas as pd

from torchal.report.frame import GROUP


def replications(values: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return the mean of column ``value`` in each replication: a partition, or a seed where there is one partition.

    Columns: those of ``by``, ``over`` (what a replication is: ``partitions`` or ``seeds``), ``unit`` (which one) and
    ``value``.
    """
    lone = values.groupby(GROUP)["partition"].transform("nunique") == 1
    unit = values["partition"].astype(str).where(~lone, "seed " + values["seed"].astype(str))
    over = pd.Series(np.where(lone, "seeds", "partitions"), index=values.index, dtype="str")
    named = values.assign(unit=unit, over=over)
    return named.groupby([*by, "over", "unit"], sort=False)["value"].mean().reset_index()
