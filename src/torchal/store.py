"""The disk as a memo: an entry exists only if its stage finished, and says by digest whether it is still whole.

An entry is a folder ``STORE/<stage>/<key>`` with the files the stage wrote, ``inputs.json`` (what the key was made of),
``digests.json`` (SHA-256 of every file but sidecars) and the sidecars ``timing.json`` and a log. A sidecar is a file
whose name contains ``timing``: it holds seconds, energy and facts of the host, and no digest covers it. An entry whose
computation asked for others has ``uses.json``, a list of their [stage, key] in the order of first asking, found or made
alike.
"""

import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from filelock import FileLock, Timeout

from torchal.digest import canonical, digest_of
from torchal.filesystem import rename_fault
from torchal.intact import Corrupt, content, digests, unaltered
from torchal.stage_log import LOG, StageLog, logged

Compute = Callable[[Path], None]
"""Writes the files of an entry into the folder it is given."""

Meter = Callable[[], float | None]
"""Reads a counter of the joules that the device has used so far; None where nothing tells."""


@dataclass(frozen=True)
class Stage:
    """A kind of computation; its version is raised when the same inputs come to mean another result."""

    name: str
    version: int = 1

    def key(self, inputs: dict[str, Any]) -> str:
        """Return the key of the entry that holds the result for some inputs."""
        return digest_of({"stage": self.name, "version": self.version, "inputs": inputs})


@dataclass(frozen=True)
class Entry:
    """A finished stage on disk."""

    key: str
    path: Path

    def json(self, name: str) -> Any:
        """Read one of its JSON files."""
        return json.loads((self.path / name).read_bytes())


@dataclass(frozen=True)
class Event:
    """Something a listener may want to show."""

    kind: Literal["commit", "corrupt", "differs", "epoch", "left out", "outdated", "retry"]
    stage: str
    key: str
    detail: str = ""


@dataclass(frozen=True)
class _Spent:
    """Time and energy, counted from anywhere."""

    seconds: float = 0.0
    joules: float | None = 0.0

    def plus(self, other: "_Spent", sign: int = 1) -> "_Spent":
        joules = None if self.joules is None or other.joules is None else self.joules + sign * other.joules
        return _Spent(self.seconds + sign * other.seconds, joules)


@dataclass
class _Open:
    """A computation in progress."""

    started: _Spent
    log: StageLog
    within: _Spent = field(default_factory=_Spent)
    """What the entries cost that were made for it meanwhile."""
    uses: dict[tuple[str, str], None] = field(default_factory=dict)
    """Stage and key of the entries that it asked for, in the order of first asking."""
    own: _Spent = field(default_factory=_Spent)
    """What it cost without those within, once it is over."""

    @property
    def timing(self) -> dict[str, Any]:
        """What its sidecar holds."""
        energy = {} if self.own.joules is None else {"joules": self.own.joules}
        return {"seconds": self.own.seconds, **energy, "finished": time.time(), "host": socket.gethostname()}


class Missing(LookupError):
    """A stage was asked for that a read-only store does not hold."""


