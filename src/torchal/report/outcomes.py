"""What a run comes to, in one number: accuracy at the last budget, and averaged over the budget."""

import pandas as pd

from torchal.report.compare import areas
from torchal.report.frame import GROUP, scores

AT_LAST, OVER_ALL = "last budget", "AUBC"
SAID = {AT_LAST: "at the last budget", OVER_ALL: "averaged over the budget"}
"""The same within a sentence."""


def outcomes(table: pd.DataFrame) -> pd.DataFrame:
    """Return each run's accuracy at the last budget and averaged over the budget, told apart by column ``outcome``.

    Where there is one budget the two are the same, and the last budget stands alone.
    """
    values = scores(table)
    cycles = values.groupby(GROUP)["cycle"]
    last, several = values[values["cycle"] == cycles.transform("max")], values[cycles.transform("nunique") > 1]
    columns = [*GROUP, "outcome", "strategy", "partition", "seed", "value"]
    return pd.concat([last.assign(outcome=AT_LAST)[columns], areas(several).assign(outcome=OVER_ALL)[columns]])
