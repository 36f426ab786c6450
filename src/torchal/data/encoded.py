"""One side of an image data set before decoding: from parquet tables or from a folder of images."""

import json
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff"}
"""Endings of the names of images, in small letters."""


@runtime_checkable
class Images(Protocol):
    """Compressed images by row: their bytes, or the files that hold them."""

    def __len__(self) -> int: ...
    def __getitem__(self, row: int, /) -> bytes | Path: ...


@dataclass(frozen=True, eq=False)
class Encoded:
    """Compressed images and what is known of them."""

    images: Images
    labels: NDArray[Any]
    """Integers or strings."""
    classes: tuple[str, ...] | None
    """Names of the classes in order, where the source tells them."""
    where: Callable[[int], str]
    """Says where a row comes from, for errors."""


def from_table(
    table: pa.Table, image: str, label: str, classes: tuple[str, ...] | None, where: Callable[[int], str]
) -> Encoded:
    """Return the side that two columns of a table describe. File names in a table are never followed, only its bytes.

    Raises:
        ValueError: if a column is missing or of the wrong type, or a row lacks its image or label.
    """
    images, labels = (_column(table, name, where) for name in (image, label))
    if pa.types.is_struct(images.type) and "bytes" in {field.name for field in images.type}:
        images = pc.struct_field(images, "bytes")
    if not (pa.types.is_binary(images.type) or pa.types.is_large_binary(images.type)):
        raise ValueError(f"{where(0)}: column '{image}' holds {images.type} and not encoded images; set image.")
    text = pa.types.is_string(labels.type) or pa.types.is_large_string(labels.type)
    if not (text or pa.types.is_integer(labels.type)):
        raise ValueError(f"{where(0)}: column '{label}' holds {labels.type} and not integers or strings; set label.")
    for name, column in ((image, images), (label, labels)):
        if column.null_count:
            row = pc.index(pc.is_null(column), value=True).as_py()
            raise ValueError(f"{where(row)}: column '{name}' is empty; fill it or leave the row out.")
    numbers = np.array(labels.to_pylist(), dtype=np.str_ if text else np.int64)
    return Encoded(images.to_pylist(), numbers, classes, where)


def _column(table: pa.Table, name: str, where: Callable[[int], str]) -> Any:
    if name not in table.column_names:
        raise ValueError(
            f"{where(0)}: there is no column '{name}'; set image and label to two of {table.column_names}."
        )
    return table.column(name)


def from_parquet(files: list[Path], image: str, label: str) -> Encoded:
    """Return the side that some parquet files hold, one after the other.

    Raises:
        ValueError: naming the file that is corrupt or does not fit, and the row.
    """
    tables = [_read(file) for file in files]
    ends = list(accumulate(table.num_rows for table in tables))

    def where(row: int) -> str:
        which = min(bisect_right(ends, row), len(files) - 1)
        return f"row {row - (ends[which - 1] if which else 0)} of {files[which]}"

    for file, table in zip(files, tables, strict=True):
        if table.schema.names != tables[0].schema.names:
            raise ValueError(f"{file}: has other columns than {files[0].name}; give files of one data set.")
    classes = _class_names(tables[0].schema.metadata or {}, label)
    return from_table(pa.concat_tables(tables, promote_options="permissive"), image, label, classes, where)


def _read(file: Path) -> pa.Table:
    try:
        return pq.ParquetFile(file).read()
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{file}: is no whole parquet file ({_first_line(error)}); fetch it again.") from error


def _class_names(metadata: dict[bytes, bytes], label: str) -> tuple[str, ...] | None:
    """Return the names that the Hugging Face library noted in a parquet file, or None where it noted none."""
    try:
        names = json.loads(metadata[b"huggingface"])["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError):  # written by another library, or no column of classes
        return None
    return tuple(str(name) for name in names)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def image_files(folder: Path) -> list[Path]:
    """Return the images in the folders of a folder, class by class, in alphabetical order."""
    classes = sorted(each for each in folder.iterdir() if each.is_dir())
    return [file for each in classes for file in sorted(each.rglob("*")) if file.suffix.lower() in SUFFIXES]


def from_folder(folder: Path, files: list[Path]) -> Encoded:
    """Return the side that a folder of images holds, in which each class has a folder with its name."""
    labels = np.array([file.relative_to(folder).parts[0] for file in files], dtype=np.str_)
    return Encoded(files, labels, None, lambda row: str(files[row]) if files else str(folder))