class Store:
    """Entries below one folder, shared by any number of processes without a lock on any entry."""

    def __init__(
        self,
        root: Path,
        listener: Callable[[Event], None] = lambda _: None,
        checkpoint_every: int = 25,
        meter: Meter = lambda: None,
    ) -> None:
        """Open a store, which creates nothing yet.

        Args:
            root: its folder.
            listener: is told what happens.
            checkpoint_every: epochs between two checkpoints of a training that is not finished; 0 for none.
            meter: counts the energy that is used.
        """
        self.root = root
        self.checkpoint_every = checkpoint_every
        self._listener = listener
        self._meter = meter
        self._whole: dict[str, Entry] = {}
        self._open: list[_Open] = []

    def __enter__(self) -> Self:
        self.sweep()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prove(self) -> None:
        """Try whether a finished stage can appear here in one step.

        Raises:
            ValueError: saying what the file system does instead.
        """
        with self._draft() as draft:
            fault = rename_fault(draft)
        if fault:
            raise ValueError(
                f"{self.root}: {fault}, and a result has to appear in one step; name another --results folder, on a "
                "disk, and copy it here when everything is finished"
            )

    def memo(self, stage: Stage, inputs: dict[str, Any], compute: Compute) -> Entry:
        """Return the entry for some inputs, computing it if it is not there or no longer whole."""
        key = stage.key(inputs)
        return self.find(stage, key) or self._make(stage, key, inputs, compute)

    def find(self, stage: Stage, key: str) -> Entry | None:
        """Return the entry of a key if it exists and is whole; one that is not whole is reported and removed.

        Whatever is being computed meanwhile is noted to use that entry.
        """
        if self._open:
            self._open[-1].uses[stage.name, key] = None
        if key in self._whole:
            return self._whole[key]
        path = self._place(stage, key)
        if not path.is_dir():
            return None
        try:
            check(path, stage, key)
        except Corrupt as fault:
            self._listener(Event("corrupt", stage.name, key, str(fault)))
            self._discard(path)
            return None
        self._whole[key] = Entry(key, path)
        return self._whole[key]

    def tell(self, stage: Stage, detail: str) -> None:
        """Tell the listener how far the computation of an entry is."""
        self._meter()  # a counter that starts over every so often has to be read in between
        if self._open:
            self._open[-1].log.say(detail)
        self._listener(Event("epoch", stage.name, "", detail))

    def retry(self, stage: str, detail: str) -> None:
        """Tell the listener that a stage is tried again."""
        self._listener(Event("retry", stage, "", detail))

    def unfinished(self, stage: Stage, inputs: dict[str, Any]) -> Path:
        """Return the file in which a computation may keep its state until its entry is committed."""
        return self.root / "unfinished" / stage.name / f"{stage.key(inputs)}.safetensors"

    def write(self, path: Path, text: str) -> None:
        """Replace a file's text at once, or leave it as it is if it already reads so."""
        data = text.encode()
        if not (path.is_file() and path.read_bytes() == data):
            self.replace(path, lambda draft: draft.write_bytes(data))

    def replace(self, path: Path, write: Callable[[Path], object]) -> None:
        """Replace a file at once by what is written to the path that is given."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._draft() as draft:
            write(draft / path.name)
            _sync(draft / path.name)
            (draft / path.name).replace(path)
            _sync_folder(path.parent)

    def unusable(self, path: Path, stage: Stage, fault: str) -> None:
        """Tell the listener of a file that may be done without, and remove it."""
        self._listener(Event("corrupt", stage.name, "", fault))
        path.unlink(missing_ok=True)

    def adopt(self, entry: Path) -> None:
        """Copy an entry of another store, which appears here in one step or, if it is there by then, not at all."""
        with self._draft() as draft:
            copy = draft / entry.name
            shutil.copytree(entry, copy)
            for file in copy.rglob("*"):
                _sync(file)
            self._commit(copy, Stage(entry.parent.name), entry.name)

    def sweep(self) -> None:
        """Remove the drafts of processes that are gone."""
        for workspace in self._drafts.glob("*/"):
            lock = FileLock(self._drafts / f"{workspace.name}.lock", timeout=0)
            try:
                with lock:
                    shutil.rmtree(workspace, ignore_errors=True)
                    Path(lock.lock_file).unlink(missing_ok=True)
            except Timeout:  # its process lives
                continue

    def close(self) -> None:
        """Remove this process's own draft space."""
        if "_workspace" in vars(self):
            workspace, lock = vars(self).pop("_workspace")
            shutil.rmtree(workspace, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()

    def _make(self, stage: Stage, key: str, inputs: dict[str, Any], compute: Compute) -> Entry:
        with self._draft() as draft:
            with logged(draft, stage.name, key, inputs, self.root / "failed") as log, self._opened(log) as opened:
                compute(draft)
            if opened.uses:
                (draft / "uses.json").write_text(canonical(list(opened.uses)))
            (draft / "inputs.json").write_text(canonical(inputs))
            (draft / "digests.json").write_text(canonical(digests(draft)))
            (draft / "timing.json").write_text(canonical(opened.timing))
            for file in draft.rglob("*"):
                if file.name != LOG:  # nothing that matters is in a log alone
                    _sync(file)
            self._commit(draft, stage, key)
        entry = self._whole[key] = Entry(key, self._place(stage, key))
        self.unfinished(stage, inputs).unlink(missing_ok=True)
        self._listener(Event("commit", stage.name, key))
        return entry

    @contextmanager
    def _opened(self, log: StageLog) -> Iterator[_Open]:
        """Count what a computation costs and note what it asks for, apart from the one it is made for."""
        opened = _Open(self._now(), log)
        self._open.append(opened)
        try:
            yield opened
        finally:
            self._open.pop()
        whole = self._now().plus(opened.started, -1)
        opened.own = whole.plus(opened.within, -1)
        if self._open:
            self._open[-1].within = self._open[-1].within.plus(whole)

    def _now(self) -> _Spent:
        return _Spent(time.monotonic(), self._meter())

    def _commit(self, draft: Path, stage: Stage, key: str) -> None:
        place = self._place(stage, key)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.rename(place)
        except OSError:
            if not place.is_dir():
                raise
            # Another process was first. Its result should be this one's twin, and is kept.
            if (place / "digests.json").read_bytes() != (draft / "digests.json").read_bytes():
                self._listener(Event("differs", stage.name, key, "two processes computed different results"))
        _sync_folder(place.parent)

    def _place(self, stage: Stage, key: str) -> Path:
        return self.root / stage.name / key

    @property
    def _drafts(self) -> Path:
        return self.root / "drafts"

    @cached_property
    def _workspace(self) -> tuple[Path, FileLock]:
        """The folder of this process's drafts; its lock is held for as long as the process may use it."""
        self._drafts.mkdir(parents=True, exist_ok=True)
        name = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}"
        lock = FileLock(self._drafts / f"{name}.lock")
        lock.acquire()
        (self._drafts / name).mkdir()
        return self._drafts / name, lock

    @contextmanager
    def _draft(self) -> Iterator[Path]:
        """A fresh folder, rubbish unless renamed."""
        draft = Path(tempfile.mkdtemp(dir=self._workspace[0]))
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _discard(self, path: Path) -> None:
        """Take an entry away in one step, so that no process sees half of it."""
        with self._draft() as draft:
            path.rename(draft / "discarded")


class ReadOnlyStore(Store):
    """A store that says what is missing in place of computing it."""

    def _make(self, stage: Stage, key: str, inputs: dict[str, Any], compute: Compute) -> Entry:  # noqa: ARG002 - Store's signature
        raise Missing(stage.name)

    def _discard(self, path: Path) -> None:
        """Leave it to a store that can compute it anew."""


def check(path: Path, stage: Stage, key: str) -> None:
    """Compare an entry's files with their digests and its inputs with its key.

    Raises:
        Corrupt: naming the file that is missing, changed or not readable.
    """
    if stage.key(content(path, "inputs.json")) != key:
        raise Corrupt(f"{path}/inputs.json does not belong to the key")
    unaltered(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened
        _sync(path)
