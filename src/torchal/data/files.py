"""Digests of the files a data set is read from, remembered by path, size and time so that files are read but once."""

import json
from pathlib import Path

from torchal.data.cache import home, writable
from torchal.digest import digest_of, digest_of_file


def digests(files: list[Path]) -> list[str]:
    """Return the SHA-256 of each of some files, from memory if none of them has changed."""
    states = [(file.resolve(), file.stat()) for file in files]
    listing = digest_of([[str(path), state.st_size, state.st_mtime_ns] for path, state in states])
    memory = home() / "digests" / f"{listing}.json"
    return _remembered(memory, len(files)) or _computed(files, memory)


def _remembered(memory: Path, number: int) -> list[str] | None:
    try:
        found = json.loads(memory.read_bytes())
    except (OSError, ValueError):  # not there, or damaged: files are read again either way
        return None
    return found if isinstance(found, list) and len(found) == number else None


def _computed(files: list[Path], memory: Path) -> list[str]:
    found = [digest_of_file(file) for file in files]
    with writable() as draft:
        memory.parent.mkdir(exist_ok=True)
        (draft / "digests.json").write_text(json.dumps(found))
        (draft / "digests.json").replace(memory)
    return found
