"""Index sets of every run and cycle in a form that others read, with a manifest by which they can be trained again."""

from pathlib import Path
from typing import Any

import numpy as np

from torchal.data.index_files import write
from torchal.digest import digest_of_file
from torchal.experiment import ExperimentSpec
from torchal.loop import rows_by_cycle
from torchal.manifest import NAME, Cycle, Manifest, Sets
from torchal.plan import Chain
from torchal.problem import opened
from torchal.records import QueryRecord
from torchal.store import ReadOnlyStore


def export_index(experiment: ExperimentSpec, results: Path, folder: Path) -> list[Path]:
    """Write the index sets of every run and cycle that is finished, and a manifest; return the files.

    ``FOLDER/<run>/cycle-<k>/`` holds the labelled, pool and validation rows that cycle k trained with, and
    ``queried.npy``, the rows it then chose. Rows are those of the training side; of a pool with copies or strangers,
    what was added comes after them.

    Raises:
        ValueError: if nothing has run.
    """
    store = ReadOnlyStore(results / "store")
    runs: list[Sets] = []
    for spec in experiment.runs():
        chain = Chain.of(spec)
        chain.look(store, "cpu")
        cycles = _cycles(chain, folder)
        if cycles:
            runs.append(_sets(chain, cycles))
    if not runs:
        raise ValueError(f"{results} holds no finished cycle of {experiment.name}; run it first, or name --results.")
    manifest = Manifest(experiment=_training(experiment), runs=tuple(runs))
    (folder / NAME).write_text(manifest.text())
    return [folder / NAME, *(folder / file for sets in runs for cycle in sets.cycles for file in cycle.files())]


def _training(experiment: ExperimentSpec) -> dict[str, Any]:
    """Return what a replay trains by: everything but what chose the rows."""
    document = experiment.document()
    chosen_by = {"strategy", "partition", "seed", "setting", "transfer"}
    return {name: value for name, value in document.items() if name not in chosen_by}


def _sets(chain: Chain, cycles: tuple[Cycle, ...]) -> Sets:
    spec = chain.spec
    return Sets(
        run=spec.id,
        strategy=spec.strategy.label,
        model=spec.chooser.model.label,
        partition=spec.partition.id,
        seed=spec.seed,
        dataset=opened(spec).data.digest,
        cycles=cycles,
    )


def _cycles(chain: Chain, folder: Path) -> tuple[Cycle, ...]:
    """Write the index files of a run, and return what the manifest says of them."""
    name = chain.spec.dataset.plugin_name().upper()
    rows = rows_by_cycle(chain.spec, chain.finished)
    fitted = [done.cycle for done in chain.finished if done.stage == "fit"]
    asked = {done.cycle: done for done in chain.finished if done.stage == "query"}
    found = []
    for cycle in fitted:
        here = Path(chain.spec.id) / f"cycle-{cycle}"
        write(folder / here, rows[cycle], name)
        kinds = {"labelled": "lSet", "pool": "uSet", "validation": "valSet"}
        files = {kind: f"{here.as_posix()}/{prefix}_{name}.npy" for kind, prefix in kinds.items()}
        if cycle in asked:
            chosen = QueryRecord.read(asked[cycle].entry.path / "query.json").rows
            np.save(folder / here / "queried.npy", np.asarray(chosen, dtype=np.int64), allow_pickle=False)
            files["queried"] = f"{here.as_posix()}/queried.npy"
        digests = {kind: digest_of_file(folder / file) for kind, file in files.items()}
        found.append(Cycle(**files, digests=digests))
    return tuple(found)
