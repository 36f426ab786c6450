"""The image files of one side of a data set, in an order that is the same on every machine."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchal.data.encoded import SUFFIXES
from torchal.digest import digest_of_bytes


@dataclass(frozen=True, eq=False)
class Listing:
    """Image files below the folders of a folder, whose bytes are given as long as they are those that were listed."""

    folder: Path
    names: list[str]
    """``CLASS/FILE`` with slashes on every system, ordered by class and then by file, in code points."""
    states: NDArray[np.int64]
    """Size and time of change of each file."""
    classes: tuple[str, ...]
    """Names of the folders that hold images, in order."""

    @classmethod
    def of(cls, folder: Path) -> "Listing":
        """List a folder.

        Raises:
            ValueError: if it or something below it cannot be read.
        """
        try:
            found = sorted(_found(folder, ""), key=lambda each: each[0].partition("/"))
        except OSError as error:
            raise ValueError(f"{error.filename}: cannot be listed ({error.strerror}); mend it or remove it.") from error
        names = [name for name, _ in found]
        states = np.array([state for _, state in found], dtype=np.int64).reshape(-1, 2)
        return cls(folder.absolute(), names, states, tuple(sorted(set(map(_class, names)))))

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: int) -> bytes:
        """Return the bytes of a file.

        Raises:
            ValueError: naming the file, if it cannot be read or is no longer the one that was listed.
        """
        try:
            with Path(self.where(row)).open("rb") as file:
                data, state = file.read(), os.fstat(file.fileno())
        except OSError as error:
            raise ValueError(
                f"{self.where(row)}: cannot be read ({error.strerror}); put it back, or start again without it."
            ) from error
        if (state.st_size, state.st_mtime_ns) != tuple(self.states[row].tolist()):
            raise ValueError(f"{self.where(row)}: has changed since the folder was listed; put it back or start again.")
        return data

    @property
    def title(self) -> str:
        """What the list is called."""
        return str(self.folder)

    def name(self, row: int) -> str:
        """Return what a row is called within the list."""
        return self.names[row]

    def where(self, row: int) -> str:
        """Say where a row comes from."""
        return f"{self.folder}/{self.names[row]}"

    @property
    def digest(self) -> str:
        """What tells these files in this state from all others, as long as a change shows in size or time."""
        return digest_of_bytes(os.fsencode("\0".join([str(self.folder.resolve()), *self.names])), self.states)

    def only(self, rows: list[int]) -> "Listing":
        """Return the list with some of its files, and with all classes."""
        return replace(self, names=[self.names[row] for row in rows], states=self.states[rows])


def labels_of(listing: Listing) -> NDArray[Any]:
    """Return the class of each file, by name. No method of a list, since strategies can reach the list of the pool."""
    return np.array(list(map(_class, listing.names)), dtype=np.str_)


def _class(name: str) -> str:
    return name.partition("/")[0]


def _found(folder: Path, inside: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield name and state of each image. What is hidden is no image: some systems keep their own notes so."""
    with os.scandir(folder / inside) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _found(folder, f"{inside}{entry.name}/")
            elif inside and Path(entry.name).suffix.lower() in SUFFIXES:
                state = entry.stat()
                yield f"{inside}{entry.name}", (state.st_size, state.st_mtime_ns)
