"""TensorBoard: a file of events for each run, and one for each of its trainings.

TensorBoard's own record writer is used and no SummaryWriter, whose files are named after the host and the second: the
same records give the same files, and writing them again replaces them.
"""

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from torchal.digest import canonical
from torchal.tracking import Tracker, Written, package
from torchal.tracking._runs import Cycle, Numbers, Run

NAME = "events.out.tfevents.0.torchal"
"""TensorBoard looks for files whose name contains ``tfevents``."""


class Tensorboard(Tracker):
    """Event files for TensorBoard: scalars by labels, text of recipes, parameters, and each training by epochs."""

    def write(self, experiment: str, runs: Iterable[Run], at: str) -> Written:  # noqa: ARG002 - the target's signature
        """Write a folder for each run, and in it one for each training."""
        events = _Events()
        count = sum(_put(events, run, Path(at) / run.id) for run in runs)
        return Written(at, count, hint=f"tensorboard --logdir {at}")


def _put(events: "_Events", run: Run, folder: Path) -> bool:
    events.save(folder, events.of_run(run))
    for cycle in run.cycles:
        training = list(events.of_training(cycle))
        if training:
            events.save(folder / f"cycle-{cycle.cycle}", training)
    return True


class _Events:
    """TensorBoard's messages, made of numbers and text."""

    def __init__(self) -> None:
        self._writer = package("tensorboard.summary.writer.record_writer", "tensorboard").RecordWriter
        self._event = package("tensorboard.compat.proto.event_pb2", "tensorboard").Event
        self._summary = package("tensorboard.compat.proto.summary_pb2", "tensorboard").Summary
        self._tensor = package("tensorboard.compat.proto.tensor_pb2", "tensorboard").TensorProto
        self._string = package("tensorboard.compat.proto.types_pb2", "tensorboard").DT_STRING
        self._text = package("tensorboard.plugins.text.metadata", "tensorboard")
        self._hparams = package("tensorboard.plugins.hparams.summary_v2", "tensorboard")

    def of_run(self, run: Run) -> Iterator[Any]:
        """Yield what is known of a run at each number of labels."""
        parameters = {name: canonical(each) if each is None else each for name, each in run.parameters.items()}
        began = run.cycles[0].finished if run.cycles else 0.0
        yield self._event(wall_time=began, summary=self._hparams.hparams_pb(parameters, run.id, began))
        for cycle in run.cycles:
            at = {"step": cycle.labelled, "wall_time": cycle.finished}
            numbers = {"cycle": float(cycle.cycle)} | cycle.numbers | cycle.timing
            yield self._event(summary=self._scalars(numbers), **at)
            if cycle.recipe:
                yield self._event(summary=self._written("recipe", _markdown(cycle.recipe)), **at)

    def of_training(self, cycle: Cycle) -> Iterator[Any]:
        """Yield the epochs of a cycle's training."""
        for epoch, numbers in cycle.epochs():
            named = {f"training/{name}": each for name, each in numbers.items()}
            yield self._event(summary=self._scalars(named), step=epoch, wall_time=cycle.finished)

    def _scalars(self, numbers: Numbers) -> Any:
        return self._summary(value=[self._summary.Value(tag=name, simple_value=each) for name, each in numbers.items()])

    def _written(self, tag: str, text: str) -> Any:
        metadata = self._text.create_summary_metadata(display_name=tag, description="")
        tensor = self._tensor(dtype=self._string, string_val=[text.encode()])
        return self._summary(value=[self._summary.Value(tag=tag, metadata=metadata, tensor=tensor)])

    def save(self, folder: Path, events: Iterable[Any]) -> None:
        """Write the file of a folder whole, in place of one that is there."""
        buffer = BytesIO()
        writer = self._writer(buffer)
        writer.write(self._event(file_version="brain.Event:2").SerializeToString(deterministic=True))
        for event in events:
            writer.write(event.SerializeToString(deterministic=True))
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / "draft"
        draft.write_bytes(buffer.getvalue())
        draft.replace(folder / NAME)


def _markdown(recipe: dict[str, Any]) -> str:
    rows = (f"| {path} | `{canonical(value)}` |" for path, value in recipe.items())
    return "\n".join(("| field | value |", "|---|---|", *rows))
