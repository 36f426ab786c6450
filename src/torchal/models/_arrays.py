"""Matrices from files of arrays: .npz, .safetensors, or a folder of .npy. Nothing in such a file is executed."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import Tensor


def array_files(path: Path, names: tuple[str, ...]) -> list[Path]:
    """Return the files that arrays are read from.

    Raises:
        ValueError: if one is missing, or is of another kind.
    """
    files = [path / f"{name}.npy" for name in names] if path.is_dir() else [path]
    for file in files:
        if not file.is_file():
            raise ValueError(f"{file}: there is no such file; set path to an .npz, .safetensors or folder of .npy.")
    if not path.is_dir() and path.suffix not in {".npz", ".safetensors"}:
        raise ValueError(f"{path}: is neither .npz nor .safetensors nor a folder of .npy; save it as one of them.")
    return files


def matrices(path: Path, names: tuple[str, ...]) -> list[Float[Tensor, "rows width"]]:
    """Return the arrays of those names as float32.

    Raises:
        ValueError: naming the file, the array, its first bad row, and the remedy.
    """
    arrays = _read(path, names)
    for name in names:
        if name not in arrays:
            raise ValueError(f"{path}: there is no array '{name}'; save {' and '.join(names)} in it.")
    return [_matrix(arrays[name], f"{path}: {name}") for name in names]


def _read(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    try:
        if path.is_dir():
            files = zip(names, array_files(path, names), strict=True)
            return {name: np.load(file, allow_pickle=False) for name, file in files}
        if path.suffix == ".safetensors":
            found = load_file(path)
            return {name: found[name] for name in names if name in found}
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            return {name: found[name] for name in names if name in found}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile, SafetensorError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); save plain arrays of numbers.") from error


def _matrix(array: NDArray[Any], where: str) -> Float[Tensor, "rows width"]:
    if array.ndim != 2 or array.dtype.kind not in "iuf":
        raise ValueError(f"{where}: has shape {array.shape} and type {array.dtype}; give one vector of numbers a row.")
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused by row
        values = torch.from_numpy(array.astype(np.float32))
    wrong = (~values.isfinite()).any(1).nonzero()
    if len(wrong):
        raise ValueError(f"{where}: row {int(wrong[0])} is not finite in float32; compute its vector again.")
    return values
