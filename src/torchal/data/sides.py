"""Where the two sides of an image data set lie, and what tells them from all others, before anything is decoded."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from glob import escape
from pathlib import Path
from typing import Any

import pyarrow as pa

from torchal.data.cache import home
from torchal.data.encoded import Encoded, from_folder, from_parquet, from_table, image_files
from torchal.data.files import digests

_WAYS = (
    "give path: FOLDER with parquet files or folders of images, or put that folder at $TORCHAL_DATA/{name}, or connect "
    "to the network once, after which the hub's own cache serves"
)


@dataclass(frozen=True)
class Sides:
    """Both sides, to be read when they are needed."""

    made_of: Any
    """JSON values that change whenever the images or labels may have changed."""
    train: Callable[[], Encoded]
    test: Callable[[], Encoded]


def in_folder(folder: Path, splits: tuple[str, str], columns: tuple[str, str]) -> Sides:
    """Find both sides in a folder: parquet files whose names start with the split's, or its folder of images.

    Raises:
        ValueError: if the folder or one of the sides is missing, or both sides share a file.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: there is no such folder; set path to one with parquet files or folders of images.")
    tables = [sorted(folder.glob(f"{escape(split)}*.parquet")) for split in splits]
    if any(tables):
        return _tables(folder, splits, tables, columns)
    return _images([folder / split for split in splits])


def _tables(folder: Path, splits: tuple[str, str], tables: list[list[Path]], columns: tuple[str, str]) -> Sides:
    for split, files in zip(splits, tables, strict=True):
        if not files:
            raise ValueError(f"{folder}: there is no {split}*.parquet; put the file there or name the split it holds.")
    contents = [digests(files) for files in tables]
    for file, content in zip(tables[1], contents[1], strict=True):
        if content in contents[0]:
            raise ValueError(f"{file}: the same file is given for both sides; training and test must be separate.")
    train, test = (partial(from_parquet, files, *columns) for files in tables)
    return Sides(["parquet", *contents], train, test)


def _images(folders: list[Path]) -> Sides:
    listings = []
    for folder in folders:
        files = image_files(folder) if folder.is_dir() else []
        if not files:
            raise ValueError(
                f"{folder.parent}: there is neither a {folder.name}*.parquet nor an image {folder.name}/CLASS/*.png; "
                "set path, train and test to what is there."
            )
        listings.append(files)
    made_of = [
        [[str(file.relative_to(folder)), digest] for file, digest in zip(files, digests(files), strict=True)]
        for folder, files in zip(folders, listings, strict=True)
    ]
    train, test = (partial(from_folder, *each) for each in zip(folders, listings, strict=True))
    return Sides(["images", *made_of], train, test)


def on_hub(
    repo: str, config: str | None, revision: str | None, splits: tuple[str, str], columns: tuple[str, str]
) -> Sides:
    """Find both sides on the Hugging Face hub, or in its library's cache when there is no network.

    Raises:
        ValueError: saying which ways there are, if it cannot be had.
    """
    found = [split_on_hub(repo, config, revision, split) for split in splits]
    train, test = (
        partial(_from_hub, data, columns, f"{repo} ({split})") for data, split in zip(found, splits, strict=True)
    )
    marks = [data._fingerprint for data in found]  # noqa: SLF001 - the library offers no public name for it
    return Sides(["hub", repo, config, revision, *marks], train, test)


def split_on_hub(repo: str, config: str | None, revision: str | None, split: str) -> Any:
    """Return one split of a data set on the hub, or in its library's cache, as that library has it.

    Raises:
        ValueError: saying which ways there are, if it cannot be had.
    """
    datasets = _library()
    try:
        return datasets.load_dataset(repo, config, revision=revision, split=split)
    except Exception as error:  # its network layers raise many kinds, and the remedies are the same
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}".rstrip(".")
        ways = _WAYS.format(name=repo.rpartition("/")[2])
        raise ValueError(f"{repo}: split '{split}' cannot be had from the hub ({reason}); {ways}.") from error


def mapped(files: list[Path]) -> Any:
    """Return parquet files as one data set of the hub's library, converted once to a table that is mapped into memory.

    Raises:
        ValueError: if a file is no whole parquet file, or they do not go together.
    """
    datasets = _library()
    try:
        return datasets.Dataset.from_parquet([str(file) for file in files], cache_dir=str(home() / "tables"))
    except Exception as error:  # likewise
        reason = str(error.__cause__ or error).strip().partition(chr(10))[0].rstrip(".")
        raise ValueError(f"{files[0].parent}: {files[0].name} and its like cannot be read ({reason}).") from error


def _library() -> Any:
    import datasets  # noqa: PLC0415 - takes a second that folders on this machine need not spend

    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    return datasets


def _from_hub(data: Any, columns: tuple[str, str], called: str) -> Encoded:
    table: pa.Table = data.with_format("arrow")[:]
    names = getattr(data.features.get(columns[1]), "names", None)
    return from_table(table, *columns, tuple(names) if names else None, lambda row: f"row {row} of {called}")
