"""What a command has before it: data, first rows, wrong labels."""

import re
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchal.data.index_files import read_rows
from torchal.data.published import CIFAR, IMAGENET, USUAL, published
from torchal.migrate.draft import Draft
from torchal.migrate.given import Open
from torchal.migrate.table import table
from torchal.spec import nearest

_PATHS = ("--lSetPath", "--uSetPath", "--valSetPath")
_PUBLISHED = re.compile(
    r"(?:(?P<folder>imbalanced|val-set-1k|val-set-2\.5k)/)?partition_(?P<number>[1-5])/(?:l|u|val)Set_(?P<data>\w+)\.npy$"
)
_VALIDATION = {"val-set-1k": 1000, "val-set-2.5k": 2500}


def dataset(draft: Draft) -> None:
    """Put the data set."""
    name = str(draft["--dataset"]).upper()
    known = table().datasets.get(name)
    if name == "IMAGENET":
        _photographs(draft)
    elif known:
        draft.put("dataset", known.name, "--dataset")
    else:
        draft.put("dataset", {"name": "folder", "path": name.lower()}, "--dataset")
        draft.say(
            "changed",
            draft.given.told("--dataset"),
            f"is none of TorchAL's{nearest(name, table().datasets)}; say in dataset.path where its images lie",
            *("--train_dir", "--test_dir"),
        )


def _photographs(draft: Draft) -> None:
    """Put a folder of photographs, whose sides are folders side by side."""
    train, test = (str(draft[each]).rstrip("/") for each in ("--train_dir", "--test_dir"))
    draft.put("dataset", {"name": "folder"}, "--dataset")
    draft.put("dataset.path", str(Path(train).parent) if train else "imagenet", "--train_dir")
    if Path(train).parent == Path(test).parent and train != test:
        draft.put("dataset.train", Path(train).name, "--train_dir")
        draft.put("dataset.test", Path(test).name, "--test_dir")
    else:
        why = "training and test side are not folders side by side; say dataset.path, dataset.train and dataset.test"
        draft.say("changed", draft.given.told("--train_dir"), why, "--test_dir")
    why = "rows follow the names of files here, and in TorchAL the order in which its file system listed them"
    draft.say("note", "index sets of ImageNet", f"{why}, so that the same numbers may mean other images")


def oracle(draft: Draft) -> None:
    """Put the noise of labels."""
    share = draft["--noisy_oracle"]
    if not share:
        return
    if share > 1:
        draft.say("changed", draft.given.told("--noisy_oracle"), "is a share in TorchAL, so that it means all: 1")
    for name, value in {"symmetric": min(share, 1.0), "as_torchal": True, "touches": ["queried"]}.items():
        draft.put(f"oracle.noise.{name}", value, "--noisy_oracle")
    why = "wrong labels stay wrong, where TorchAL's search forgets those of all but the newest batch"
    draft.say("changed", draft.given.told("--noisy_oracle"), why)


# --- the first rows ---------------------------------------------------------------------------------------------------


class Named(NamedTuple):
    """A published partition."""

    number: int
    validation: int = USUAL


def partition(draft: Draft) -> None:
    """Put the first rows: those of the index files, if they are here or published, or else a draw."""
    told = [draft.given.flags.get(flag, "") for flag in _PATHS]
    paths = [Path(str(each)) for each in told] if all(told) and not any(isinstance(x, Open) for x in told) else []
    rows = _rows(paths)
    if rows and _put_by_rows(draft, rows, paths):
        return
    named = _by_name(draft, paths)
    if named:
        _put(draft, named, *_PATHS)
        draft.say("note", _all_told(draft), "are not here, so that their names tell which published rows they hold")
    elif not paths and _rows_there(draft) == CIFAR and (draft["--lSet_partition"] or 1) in range(1, 6):
        _put(draft, Named(draft["--lSet_partition"] or 1), "--lSet_partition")
        draft.say("changed", "index files", "are not named plainly, so that the published ones are taken", *_PATHS)
    else:
        _draw(draft, paths)


