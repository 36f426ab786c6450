"""Decoded data sets on disk, found by what they were decoded from, checked, and mapped into memory.

An entry is a folder of plain ``.npy`` files and ``meta.json``. It appears whole or not at all, and one that has changed
since is thrown away and made again.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torchal.data.contents import Contents, Statistics
from torchal.digest import digest_of, digest_of_file

_VERSION = 1
"""Raised when entries are decoded or laid out differently."""
_FILES = tuple(f"{name}.npy" for name in Contents.SIDES)


@dataclass(frozen=True)
class Cached:
    """Contents mapped from disk, with what was computed when they were put there."""

    contents: Contents
    digest: str
    """Of the contents."""
    statistics: Statistics


def home() -> Path:
    """Return the cache's folder: ``$TORCHAL_CACHE``, else ``~/.cache/torchal``."""
    chosen = os.environ.get("TORCHAL_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "torchal"


def cached(made_of: Any, decode: Callable[[], Contents]) -> Cached:
    """Return what was decoded from something, decoding it if it is not there or no longer whole.

    Args:
        made_of: JSON values that tell the sources and the options of decoding from all others.
        decode: reads the sources; its result is put on disk.

    Raises:
        ValueError: if the cache's folder cannot be written, or whatever ``decode`` raises.
    """
    place = home() / "decoded" / digest_of([_VERSION, made_of])
    if not _whole(place):
        contents = decode()
        with writable() as draft:
            entry = draft / "entry"
            entry.mkdir()
            _save(contents, entry)
            _put(entry, place, draft / "corrupt")
    return _opened(place)


@contextmanager
def writable() -> Iterator[Path]:
    """Give a folder for a draft in the cache, removed afterwards, and say what to do if there can be none."""
    try:
        (home() / "drafts").mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=home() / "drafts"))
    except OSError as error:
        raise ValueError(
            f"{home()}: the cache cannot be written ({error.strerror}); set TORCHAL_CACHE to another folder."
        ) from error
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _save(contents: Contents, folder: Path) -> None:
    for name, tensor in contents.arrays.items():
        np.save(folder / f"{name}.npy", tensor.numpy(), allow_pickle=False)
    facts = {
        "classes": list(contents.classes),
        "digest": contents.digest,
        "statistics": [each.tolist() for each in contents.statistics()],
        "files": {name: [*_state(folder / name), digest_of_file(folder / name)] for name in _FILES},
    }
    (folder / "meta.json").write_text(json.dumps({"facts": facts, "digest": digest_of(facts)}))


def _put(entry: Path, place: Path, aside: Path) -> None:
    """Move an entry into place. Another process that was faster has put the same there, which then stays."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists() and not _whole(place):
        place.rename(aside)
    try:
        entry.rename(place)
    except OSError:
        if not _whole(place):
            raise


def _facts(place: Path) -> dict[str, Any]:
    """Read what an entry says of itself; KeyError or ValueError where that is damaged."""
    meta = json.loads((place / "meta.json").read_bytes())
    facts: dict[str, Any] = meta["facts"]
    if digest_of(facts) != meta["digest"]:
        raise ValueError(f"{place}: meta.json is damaged")
    return facts


def _whole(place: Path) -> bool:
    """Tell whether an entry exists and its files are those that were put there, by size and time, else by digest."""
    try:
        files = _facts(place)["files"]
        return all(_unchanged(place / name, *files[name]) for name in _FILES)
    except (OSError, ValueError, KeyError, TypeError):  # not there, or damaged: to be decoded again either way
        return False


def _unchanged(file: Path, size: int, time: int, digest: str) -> bool:
    now = _state(file)
    return now == (size, time) or (now[0] == size and digest_of_file(file) == digest)


def _state(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def _opened(place: Path) -> Cached:
    facts = _facts(place)
    train, train_labels, test, test_labels = (_mapped(place / name) for name in _FILES)
    mean, std = (torch.tensor(each) for each in facts["statistics"])
    contents = Contents(train, train_labels, test, test_labels, tuple(facts["classes"]))
    return Cached(contents, facts["digest"], (mean, std))


def _mapped(file: Path) -> torch.Tensor:
    # copy on write: what a caller writes stays in its memory, and the file as it is
    return torch.from_numpy(np.load(file, mmap_mode="c", allow_pickle=False))
