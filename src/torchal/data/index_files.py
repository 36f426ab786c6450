"""Partitions as index files ``lSet_NAME.npy``, ``uSet_NAME.npy`` and ``valSet_NAME.npy``: the form TorchAL uses.

Files are written as plain int64 arrays. Published ones are mostly arrays of Python objects, which only a pickle can
hold: :mod:`torchal.data.inert` reads the integers out of it and runs nothing.
"""

import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray

from torchal.data.inert import integers
from torchal.data.partition import Partition

_SETS = ("lSet", "uSet", "valSet")
_LARGEST = 2**28
"""Bytes of a file; the index sets of ImageNet take a twentieth of that."""


def read(folder: Path) -> Partition:
    """Return the partition in a folder that holds one file of each kind; links may not lead out of it.

    Raises:
        ValueError: if a file is missing, there are two of a kind, or one holds anything but rows.
    """
    files = [_only(folder, kind) for kind in _SETS]
    states = (file.stat() for file in files)
    stamp = tuple((str(file), state.st_size, state.st_mtime_ns) for file, state in zip(files, states, strict=True))
    return _partition(str(folder), stamp)


def write(folder: Path, partition: Partition, dataset_name: str) -> None:
    """Write a partition as three plain int64 arrays, named after the data set, which ``np.load`` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, rows in zip(_SETS, (partition.labelled, partition.pool, partition.validation), strict=True):
        np.save(folder / f"{kind}_{dataset_name}.npy", rows.cpu().numpy(), allow_pickle=False)


def read_rows(path: Path) -> NDArray[np.int64]:
    """Return the rows in one index file.

    Raises:
        ValueError: if it is not a one-dimensional array of integers.
    """
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"{path}: larger than {_LARGEST} bytes, which no index set is; is it the right file?")
    try:
        with path.open("rb") as file:
            return _rows(file)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; an index file is a one-dimensional .npy array of integers.") from error


@lru_cache(maxsize=64)
def _partition(folder: str, stamp: tuple[tuple[str, int, int], ...]) -> Partition:
    """Return a partition, read once for each state of its files: every stage of a run asks for its digest."""
    labelled, pool, validation = (torch.from_numpy(read_rows(Path(name))) for name, _, _ in stamp)
    try:
        return Partition(labelled, pool, validation)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from error


def _only(folder: Path, kind: str) -> Path:
    """Return the one file of a kind in a folder, with links followed."""
    if not folder.is_dir():
        raise ValueError(
            f"{folder}: there is no such folder; give one that holds lSet*.npy, uSet*.npy and valSet*.npy."
        )
    found = sorted(folder.glob(f"{kind}*.npy"))
    if len(found) != 1:
        listed = ", ".join(file.name for file in found) or "none"
        raise ValueError(f"{folder}: must hold exactly one {kind}*.npy, and holds {listed}.")
    file = found[0].resolve()
    if not file.is_relative_to(folder.resolve()):
        raise ValueError(f"{found[0]}: leads out of its folder; put the file itself there.")
    if not file.is_file():
        raise ValueError(f"{found[0]}: is not a file; put the index set there.")
    return file


def _rows(file: BinaryIO) -> NDArray[np.int64]:
    shape, kind = _header(file)
    if len(shape) != 1:
        raise ValueError(f"holds an array of {len(shape)} dimensions")
    if kind.kind not in "iuO":
        raise ValueError(f"holds values of type {kind}")
    rows = integers(file.read()) if kind.kind == "O" else _plain(file.read(), kind)
    if len(rows) != shape[0]:
        raise ValueError(f"promises {shape[0]} rows and holds {len(rows)}")
    return rows


def _header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(file)
    if version not in readers:
        raise ValueError(f"is written in version {version} of the .npy format")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # files of Python 2 spell sizes 5000L, and are read all the same
        shape, _, kind = readers[version](file)
    return shape, kind


def _plain(data: bytes, kind: np.dtype[Any]) -> NDArray[np.int64]:
    if len(data) % kind.itemsize:
        raise ValueError("is cut off")
    values = np.frombuffer(data, dtype=kind)
    if kind.kind == "u" and len(values) and int(values.max()) >= 2**63:
        raise ValueError("holds a number that is no row")
    return values.astype(np.int64)