def _rows(paths: list[Path]) -> list[NDArray[np.int64]]:
    """Return what index files hold that are here."""
    return [read_rows(path) for path in paths] if paths and all(path.is_file() for path in paths) else []


def _put_by_rows(draft: Draft, rows: list[NDArray[np.int64]], paths: list[Path]) -> bool:
    """Put a partition that is here: published if it has these rows, else imported. Return whether it could be."""
    number = next((each for each in _candidates(sum(map(len, rows))) if _same(each, rows)), None)
    if number:
        _put(draft, number, *_PATHS)
        return True
    folders = {path.resolve().parent for path in paths}
    alone = all(len(list(path.parent.glob(f"{kind}Set*.npy"))) == 1 for kind, path in zip("lu", paths, strict=False))
    if len(folders) == 1 and alone:
        draft.put("partition.imported", str(folders.pop()), *_PATHS)
        return True
    why = "are not alone in one folder, one of each kind, which partition: {imported: FOLDER} reads; copy them there"
    draft.say("lost", _all_told(draft), why, *_PATHS)
    return False


def _candidates(n: int) -> list[Named]:
    if n == CIFAR:
        return [Named(number, size) for number, size in product(range(1, 6), (USUAL, 2500, 1000))]
    return [Named(1)] if n == IMAGENET else []


def _same(named: Named, rows: list[NDArray[np.int64]]) -> bool:
    found = published(named.number, named.validation, sum(map(len, rows)))
    sets = (found.labelled, found.pool, found.validation)
    return all(np.array_equal(each.numpy(), theirs) for each, theirs in zip(sets, rows, strict=True))


def _by_name(draft: Draft, paths: list[Path]) -> Named | None:
    """Return the published partition that the names of all three files tell."""
    found = [_PUBLISHED.search(path.as_posix()) for path in paths]
    numbers = {each["number"] if each else "" for each in found}
    folders = {each["folder"] if each else "" for each in found[1:]}
    name = str(draft["--dataset"]).upper()
    if len(numbers) != 1 or len(folders) != 1 or not all(each and each["data"] == name for each in found):
        return None
    named = Named(int(numbers.pop()), _VALIDATION.get(folder := folders.pop() or "", USUAL))
    there = named in _candidates(_rows_there(draft)) and (named.validation == USUAL or _rows_there(draft) == CIFAR)
    return named if there and folder != "imbalanced" else None


def _put(draft: Draft, named: Named, *sources: str) -> None:
    draft.put("partition.published", named.number, *sources)
    if named.validation != USUAL:
        draft.put("partition.validation", named.validation, "--valSetPath")


def _draw(draft: Draft, paths: list[Path]) -> None:
    """Put a draw of the size that the first partition is labelled with."""
    draft.put("partition", {"drawn": draft["--lSet_partition"] or 1, "labelled": "", "validation": "10%"})
    draft.put("partition.labelled", f"{draft['--init_partition']:g}%", "--init_partition")
    why = "are neither here nor published, so that as many rows are drawn; once they are here, say "
    remedy = f"partition: {{imported: {paths[0].parent if paths else 'FOLDER'}}}"
    if any("imbalanced" in path.parts for path in paths):
        draft.put("partition.imbalance", "torchal")
        why = why.replace("as many rows are drawn", "rows are drawn on the same curve of class counts")
    draft.say("changed", _all_told(draft) if paths else "index files", why + remedy, *_PATHS, "--lSet_partition")


def _all_told(draft: Draft) -> str:
    return ", ".join(draft.given.told(flag) for flag in _PATHS)


def _rows_there(draft: Draft) -> int:
    """Return how many rows the training side of TorchAL's data set has; 0 if that is not known."""
    known = table().datasets.get(str(draft["--dataset"]).upper())
    return known.rows if known else 0
