"""Canonical JSON and the digests made of it: the one way this project turns a value into an identity."""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: Any) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: if ``value`` holds a NaN or an infinity.
        TypeError: if ``value`` holds something JSON cannot say.
    """
    return _ENCODER.encode(value)


def canonical_of(texts: Mapping[str, str]) -> str:
    """Return the canonical JSON of a mapping whose values are given as canonical JSON."""
    return "{" + ",".join(f"{_field(name)}:{texts[name]}" for name in sorted(texts)) + "}"


@lru_cache(maxsize=1024)
def _field(name: str) -> str:
    return canonical(name)


def digest_of(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of ``value``, as 64 hexadecimal digits."""
    return digest_of_text(canonical(value))


def digest_of_text(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


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
