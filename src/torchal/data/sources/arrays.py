"""Your own arrays: images or feature vectors, with labels, from a file.

The user's own data, in NumPy's formats or in safetensors; nothing in such a file is executed.
"""

import zipfile
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import Tensor

from torchal.data.contents import Contents, check_side
from torchal.data.dataset import Dataset, Source
from torchal.data.labels import numbered
from torchal.data.order import held_out
from torchal.data.size import Size, count

_CHANNELS = (1, 3, 4)
_NAMES = ("x", "y", "x_test", "y_test")


class Arrays(Source):
    """Images or feature vectors x with labels y, from an .npz or .safetensors file or a folder of .npy files."""

    locations: ClassVar[frozenset[str]] = frozenset({"path"})

    path: Path
    """File or folder with ``x`` and ``y``, and if there is a test side ``x_test`` and ``y_test``.

    ``x`` holds feature vectors (``n d``, numbers) or uint8 images (``n h w``, ``n h w c`` or ``n c h w`` with 1, 3 or 4
    channels); ``y`` holds integers from 0 or strings.
    """

    title: str = ""
    """What the data set is called; by default the name of the file."""

    channels: Literal["first", "last"] | None = None
    """Where images have their channels; needed only if both places could be meant."""

    classes: tuple[str, ...] | None = Field(None, min_length=1)
    """Names of the classes in order; by default numbers, or the strings of ``y`` sorted."""

    test: Size = Field("20%", validate_default=True)
    """Examples held out as the test side, stratified and always the same, if there is none: a count, or per cent."""

    @model_validator(mode="before")
    @classmethod
    def _entitle(cls, value: Any) -> Any:
        """Name the data set after its file: reports and names of runs must tell it from others."""
        if isinstance(value, dict) and value.get("path") and not value.get("title"):
            return value | {"title": Path(value["path"]).resolve().stem}
        return value

    def load(self) -> Dataset:
        """Return the data set.

        Raises:
            ValueError: naming the file, the array and the remedy.
        """
        arrays = self._arrays()
        if "x_test" not in arrays:
            return self._divided(arrays).checked(self.title).dataset(self.title)
        train, test = (_inputs(arrays[name], f"{self.path}: {name}", self.channels) for name in ("x", "x_test"))
        labels, test_labels, classes = numbered(self.title, arrays["y"], arrays["y_test"], self.classes)
        return Contents(train, labels, test, test_labels, classes).checked(self.title).dataset(self.title)

    def _divided(self, arrays: dict[str, NDArray[Any]]) -> Contents:
        """Hold out a test side."""
        x = _inputs(arrays["x"], f"{self.path}: x", self.channels)
        labels, _, classes = numbered(self.title, arrays["y"], arrays["y"][:0], self.classes)
        check_side(f"{self.title}: the data set", x, labels, len(classes))
        kept, tested = held_out(labels, len(classes), count(self.test, len(labels)), "arrays", "test")
        return Contents(x[kept], labels[kept], x[tested], labels[tested], classes)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays = _read(self.path)
        missing = [name for name in _NAMES[: 4 if {"x_test", "y_test"} & set(arrays) else 2] if name not in arrays]
        if missing:
            raise ValueError(f"{self.path}: there is no array '{missing[0]}'; it holds {', '.join(arrays) or 'none'}.")
        return arrays


def _read(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file or folder that have one of the four names."""
    if not path.exists():
        raise ValueError(
            f"{path}: there is no such file or folder; set path to an .npz, .safetensors or folder of .npy."
        )
    try:
        if path.is_dir():
            files = {name: path / f"{name}.npy" for name in _NAMES}
            return {name: np.load(file, allow_pickle=False) for name, file in files.items() if file.exists()}
        if path.suffix == ".safetensors":
            found = load_file(path)
            return {name: found[name] for name in _NAMES if name in found}
        if path.suffix == ".npz":
            with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
                return {name: found[name] for name in _NAMES if name in found}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile, SafetensorError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); save plain arrays of numbers or strings.") from error
    raise ValueError(f"{path}: is neither .npz nor .safetensors nor a folder of .npy; save it as one of them.")


def _inputs(x: NDArray[Any], where: str, channels: Literal["first", "last"] | None) -> Tensor:
    """Return feature vectors as float32, or images as uint8 with channels first."""
    if x.ndim == 2 and x.dtype.kind in "iuf":
        return _features(x, where)
    if x.ndim not in (3, 4):
        raise ValueError(f"{where}: has shape {x.shape} and type {x.dtype}; give n d numbers or uint8 images.")
    if x.dtype != np.uint8:
        raise ValueError(f"{where}: images are of type {x.dtype}; scale them to 0..255, round, and save them as uint8.")
    if x.ndim == 3:
        return torch.from_numpy(x)[:, None]
    last = (channels or _place_of_channels(x.shape, where)) == "last"
    return torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2) if last else x))


def _features(x: NDArray[Any], where: str) -> Tensor:
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused by row
        values = torch.from_numpy(x.astype(np.float32))
    wrong = (~values.isfinite()).any(1).nonzero()
    if len(wrong):
        raise ValueError(f"{where}: row {int(wrong[0])} is not finite in float32; replace the value or drop the row.")
    return values


def _place_of_channels(shape: tuple[int, ...], where: str) -> Literal["first", "last"]:
    first, last = shape[1] in _CHANNELS, shape[3] in _CHANNELS
    if first == last:
        both = "both ends could be" if first else "neither end has 1, 3 or 4"
        raise ValueError(f"{where}: has shape {shape}, in which {both} channels; set channels to first or last.")
    return "first" if first else "last"
