"""TorchAL's results as manifests, by which networks are trained on their sets again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from torchal.data.draw import Published
from torchal.data.index_files import read_rows, write
from torchal.data.partition import Partition
from torchal.data.published import CIFAR, IMAGENET, USUAL, published
from torchal.digest import digest_of_file
from torchal.manifest import NAME, Cycle, Manifest, Sets
from torchal.migrate import buying, problem, training
from torchal.migrate.draft import Draft
from torchal.migrate.experiment import named
from torchal.migrate.given import Given, configuration
from torchal.migrate.outcome import Rows, Run, models, runs
from torchal.migrate.remarks import Remark, document
from torchal.migrate.script import Command
from torchal.migrate.table import table

_EPOCHS, _TRIALS, _AVERAGED = 150, 50, 50
"""Of the paper, where a folder does not tell."""

_PARTS: tuple[Callable[[Draft], None], ...] = (
    problem.dataset,
    training.model,
    training.recipe,
    training.tuning,
    problem.oracle,
)


class Imported(NamedTuple):
    """What became of a folder of results."""

    manifests: tuple[Path, ...]
    runs: int
    remarks: tuple[Remark, ...]

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"manifests": list(map(str, self.manifests)), "runs": self.runs, **document(self.remarks)}


class Beginning(NamedTuple):
    """The first partition of a run."""

    name: str
    validation: Rows


def imported(root: Path, to: Path, validation: Path | None = None) -> Imported:
    """Write the sets of TorchAL's runs, with a manifest for each network and regularisation.

    Args:
        root: what ``--out_dir`` named, or a folder in it.
        to: a new folder.
        validation: an index file of the rows that validated; by default all that are neither labelled nor in the pool,
            if it is known how many there are.

    Raises:
        ValueError: if the sets of a run do not follow from each other, or the new folder has something in it.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ValueError(f"-o {to}: has something in it already; name a new folder.")
    found = runs(root)
    given = None if validation is None else read_rows(validation)
    groups = list(models(found))
    begun = [(name, members, [_beginning(run, given) for run in members]) for name, members in groups]
    remarks = [remark for run in found for remark in run.remarks]
    manifests = []
    for name, members, beginnings in begun:
        draft = _training(root, members[0], searched=all(len(each.validation) for each in beginnings))
        folder = to / named(name) if len(groups) > 1 else to
        sets = tuple(_saved(folder, run, first) for run, first in zip(members, beginnings, strict=True))
        manifest = Manifest(experiment=draft.document | {"name": named(root.resolve().name)}, runs=sets)
        (folder / NAME).write_text(manifest.text(), encoding="utf-8")
        manifests.append(folder / NAME)
        remarks += draft.remarks
    return Imported(tuple(manifests), len(found), tuple(remarks))


# --- rows -------------------------------------------------------------------------------------------------------------


def _beginning(run: Run, validation: Rows | None) -> Beginning:
    """Return what a run's first partition is called, and which rows validate."""
    first = run.cycles[0]
    taken = np.concatenate([first.labelled, first.pool])
    rows = table().datasets[run.origin.data].rows if run.origin.data in table().datasets else 0
    if validation is None:
        validation = np.setdiff1d(np.arange(rows), taken) if rows else np.empty(0, dtype=np.int64)
    if len(np.intersect1d(validation, taken)):
        raise ValueError(f"{run.folders[0]}: labels or pools rows of the validation set; give the one of this run.")
    for number in _numbers(rows):
        size = len(validation) if rows == CIFAR and len(validation) in (1000, 2500) else USUAL
        theirs = published(number, size, rows)
        if np.array_equal(theirs.labelled.numpy(), first.labelled) and _alike(theirs.validation.numpy(), validation):
            name = Published.model_validate({"published": number, "validation": size}).id
            return Beginning(name, theirs.validation.numpy())
    return Beginning(f"lSet_{run.origin.partition}" if run.origin.partition else run.origin.data, validation)


def _numbers(rows: int) -> range:
    return {CIFAR: range(1, 6), IMAGENET: range(1, 2)}.get(rows, range(0))


def _alike(one: Rows, other: Rows) -> bool:
    return len(one) == len(other) and bool(np.isin(one, other).all())


