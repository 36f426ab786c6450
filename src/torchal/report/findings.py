"""What is known of an experiment once its records are read: the ground that every part of the page stands on."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from torchal.report import ledger, queries, searches
from torchal.report.compare import common, summary, with_baseline
from torchal.report.figures import Look, look
from torchal.report.frame import GROUP, Experiment, frame, place, read
from torchal.report.joined import joined
from torchal.report.ledger import Ledger
from torchal.report.queries import Queries
from torchal.report.searches import Searches


@dataclass(frozen=True)
class Findings:
    """An experiment's results, as far as they can be compared."""

    results: Path
    """The folder of results, where the store is."""
    experiment: Experiment
    table: pd.DataFrame
    """Everything measured."""
    kept: pd.DataFrame
    """The rows on which strategies are compared."""
    left_out: pd.DataFrame
    """Runs of which something could not be compared."""
    summary: pd.DataFrame
    ledger: Ledger
    """What the runs cost."""
    searches: Searches
    """Where the recipes come from."""
    queries: Queries
    """What was bought."""

    @cached_property
    def compared(self) -> pd.DataFrame:
        """The rows where there is random to compare with."""
        return with_baseline(self.kept)

    @cached_property
    def style(self) -> Look:
        """How strategies are drawn, in all charts alike."""
        return look(self.table)

    @property
    def several(self) -> bool:
        """Whether there is more than one data set, network or condition."""
        return len(self.table[GROUP].drop_duplicates()) > 1

    @cached_property
    def sizes(self) -> dict[str, str]:
        """How many replications each data set and model has, in words."""
        firsts = self.summary.drop_duplicates(GROUP).to_dict(orient="records")
        return {
            place(tuple(row[name] for name in GROUP)): f"n = {row['n']} {row['over']}, {row['runs']} runs a strategy"
            for row in firsts
        }


def findings(results: Path, *experiments: str) -> Findings:
    """Read an experiment, or several together, and compare what all strategies have in common.

    Raises:
        ValueError: if one was never started in that folder or nothing has been measured yet.
    """
    found = joined([read(results, name) for name in experiments])
    table = frame(found)
    kept, left_out = common(table)
    return Findings(
        results=results,
        experiment=found,
        table=table,
        kept=kept,
        left_out=left_out,
        summary=summary(kept),
        ledger=ledger.read(found, results),
        searches=searches.read(found, results),
        queries=queries.read(found, results),
    )
