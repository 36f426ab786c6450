"""Canonical JSON and the digests made of it: the one way this project turns a value into an identity."""

import hashlib
import json
from pathlib import Path
from typing import Any


def canonical(value: Any) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: if ``value`` holds a NaN or an infinity.
        TypeError: if ``value`` holds something JSON cannot say.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of ``value``, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def digest_of_bytes(*parts: Any) -> str:
    """Return the SHA-256 of buffers (bytes, memory views, contiguous arrays) read one after the other."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part)
    return sha.hexdigest()


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seed_of(*address: Any) -> int:
    """Return the 63-bit seed that belongs to an address, such as ``("partition", 3, "fit", 0)``.

    The same address gives the same seed in every process and on every machine.
    """
    return int(digest_of(address)[:16], 16) >> 1
