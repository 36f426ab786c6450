"""What was found out by reading files, remembered in the cache so that they are read but once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torchal.data.cache import home, writable
from torchal.digest import digest_of, digest_of_file


def digests(files: list[Path]) -> list[str]:
    """Return the SHA-256 of each of some files, from memory if none of them has changed by path, size and time."""
    states = [(file.resolve(), file.stat()) for file in files]
    listing = digest_of([[str(path), state.st_size, state.st_mtime_ns] for path, state in states])
    found: list[str] = remembered(listing, lambda: [digest_of_file(file) for file in files])
    return found


def memory(key: str) -> Path:
    """Return the file in which something is remembered, a JSON text that people can read."""
    return home() / "digests" / f"{key}.json"


def remembered(key: str, compute: Callable[[], Any]) -> Any:
    """Return JSON values that were computed once for a key, which names files and the state they were in.

    Raises:
        ValueError: if the cache's folder cannot be written, or whatever ``compute`` raises.
    """
    try:
        kept = json.loads(memory(key).read_bytes())
        if digest_of(kept["found"]) == kept["digest"]:
            return kept["found"]
    except (OSError, ValueError, KeyError, TypeError):  # not there, or damaged: to be computed again either way
        pass
    found = compute()
    with writable() as draft:
        memory(key).parent.mkdir(exist_ok=True)
        (draft / "found.json").write_text(json.dumps({"found": found, "digest": digest_of(found)}, indent=1))
        (draft / "found.json").replace(memory(key))
    return found