def _saved(folder: Path, run: Run, first: Beginning) -> Sets:
    """Write the index files of a run, and return what the manifest says of them."""
    origin, cycles = run.origin, []
    data = named(origin.data)
    own = Path(named(f"{origin.function}-{first.name}-{origin.seed}"))
    for number, cycle in enumerate(run.cycles):
        here = own / f"cycle-{number}"
        labelled, pool, validation = (torch.from_numpy(each) for each in (cycle.labelled, cycle.pool, first.validation))
        write(folder / here, Partition(labelled, pool, validation), data)
        kinds = {"labelled": f"lSet_{data}", "pool": f"uSet_{data}", "validation": f"valSet_{data}"}
        if cycle.queried is not None:
            np.save(folder / here / "queried.npy", cycle.queried, allow_pickle=False)
            kinds["queried"] = "queried"
        files = {kind: f"{here.as_posix()}/{stem}.npy" for kind, stem in kinds.items()}
        digests = {kind: digest_of_file(folder / file) for kind, file in files.items()}
        cycles.append(Cycle(**files, digests=digests))
    return Sets(strategy=_label(origin.function), partition=first.name, seed=origin.seed, cycles=tuple(cycles))


def _label(function: str) -> str:
    """Return what reports call a function of TorchAL's."""
    found = dict(table().strategies.get(function, {"name": function}))
    name = found.pop("name")
    return f"{name}({', '.join(f'{option}={value}' for option, value in found.items())})" if found else str(name)


# --- training ---------------------------------------------------------------------------------------------------------


def _training(root: Path, run: Run, *, searched: bool) -> Draft:
    """Return the experiment by which networks are trained on the sets, as a run's folders tell how TorchAL did it."""
    program = "main_aml" if searched and run.origin.program == "main_aml" else "train_al"
    place = next((file for folder in run.folders if (file := folder / "config.yaml").is_file()), None)
    keys = configuration(place) if place else {}
    words = [*_words_of_folders(run, program), *_words_of_keys(keys, program)]
    draft = Draft(Given(Command(0, program, tuple(words)), root))
    if run.origin.program == "train_al":
        draft.given.keys = keys
    for part in _PARTS:
        part(draft)
    buying.tidy(draft.document, "model", "dataset")
    if not place:
        why = f"there is no config.yaml, so that {_EPOCHS} epochs are trained as in the paper; set recipe.epochs"
        draft.say("note", run.folders[0].relative_to(root.resolve()).as_posix(), why)
    if not searched:
        why = "it is not known which rows validated, so that nothing is tuned; say --validation FILE.npy to have it so"
        draft.say("note", "tuning", why)
    return draft


def _words_of_folders(run: Run, program: str) -> list[str]:
    """Return flags that the names of folders tell, and how many trials lie beside them."""
    origin = run.origin
    words = ["--dataset", origin.data, "--model_type", origin.type, "--model_depth", str(origin.depth)]
    words += ["--clf_epochs", str(_EPOCHS)]
    words += ["--rand_aug"] * ("rand_aug" in origin.kind)
    words += ["--swa_mode", "--swa_epochs", str(_AVERAGED), "--swa_lr", "5e-4"] * ("swa" in origin.kind)
    if program == "main_aml":
        best = run.folders[0].as_posix()
        trials = list(Path(best.replace("/best_automl_results/", "/auto_ml_results/")).glob("trial-*"))
        words += ["--num_aml_trials", str(len(trials) or _TRIALS)]
    return words


def _words_of_keys(keys: dict[str, Any], program: Any) -> list[str]:
    """Return the flags that say what a configuration says."""
    taken, words = {flag.flag: flag.takes for flag in table().of(program)}, list[str]()
    for key in table().keys:
        value = keys.get(key.key)
        if key.flag in taken and value not in (None, "", [], {}) and key.key not in _OURS:
            switch = taken[key.flag] == "switch"
            words += [key.flag] * bool(value) if switch else [key.flag, str(value)]
    return words


_OURS = {"MODEL.TYPE", "MODEL.DEPTH", "TRAIN.DATASET", "RANDAUG.ACTIVATE", "SWA_MODE.ACTIVATE"}
"""Keys of which the folders' names tell more surely."""
