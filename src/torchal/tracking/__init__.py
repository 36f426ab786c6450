"""What has become of runs, given to the programs that people already look at runs with. One target a file.

All of it is read from records after the fact: no training waits for a tracker, and none can fail because of one.
"""

import importlib
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torchal.report import frame
from torchal.spec import Plugin, build
from torchal.tracking._runs import Run, read


@dataclass(frozen=True)
class Written:
    """What an export has come to."""

    place: str
    """Folder or address that holds the runs now."""
    runs: int
    """How many were written."""
    unchanged: int = 0
    """How many were there already, as they are."""
    hint: str = ""
    """The command to go on with."""


class Tracker(Plugin):
    """A program, or a format of files, that runs are written for."""

    room: ClassVar[str] = "torchal.tracking"

    def place(self, folder: Path) -> str:
        """Return where runs are written if nobody says so, given a folder of the experiment's own."""
        return str(folder)

    @abstractmethod
    def write(self, experiment: str, runs: Iterable[Run], at: str) -> Written:
        """Write runs; writing them again leaves each there once."""


def named(name: str) -> Tracker:
    """Return the target of a name.

    Raises:
        ValueError: naming the nearest known one.
    """
    try:
        found: Tracker = build(Tracker, name)
    except ValueError as error:
        raise ValueError(f"--to {name}: {error}") from error
    return found


def package(name: str, extra: str) -> Any:
    """Return a module of a package that comes with an extra.

    Raises:
        ValueError: naming the extra if the package is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(f"--to {extra}: its package is not installed; say pip install 'torchal[{extra}]'.") from error


def export_records(
    results: Path, experiment: str, to: str, at: str | None, progress: Callable[[int, int], None]
) -> Written:
    """Write the records of an experiment for a target.

    Args:
        results: folder of results.
        experiment: its name.
        to: name of the target.
        at: folder or address to write to; ``export/<target>`` in the experiment's folder of results if not given.
        progress: is told how many runs of how many are written.

    Raises:
        ValueError: if there is no such target, its package is not installed, or nothing is measured yet.
    """
    tracker = named(to)
    found = frame.read(results, experiment)
    if not any(cycle.test is not None for record in found.records for cycle in record.cycles):
        raise ValueError(f"{experiment}: no cycle has been measured yet, so there is nothing to export; run it first.")

    def told() -> Iterator[Run]:
        for done, run in enumerate(read(found, results)):
            progress(done, len(found.records))
            yield run

    return tracker.write(experiment, told(), at or tracker.place(results / experiment / "export" / to))
