"""CSV: tables that anything reads, with every digit of their numbers."""

from collections.abc import Iterable
from pathlib import Path

from torchal.report.frame import write_csv
from torchal.tracking import Tracker, Written
from torchal.tracking._runs import Run
from torchal.tracking._tables import tables


class Csv(Tracker):
    """Tables as .csv files: runs, cycles, recipes, epochs, and seconds apart."""

    def write(self, experiment: str, runs: Iterable[Run], at: str) -> Written:  # noqa: ARG002 - the target's signature
        """Write the tables in place of those that are there."""
        made, folder = tables(runs), Path(at)
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in made.items():
            write_csv(table, folder / f"{name}.csv")
        return Written(at, len(made["runs"]))
