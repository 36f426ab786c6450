"""The first query of a run without labels: there is no network yet, so rows are chosen by embeddings."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from torchal.data.dataset import Dataset, Inputs, Resident
from torchal.data.selected import Selected
from torchal.problem import Problem, Purchase
from torchal.query import QueryContext, Strategy, choose
from torchal.query.arrays import ArrayEvidence
from torchal.querying import answered, price
from torchal.records import Effort
from torchal.rng import Address
from torchal.runspec import RunSpec
from torchal.setting import Start
from torchal.store import Entry, Stage, Store
from torchal.viewing import VIEW, view

START = Stage("start", 2)
_PROBE = 32
_NOTHING = Effort(epochs=0, images=0, evaluated=0, flops=0)


def started(spec: RunSpec, problem: Problem, store: Store) -> Entry:
    """Return the rows with which a run begins that has no labels."""
    start, rows, where = spec.setting.start, problem.rows, (*spec.where(0), "start")
    assert start is not None
    strategy, purchase = start.strategy or spec.strategy, Purchase(problem.first)
    inputs = {
        "strategy": strategy.identity(),
        "dataset": problem.data.digest,
        "embeddings": start.heading(),
        "classes": len(problem.data.classes),
        "rows": rows.digest,
        "where": list(where),
        **price(purchase, problem.oracle, rows),
    }

    def compute(draft: Path) -> None:
        evidence = _evidence(embeddings(start, problem.data), rows.pool, where)
        chosen = _chosen(strategy, evidence, len(problem.data.classes), purchase.rows)
        record = answered(strategy, rows.pool[chosen.cpu()], purchase, problem.oracle, _NOTHING)
        (draft / "query.json").write_text(record.text())
        bought = torch.tensor(record.rows, dtype=torch.int64)
        labels = problem.oracle.labels(bought.to(problem.oracle.answers.device))
        train, classes = problem.data.train.inputs, len(problem.data.classes)
        shown = view(draft, train, len(rows.pool), bought, labels, classes)
        (draft / VIEW).write_text(shown.text())

    return store.memo(START, inputs, compute)


def check_start(spec: RunSpec, problem: Problem) -> None:
    """Refuse embeddings that do not fit and a strategy that asks for more than embeddings, tried on a few rows.

    Raises:
        ValueError: naming the field and the remedy.
    """
    start = spec.setting.start
    if start is None:
        return
    if start.embeddings:
        embeddings(start, problem.data)
    strategy = start.strategy or spec.strategy
    few = torch.randn(_PROBE, 4, generator=torch.Generator().manual_seed(0))
    try:
        _chosen(strategy, _evidence(few, torch.arange(_PROBE), ("probe",)), len(problem.data.classes), 1)
    except ValueError as error:
        raise ValueError(
            f"setting.start: strategy '{strategy.label}' cannot choose before the first training, since there are "
            f"embeddings and no network then ({error}); set setting.start.strategy to typiclust, probcover, maxherding "
            "or random"
        ) from error


def embeddings(start: Start, data: Dataset) -> Float[Tensor, "n width"]:
    """Return a row of numbers for each row of the training side.

    Raises:
        ValueError: if the file has another number of rows, or the examples are too many to lie in memory.
    """
    table = start.table()
    if table is not None:
        return _of_rows(torch.from_numpy(np.array(table, dtype=np.float32)), data.train.inputs)
    return _seen(data.train.inputs)


def _of_rows(table: Float[Tensor, "rows width"], inputs: Inputs) -> Float[Tensor, "n width"]:
    """Return a file's embeddings for all rows, of which some may be copies."""
    if len(table) == len(inputs):
        return table
    if isinstance(inputs, Selected) and len(table) == len(inputs.base):
        return table[inputs.rows.cpu()]
    raise ValueError(
        f"setting.start.embeddings: has {len(table)} rows, and the training side {len(inputs)}; give one for each row"
    )


def _seen(inputs: Inputs) -> Float[Tensor, "n width"]:
    base = inputs.base if isinstance(inputs, Selected) else inputs
    if not isinstance(base, Resident):
        raise ValueError("setting.start.embeddings: the examples are read from disk, so give a .npy file of embeddings")
    rows = torch.arange(len(inputs), device=inputs.home)
    return torch.cat([inputs.batch(part).flatten(1).float() for part in rows.split(8192)])


def _evidence(table: Tensor, pool: Tensor, where: Address) -> ArrayEvidence:
    nothing = torch.arange(0, device=table.device)
    return ArrayEvidence(pool.to(table.device), nothing, where, {"embeddings": table})


def _chosen(strategy: Strategy, evidence: ArrayEvidence, classes: int, budget: int) -> Tensor:
    nothing = torch.zeros(0, dtype=torch.int64, device=evidence.device)
    return choose(strategy, QueryContext(evidence, nothing, classes, budget, evidence.where))
