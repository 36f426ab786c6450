"""Results in the forms that others read."""

from pathlib import Path

import numpy as np
import torch

from torchal.data.index_files import write
from torchal.experiment import ExperimentSpec
from torchal.loop import opened
from torchal.plan import Chain
from torchal.records import QueryRecord
from torchal.store import Store


def export_index(experiment: ExperimentSpec, results: Path, folder: Path) -> list[Path]:
    """Write the index sets of every run and cycle that is finished, and return the files.

    ``FOLDER/<run>/cycle-<k>/`` holds the labelled, pool and validation rows that cycle k trained with, and
    ``queried.npy``, the rows it then chose.

    Raises:
        ValueError: if nothing has run.
    """
    store = Store(results / "store")
    written: list[Path] = []
    for spec in experiment.runs():
        chain = Chain.of(spec)
        chain.look(store, "cpu")
        written += _run(chain, folder / spec.id)
    if not written:
        raise ValueError(f"{results} holds no finished cycle of {experiment.name}; run it first, or name --results.")
    return written


def _run(chain: Chain, folder: Path) -> list[Path]:
    _, rows = opened(chain.spec)
    name = chain.spec.dataset.plugin_name().upper()
    written: list[Path] = []
    for done in chain.finished:
        here = folder / f"cycle-{done.cycle}"
        if done.stage == "fit":
            write(here, rows, name)
            written += sorted(here.glob("*Set_*.npy"))
        if done.stage == "query":
            chosen = np.asarray(QueryRecord.read(done.entry.path / "query.json").rows, dtype=np.int64)
            np.save(here / "queried.npy", chosen, allow_pickle=False)
            written.append(here / "queried.npy")
            rows = rows.acquire(torch.from_numpy(chosen))
    return written
