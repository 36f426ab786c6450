"""TorchAL's folders of results: the index sets of each run, cycle by cycle, as its programs leave them.

``lSet.npy``, ``uSet.npy`` and ``activeSet.npy`` lie in a folder of the cycle that they are for; so the sets of the
first cycle are those of the second without what was queried. Nothing in them is executed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchal.data.index_files import read_rows
from torchal.migrate.remarks import Remark

Rows = NDArray[np.int64]

_FILES = ("lSet.npy", "uSet.npy", "activeSet.npy")
_MODEL = r"(?P<type>[^/]+)_depth_(?P<depth>\d+)/(?P<kind>[^/]+)"
_PERCENT = r"(?P<data>[^/]+)/(?P<percent>\d+(?:\.\d+)?)"
_LAYOUTS = {
    "main_aml": re.compile(rf"/lSet_(?P<partition>[^/]+)/start_(?P<seed>\d+)/{_PERCENT}/(?P<function>[^/]+)/{_MODEL}$"),
    "train_al": re.compile(rf"/{_PERCENT}/(?P<seed>\d+)/{_MODEL}/(?P<function>[^/]+)$"),
}


class Origin(NamedTuple):
    """What the names of folders say of a run."""

    program: str
    partition: str
    seed: int
    data: str
    function: str
    type: str
    depth: int
    kind: str
    """How it was regularised, as TorchAL calls it: ``vanilla``, ``swa_rand_aug`` and so on."""


class Cycle(NamedTuple):
    """The rows of a cycle."""

    labelled: Rows
    pool: Rows
    queried: Rows | None
    """After it, if anything was."""


@dataclass(frozen=True)
class Run:
    """The sets of a run."""

    origin: Origin
    folders: tuple[Path, ...]
    cycles: tuple[Cycle, ...]
    remarks: tuple[Remark, ...]


def runs(root: Path) -> list[Run]:
    """Return the runs whose sets lie in a folder.

    Raises:
        ValueError: if there are none, or the sets of one do not follow from each other.
    """
    found: dict[Origin, dict[float, Path]] = {}
    for file in sorted(root.resolve().rglob(_FILES[0])):
        placed = _placed(file.parent)
        if placed:
            found.setdefault(placed[0], {})[placed[1]] = file.parent
    if not found:
        raise ValueError(
            f"{root}: holds no set of a run of TorchAL, such as best_automl_results/lSet_1/start_1/CIFAR10/20.0/random/"
            "vgg_depth_16/vanilla/lSet.npy; give the folder that --out_dir named."
        )
    return [_run(root.resolve(), origin, [at[k] for k in sorted(at)]) for origin, at in found.items()]


def _placed(folder: Path) -> tuple[Origin, float] | None:
    """Return what a folder's place says, and the per cent that its cycle is called by."""
    for program, layout in _LAYOUTS.items():
        found = layout.search(folder.as_posix())
        if found:
            told = found.groupdict()
            names = (told["data"], told["function"], told["type"], int(told["depth"]), told["kind"])
            return Origin(program, told.get("partition", ""), int(told["seed"]), *names), float(told["percent"])
    return None


def _run(root: Path, origin: Origin, folders: list[Path]) -> Run:
    """Return the run whose later cycles lie in some folders."""
    remarks: list[Remark] = []
    sets = [_sets(root, folder, remarks) for folder in folders]
    labelled, pool, queried = sets[0]
    before = labelled[~np.isin(labelled, queried)]
    cycles = [Cycle(before, np.concatenate([queried, pool]), queried)]
    for folder, (labelled, pool, queried) in zip(folders, sets, strict=True):
        _follows(folder, cycles[-1], labelled, pool, queried)
        cycles[-1] = cycles[-1]._replace(queried=queried)
        cycles.append(Cycle(np.concatenate([cycles[-1].labelled, queried]), pool, None))
    trained = [number for number, folder in enumerate(folders, 1) if (folder / "checkpoints").is_dir()]
    kept = max(trained) + 1 if trained else len(cycles)
    if not trained:
        why = "no checkpoint tells whether anything was trained on it, which TorchAL does not do after its last cycle"
        remarks.append(Remark("note", f"the last set of {_brief(root, folders[-1])}", f"is a cycle here, though {why}"))
    return Run(origin, tuple(folders), tuple(cycles[:kept]), tuple(remarks))


def _sets(root: Path, folder: Path, remarks: list[Remark]) -> tuple[Rows, Rows, Rows]:
    """Return labelled, pool and active rows, each row once."""
    found = []
    for name in _FILES:
        file = (folder / name).resolve()
        if not file.is_relative_to(root) or not file.is_file():
            raise ValueError(f"{folder / name}: is no file in {root}; put it there.")
        rows = read_rows(file)
        once = _distinct(rows)
        if len(once) < len(rows):
            why = f"repeats {len(rows) - len(once)} of {len(rows)} rows, as TorchAL's core-set may; each counts once"
            remarks.append(Remark("changed", _brief(root, folder / name), why))
        found.append(once)
    return found[0], found[1], found[2]


def _distinct(rows: Rows) -> Rows:
    """Return rows without those that came before, in their order."""
    return rows[np.sort(np.unique(rows, return_index=True)[1])]


def _follows(folder: Path, before: Cycle, labelled: Rows, pool: Rows, queried: Rows) -> None:
    """Refuse sets that do not follow from those of the cycle before.

    Raises:
        ValueError: naming the folder and what is wrong.
    """
    for words, there, due in (
        ("active rows", queried, np.intersect1d(queried, before.pool)),
        ("labelled rows", labelled, np.concatenate([before.labelled, queried])),
        ("rows of the pool", pool, np.setdiff1d(before.pool, queried)),
    ):
        strange = np.setxor1d(there, due)
        if len(strange):
            raise ValueError(
                f"{folder}: {len(strange)} of its {words} do not follow from the cycle before, as row {strange[0]}; "
                "is a cycle missing, or a file from another run?"
            )
    both = np.intersect1d(labelled, pool)
    if len(both):
        raise ValueError(f"{folder}: row {both[0]} is labelled and in the pool; which of its files is right?")


def _brief(root: Path, place: Path) -> str:
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else str(place)


def models(found: list[Run]) -> Iterator[tuple[str, list[Run]]]:
    """Yield the runs that one manifest can hold, which have data, network and regularisation in common."""
    groups: dict[tuple[object, ...], list[Run]] = {}
    for run in found:
        origin = run.origin
        groups.setdefault((origin.data, origin.type, origin.depth, origin.kind, origin.program), []).append(run)
    for (data, kind, depth, regularised, _), members in groups.items():
        yield f"{data}-{kind}_depth_{depth}-{regularised}", members
