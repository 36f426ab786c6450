"""Weights & Biases: runs kept offline in a folder, to be sent by ``wandb sync`` if and when somebody wants to.

Nothing is sent from here, whatever WANDB_MODE says. A run has the same id in every export.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torchal.digest import digest_of
from torchal.tracking import Tracker, Written, package
from torchal.tracking._runs import Run

_MARK = "torchal.txt"
"""Holds the digest of a run that is written whole."""


class Wandb(Tracker):
    """Offline runs of Weights & Biases, in a project with the experiment's name."""

    def write(self, experiment: str, runs: Iterable[Run], at: str) -> Written:
        """Write each run that is not there as it is now, in place of an earlier state of it."""
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # nothing leaves this machine
        wandb, folder = package("wandb", "wandb"), Path(at)
        (folder / "wandb").mkdir(parents=True, exist_ok=True)
        there, changed = 0, {}
        for run in runs:
            if _holds(folder, experiment, run):
                there += 1
            else:
                _log(wandb, experiment, run, folder)
                changed[_name(experiment, run)] = run.digest
        wandb.teardown()  # a run that ended may still be written to its file, until the service has ended too
        for name, digest in changed.items():
            (_places(folder, name)[0] / _MARK).write_text(digest)
        return Written(at, len(changed), there, f"wandb sync {folder / 'wandb'}/offline-run-*")


def _name(experiment: str, run: Run) -> str:
    return digest_of([experiment, run.id])[:16]


def _places(folder: Path, name: str) -> list[Path]:
    return list((folder / "wandb").glob(f"offline-run-*-{name}"))


def _holds(folder: Path, experiment: str, run: Run) -> bool:
    """Tell whether a run is there as it is now; an earlier state of it is removed."""
    places = _places(folder, _name(experiment, run))
    marks = [place / _MARK for place in places]
    if any(mark.is_file() and mark.read_text() == run.digest for mark in marks):
        return True
    for place in places:
        shutil.rmtree(place)
    return False


def _log(wandb: Any, experiment: str, run: Run, folder: Path) -> None:
    opened = wandb.init(
        project=experiment,
        id=_name(experiment, run),
        name=run.id,
        group=str(run.parameters["strategy"]),
        config={"run": run.id} | run.about | run.parameters,
        dir=str(folder),
        settings=_settings(wandb),
        reinit="finish_previous",
    )
    opened.define_metric("*", step_metric="labelled")
    for cycle in run.cycles:
        recipe = {f"recipe/{path}": value for path, value in cycle.recipe.items() if value is not None}
        numbers = cycle.numbers | cycle.timing
        opened.log({"labelled": cycle.labelled, "cycle": cycle.cycle} | recipe | numbers, step=cycle.cycle)
    opened.finish()


def _settings(wandb: Any) -> Any:
    """Return settings by which a run tells of its records alone, and not of this machine and its code."""
    return wandb.Settings(
        mode="offline",
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        save_code=False,
        x_disable_stats=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
    )
