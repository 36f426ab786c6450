"""Which images of a list can be decoded, and what they hold: found by reading each once, and remembered."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torchal.data.files import memory, remembered
from torchal.data.images import Unreadable, picture, progress
from torchal.data.threads import threads
from torchal.digest import digest_of_bytes

_BLOCK = 100
"""Images that one thread reads at a time."""


@runtime_checkable
class Listed(Protocol):
    """Compressed images of one side, whose bytes are read when they are needed."""

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the classes in order, where the source tells them."""

    @property
    def title(self) -> str:
        """What the list is called, for errors."""

    @property
    def digest(self) -> str:
        """What tells these images from all others, found without reading them."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> bytes: ...

    def name(self, row: int) -> str:
        """Return what a row is called within the list."""

    def where(self, row: int) -> str:
        """Say where a row comes from."""

    def only(self, rows: list[int]) -> "Listed":
        """Return the list with some of its images, and with all classes."""


@dataclass(frozen=True)
class Examined:
    """What reading every image of a list has shown."""

    contents: str
    """SHA-256 over those of all images that can be decoded, in order."""
    unreadable: dict[str, str]
    """What is wrong with each of the others, by name."""
    record: Path
    """Where people can read all this."""


def examined(listing: Listed, title: str) -> Examined:
    """Read every image of a list, or remember what that has shown.

    Raises:
        ValueError: naming a file that cannot be opened or has changed, or if the cache's folder cannot be written.
    """
    key = listing.digest
    found = remembered(key, partial(_read, listing, title))
    return Examined(found["contents"], found["unreadable"], memory(key))


def _read(listing: Listed, title: str) -> dict[str, Any]:
    contents: list[bytes] = []
    unreadable: dict[str, str] = {}
    blocks = [range(len(listing))[start : start + _BLOCK] for start in range(0, len(listing), _BLOCK)]
    with progress(f"checking {title}", len(listing)) as advance:
        for block, (digests, faults) in zip(blocks, threads().map(partial(_look, listing), blocks), strict=True):
            contents += digests
            unreadable |= faults
            advance(len(block))
    return {
        "folder": listing.title,
        "images": len(listing),
        "contents": digest_of_bytes(*contents),
        "unreadable": unreadable,
    }


def _look(listing: Listed, rows: range) -> tuple[list[bytes], dict[str, str]]:
    """Return the digests of the images that can be decoded, and what is wrong with the others."""
    digests, faults = [], {}
    for row in rows:
        data = listing[row]
        try:
            picture(data, "RGB")
        except Unreadable as fault:
            faults[listing.name(row)] = str(fault)
        else:
            digests.append(bytes.fromhex(digest_of_bytes(data)))
    return digests, faults
