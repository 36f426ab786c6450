"""What a stage says while it is computed: a few lines beside its files, so that whoever waits can look.

A log is a sidecar. It lies in the stage's draft while it is computed, in its entry after that, and with the failures if
it came to nothing. Nothing that matters is in a log alone.
"""

import json
import os
import shutil
import socket
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

LOG = "log-timing.txt"
"""The name of a log; what has "timing" in its name is covered by no digest."""


@dataclass(frozen=True)
class StageLog:
    """The log of one stage."""

    path: Path

    def say(self, text: str) -> None:
        """Write a line, which can be read at once."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")


@dataclass(frozen=True)
class AtWork:
    """A stage that is being computed, as its log tells."""

    stage: str
    address: str
    """What it is computed for: partition, seed, cycle and purpose."""
    said: str
    """The last line."""
    log: Path
    silent: float
    """Seconds since that."""


@contextmanager
def logged(draft: Path, stage: str, key: str, inputs: dict[str, Any], failed: Path) -> Iterator[StageLog]:
    """Keep the log of a computation; if it fails, the log goes to a folder of failures with the traceback.

    Args:
        draft: where the entry is made.
        stage: of the entry.
        key: of the entry.
        inputs: what it is made of, of which ``where`` is told.
        failed: where logs of failures go.
    """
    log = StageLog(draft / LOG)
    where = json.dumps(inputs.get("where", inputs.get("query", {}).get("where", [])))
    log.say(f"{stage} {key} {where} on {socket.gethostname()}, process {os.getpid()}")
    try:
        yield log
    except BaseException as error:
        log.say("".join(traceback.format_exception(error)))
        failed.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(log.path, failed / f"{stage}-{key}-timing.txt")
        raise


def at_work(store: Path, now: float) -> list[AtWork]:
    """Return what is being computed into a store by processes that live, that which spoke last first."""
    alive = [folder for folder in (store / "drafts").glob("*/") if not _gone(folder)]
    logs = [(file.stat().st_mtime, file) for folder in alive for file in folder.glob(f"*/{LOG}")]
    return [_read(file, now - spoke) for spoke, file in sorted(logs, reverse=True)]


def held(lock: Path) -> bool:
    """Return whether a process holds a lock, which it does for as long as it lives."""
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def _gone(drafts: Path) -> bool:
    lock = drafts.with_name(f"{drafts.name}.lock")
    return lock.is_file() and os.access(lock, os.W_OK) and not held(lock)  # who may only read cannot know


def _read(file: Path, silent: float) -> AtWork:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    words = lines[0].split(" ", 4)
    stage, address = (words[2], words[4].rpartition(" on ")[0]) if len(words) == 5 else ("", "")
    return AtWork(stage, address, lines[-1] if len(lines) > 1 else "started", file, silent)
