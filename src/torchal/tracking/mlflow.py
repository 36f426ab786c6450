"""MLflow: an experiment with a run for each, in a file beside the results or on a server.

Runs are found again by their tag ``torchal.run``. What is new is added to a run; if something that it holds has
changed, the run is deleted, as MLflow deletes, and written anew.
"""

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from torchal.digest import canonical
from torchal.tracking import Tracker, Written, package
from torchal.tracking._runs import Run

_METRICS, _REST, _CHARACTERS = 1000, 100, 5000
"""What a server takes at once: metrics, parameters or tags, and a little less than the characters of one."""

Point = tuple[str, int, float]
"""Metric, number of labels and value."""


class Mlflow(Tracker):
    """Runs of an MLflow experiment, in a local database or on the server of a tracking URI."""

    def place(self, folder: Path) -> str:
        """Return the URI of a database in the folder."""
        return f"sqlite:///{folder.resolve() / 'mlflow.db'}"

    def write(self, experiment: str, runs: Iterable[Run], at: str) -> Written:
        """Write each run once."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # records leave this machine for nobody but --at
        flow, faults = package("mlflow", "mlflow"), package("mlflow.exceptions", "mlflow")
        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of every table that it creates
        uri = at if ":" in at else self.place(Path(at))
        try:
            shelf = _Shelf(flow, uri, experiment)
            changed = [shelf.put(run) for run in runs]
        except faults.MlflowException as error:
            raise ValueError(f"--at {at}: {error}") from error
        hint = f"mlflow ui --backend-store-uri {uri}" if uri.startswith("sqlite:") else ""
        return Written(uri, sum(changed), changed.count(False), hint)


class _Shelf:
    """The runs of one experiment in a store of MLflow's."""

    def __init__(self, flow: Any, uri: str, experiment: str) -> None:
        local = uri.removeprefix("sqlite:///") if uri.startswith("sqlite:///") else None
        if local:
            Path(local).parent.mkdir(parents=True, exist_ok=True)
        self._flow, self._client = flow, flow.MlflowClient(tracking_uri=uri)
        known = self._client.get_experiment_by_name(experiment)
        files = (Path(local).resolve().parent / "artifacts").as_uri() if local else None
        self._experiment = known.experiment_id if known else self._client.create_experiment(experiment, files)
        self._runs = {run.data.tags.get("torchal.run"): run for run in self._all()}

    def _all(self) -> list[Any]:
        found: list[Any] = []
        token = None
        while True:
            page = self._client.search_runs([self._experiment], page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    def put(self, run: Run) -> bool:
        """Have a run there as it is now; tell whether it was not before."""
        there = self._runs.get(run.id)
        if there and there.data.tags.get("torchal.digest") == run.digest:
            return False
        wanted = _points(run)
        held = self._held(there) if there else set()
        if there and not held <= wanted.keys():
            self._client.delete_run(there.info.run_id)
            there, held = None, set()
        name = there.info.run_id if there else self._created(run)
        self._log(name, run, {point: wanted[point] for point in wanted if point not in held})
        return True

    def _held(self, there: Any) -> set[Point]:
        history = (self._client.get_metric_history(there.info.run_id, name) for name in there.data.metrics)
        return {(each.key, each.step, each.value) for some in history for each in some}

    def _created(self, run: Run) -> str:
        began = _milliseconds(run.cycles[0].finished) if run.cycles else 0
        made = self._client.create_run(
            self._experiment, start_time=began or None, tags={"torchal.run": run.id}, run_name=run.id
        )
        name: str = made.info.run_id
        return name

    def _log(self, name: str, run: Run, points: dict[Point, int]) -> None:
        entities = self._flow.entities
        params = [entities.Param(key, _text(value)) for key, value in run.parameters.items()]
        metrics = [entities.Metric(key, value, time, step) for (key, step, value), time in points.items()]
        tags = [entities.RunTag(key, value) for key, value in _tags(run).items()]
        for some in _batched(params, _REST):
            self._client.log_batch(name, params=some)
        for some in _batched(metrics, _METRICS):
            self._client.log_batch(name, metrics=some)
        for some in _batched(tags, _REST):
            self._client.log_batch(name, tags=some)
        if run.about["finished"]:
            ended = max(_milliseconds(cycle.finished) for cycle in run.cycles)
            self._client.set_terminated(name, end_time=ended or None)
        self._client.set_tag(name, "torchal.digest", run.digest)  # last: a run without it is not whole


def _points(run: Run) -> dict[Point, int]:
    """Return each value, and when it was known in milliseconds."""
    return {
        (name, cycle.labelled, value): _milliseconds(cycle.finished)
        for cycle in run.cycles
        for name, value in ({"cycle": float(cycle.cycle)} | cycle.numbers | cycle.timing).items()
    }


def _tags(run: Run) -> dict[str, str]:
    recipes = {f"torchal.recipe.{cycle.cycle}": canonical(cycle.recipe) for cycle in run.cycles if cycle.recipe}
    return {name: text[:_CHARACTERS] for name, text in recipes.items()} | {
        f"torchal.{name}": _text(value) for name, value in run.about.items()
    }


def _text(value: Any) -> str:
    return (value if isinstance(value, str) else canonical(value))[:_CHARACTERS]


def _batched(values: list[Any], most: int) -> Iterator[list[Any]]:
    return (values[start : start + most] for start in range(0, len(values), most))


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
