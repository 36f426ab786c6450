"""Recompute runs into an empty store and compare what comes out, stage by stage."""

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from torchal.experiment import ExperimentSpec
from torchal.fingerprint import accept
from torchal.host import Host, prepare
from torchal.intact import digests
from torchal.loop import run
from torchal.runspec import RunSpec
from torchal.store import Event, Store


@dataclass(frozen=True)
class Verdict:
    """What the comparison of two stores found."""

    runs: tuple[str, ...]
    equal: dict[str, int]
    """Stage to how many entries came out byte for byte as before."""
    different: tuple[str, ...]
    """Entries whose files came out otherwise, as ``stage/key: file``."""
    absent: tuple[str, ...]
    """Entries that the results folder does not hold."""

    @property
    def same(self) -> bool:
        """Whether everything came out as before."""
        return bool(self.equal) and not self.different and not self.absent

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        total, runs = sum(self.equal.values()), f"{len(self.runs)} run{'s' * (len(self.runs) != 1)}"
        if self.same:
            return f"Verified {runs}: all {total} entries came out byte for byte as before."
        faults = [*(f"different: {each}" for each in self.different), *(f"absent: {each}" for each in self.absent)]
        return f"Not verified ({runs}): {total} entries equal, {len(faults)} not.\n" + "\n".join(faults[:20])

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**vars(self), "same": self.same}

    def table(self) -> Table:
        """Return it for the terminal."""
        table = Table("stage", "equal", "different", "absent")
        for stage in ("start", "trial", "tune", "fit", "own", "measure", "query"):
            faults = [sum(each.startswith(f"{stage}/") for each in some) for some in (self.different, self.absent)]
            table.add_row(stage, str(self.equal.get(stage, 0)), *map(str, faults))
        return table


def verify(
    experiment: ExperimentSpec,
    host: Host,
    chosen: str | None = None,
    *,
    every: bool = False,
    listener: Callable[[Event], None] = lambda _: None,
) -> Verdict:
    """Recompute one run, or every run, of an experiment and compare with the results folder.

    Raises:
        ValueError: if no run has that id, or this process has another fingerprint than the results.
    """
    prepare(host)
    runs = _chosen(experiment, chosen, every=every)
    if not (host.results / "store").is_dir():
        raise ValueError(f"{host.results} holds no results to verify; run the experiment first, or name --results.")
    with Store(host.results / "store") as store:
        accept(store, host.results, host.device, host.threads, mixed=host.mixed)
    with tempfile.TemporaryDirectory(prefix="torchal-verify-") as folder, Store(Path(folder), listener) as fresh:
        for spec in runs:
            run(spec, fresh, host.device)
        return _compared(tuple(spec.id for spec in runs), Path(folder), host.results / "store")


def _chosen(experiment: ExperimentSpec, chosen: str | None, *, every: bool) -> tuple[RunSpec, ...]:
    runs = experiment.runs()
    if every:
        return runs
    found = [spec for spec in runs if spec.id.startswith(chosen or "")]
    if not found:
        raise ValueError(
            f"--run {chosen}: no run's id starts so; the first is {runs[0].id}, torchal status tells all, and runs of "
            "a strategy of your own need --with its file."
        )
    return (found[0],)


def _compared(runs: tuple[str, ...], fresh: Path, known: Path) -> Verdict:
    equal: Counter[str] = Counter()
    different, absent = [], []
    for place in sorted(path.parent for path in fresh.glob("*/*/digests.json")):
        entry = place.relative_to(fresh)
        if not (known / entry).is_dir():
            absent.append(str(entry))
            continue
        before, now = digests(known / entry), digests(place)
        changed = [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
        different += [f"{entry}: {name}" for name in changed]
        equal[entry.parts[0]] += not changed
    return Verdict(runs, dict(equal), tuple(different), tuple(absent))
