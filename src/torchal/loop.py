"""THE MAIN PATH: a run is a loop over cycles, and the disk is its memo.

Read :func:`stages` first. Each of its four steps names its inputs, asks the store, and computes only what is missing.
The key of an entry is the digest of its inputs, so whatever runs have in common is computed once: cycle 0 by all
strategies, a search by all seeds that reuse it, everything by a run that was stopped and is called again.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import torch

from torchal.data.dataset import Dataset, Examples
from torchal.data.draw import count
from torchal.data.oracle import Oracle
from torchal.data.partition import Partition
from torchal.digest import canonical, digest_of
from torchal.experiment import RunSpec
from torchal.inference import chunk_for
from torchal.query import QueryContext, choose
from torchal.query.network import NetworkEvidence
from torchal.querying import Query
from torchal.records import (
    CycleRecord,
    FitRecord,
    MeasureRecord,
    QueryRecord,
    RunRecord,
    StageName,
    TuneRecord,
)
from torchal.rng import Address
from torchal.store import Entry, Stage, Store
from torchal.training.effort import passed
from torchal.training.memo import WEIGHTS, restored, trained, weights_digest
from torchal.training.metrics import evaluate
from torchal.training.recipe import Recipe
from torchal.training.task import Previous, Task
from torchal.tuning.search import Search, trial_address

TUNE, MEASURE, QUERY = Stage("tune", 3), Stage("measure"), Stage("query", 3)


@dataclass(frozen=True)
class Due:
    """A search that a run is about to make, of which some trials may be computed elsewhere first."""

    cycle: int
    search: Search
    stage: StageName = "tune"


@dataclass(frozen=True)
class Done:
    """A finished stage of a run, and how many labels were in use."""

    cycle: int
    stage: StageName
    entry: Entry
    labelled: int


def stages(spec: RunSpec, store: Store, device: str = "cpu") -> Iterator[Done]:
    """Go through a run as :func:`walk` does, and yield its stages as they are finished."""
    return (met for met in walk(spec, store, device) if isinstance(met, Done))


def walk(spec: RunSpec, store: Store, device: str = "cpu") -> Iterator[Due | Done]:
    """Tune, train, measure, query; repeat. Going through it again costs only what is missing.

    Raises:
        ValueError: if the spec asks for what the data set cannot give.
    """
    data, rows = opened(spec, device)
    budget, oracle = count(spec.setting.budget, len(data.train)), Oracle(data.train.labels)
    fitted: Entry | None = None
    for cycle in range(spec.setting.cycles):
        where, known = spec.where(cycle), len(rows.labelled)
        before, task = fitted, _task(spec, data, rows, oracle, fitted)
        tuning = yield from tuned(spec, task, cycle, store, device)
        if tuning is not None:
            yield Done(cycle, "tune", tuning, known)
        recipe, address = _recipe(spec, cycle, tuning)
        fitted = trained(task, recipe, address, store)
        yield Done(cycle, "fit", fitted, known)
        yield Done(cycle, "measure", measured(task, data, fitted, store), known)
        if cycle + 1 < spec.setting.cycles:
            query = Query(spec.strategy, task, recipe, rows, fitted, before, where, store)
            answer = queried(query, budget)
            yield Done(cycle, "query", answer, known)
            rows = rows.acquire(_chosen(answer))  # only now does the oracle tell these labels


def run(spec: RunSpec, store: Store, device: str = "cpu") -> RunRecord:
    """Carry out one run from its spec to its last cycle, computing only what the store lacks."""
    return record(spec, list(stages(spec, store, device)))


def record(spec: RunSpec, finished: list[Done]) -> RunRecord:
    """Return what is known of a run whose first stages are finished."""
    by_cycle: dict[int, list[Done]] = {}
    for done in finished:
        by_cycle.setdefault(done.cycle, []).append(done)
    return RunRecord(
        id=spec.id,
        strategy=spec.strategy.label,
        dataset=spec.dataset.label,
        model=spec.model.label,
        partition=spec.partition.id,
        seed=spec.seed,
        spec=spec.identity(),
        cycles=tuple(_cycle(cycle, by_cycle[cycle]) for cycle in sorted(by_cycle)),
        finished=len(finished) == len(spec.plan()),
    )


def _cycle(cycle: int, finished: list[Done]) -> CycleRecord:
    entries = {done.stage: done.entry for done in finished}
    fields: dict[str, object] = {"keys": {stage: entry.key for stage, entry in entries.items()}}
    if "tune" in entries:
        fields["recipe"] = entries["tune"].json("recipe.json")
    if "fit" in entries:
        fitted = FitRecord.read(entries["fit"].path / "fit.json")
        fields |= {"recipe": fitted.recipe, "best_epoch": fitted.best}
    if "measure" in entries:
        scores = MeasureRecord.read(entries["measure"].path / "measure.json")
        fields |= {"validation": scores.validation, "test": scores.test}
    if "query" in entries:
        fields["queried"] = len(_chosen(entries["query"]))
    return CycleRecord.model_validate({"cycle": cycle, "labelled": finished[0].labelled, **fields})


def tuned(
    spec: RunSpec, task: Task, cycle: int, store: Store, device: str
) -> Generator[Due | Done, None, Entry | None]:
    """Return the search that a cycle's recipe comes from, which another run or cycle may have made; None if nobody."""
    tuner = spec.tuned_by(cycle)
    if tuner is None:
        return None
    if tuner != (spec, cycle):
        return next(
            each.entry for each in stages(tuner[0], store, device) if (each.cycle, each.stage) == (tuner[1], "tune")
        )
    search = Search(spec.tuning, spec.recipe, task, spec.where(cycle), store)
    yield Due(cycle, search)
    return searched(search)


def searched(search: Search) -> Entry:
    """Return the record of a search and the recipe it found."""
    inputs = {
        "task": search.task.identity,
        "recipe": search.recipe.identity(),
        "tuning": search.tuning.identity_of_search(),
        "where": list(search.where),
    }

    def compute(draft: Path) -> None:
        record = search.result()
        (draft / "tune.json").write_text(record.text())
        (draft / "recipe.json").write_text(canonical(record.recipe))

    return search.store.memo(TUNE, inputs, compute)


def _recipe(spec: RunSpec, cycle: int, tuning: Entry | None) -> tuple[Recipe, Address]:
    """Return the recipe of a cycle and the address of its training: a trial's, if its network is to be kept."""
    if tuning is None:
        return spec.recipe, spec.where(cycle)
    recipe = Recipe.model_validate(tuning.json("recipe.json"))
    if spec.tuning.retrain or spec.tuned_by(cycle) != (spec, cycle):
        return recipe, spec.where(cycle)
    return recipe, trial_address(spec.where(cycle), TuneRecord.read(tuning.path / "tune.json").chosen)


def measured(task: Task, data: Dataset, fitted: Entry, store: Store) -> Entry:
    """Return the scores of a trained network. This is the one place where the test side is looked at."""
    inputs = {"task": task.identity, "weights": weights_digest(fitted), "dataset": data.digest}

    def compute(draft: Path) -> None:
        model = restored(task, fitted)
        validation = None if task.validation is None else evaluate(model, task.validation, task.classes)
        test = evaluate(model, data.test.examples(), task.classes)
        (draft / "measure.json").write_text(MeasureRecord(validation=validation, test=test).text())

    return store.memo(MEASURE, inputs, compute)


def queried(query: Query, budget: int) -> Entry:
    """Return the rows that the strategy chooses from the pool, whose labels it is never shown."""
    task, rows = query.task, query.rows

    def compute(draft: Path) -> None:
        inputs, labels = task.labelled.inputs, task.labelled.labels
        chunk = chunk_for(inputs.shape, labels.device)
        evidence = NetworkEvidence(query.network(), inputs, rows, query.where, chunk, query)
        context = QueryContext(evidence, labels, task.classes, budget, query.where)
        chosen = rows.pool[choose(query.strategy, context).to(rows.pool.device)]
        record = QueryRecord(
            strategy=query.strategy.label,
            rows=tuple(chosen.tolist()),
            forward_passes=context.forward_passes,
            effort=passed(task, context.forward_passes),
        )
        (draft / "query.json").write_text(record.text())

    return query.store.memo(QUERY, query.identity | {"budget": budget}, compute)


@dataclass(frozen=True)
class _Keyed:
    """A run, of which a cache sees but a digest, since the options of a plug-in need not be hashable."""

    digest: str
    spec: RunSpec = field(compare=False)


@lru_cache(maxsize=2)
def _loaded(by: _Keyed, device: str) -> Dataset:
    return by.spec.dataset.load().to(device)


@lru_cache(maxsize=2)
def _prepared(by: _Keyed, device: str) -> Dataset:
    spec = by.spec
    return spec.model.prepare(_loaded(_Keyed(digest_of(spec.dataset.document()), spec), device))


def opened(spec: RunSpec, device: str = "cpu") -> tuple[Dataset, Partition]:
    """Return a run's data set, prepared for its network, and its first partition, which lasts for every query.

    Raises:
        ValueError: naming the sizes that do not fit.
    """
    data = _prepared(_Keyed(digest_of([spec.dataset.document(), spec.model.document()]), spec), device)
    rows = spec.partition.rows(data.train.labels.cpu(), len(data.classes))
    budget, queries = count(spec.setting.budget, len(data.train)), spec.setting.cycles - 1
    if queries and budget < 1:
        raise ValueError(f"setting.budget: {spec.setting.budget} of {len(data.train)} rows is no row; raise it")
    if budget * queries > len(rows.pool):
        raise ValueError(
            f"setting: {queries} queries of {budget} labels need a pool of {budget * queries} rows, and partition "
            f"{spec.partition.id} of {data.name} leaves {len(rows.pool)}; lower setting.budget or setting.cycles"
        )
    if len(rows.validation) == 0 and spec.tuning.scope != "fixed":
        raise ValueError("partition.validation: tuning needs validation rows; raise it or set tuning.scope to fixed")
    return data, rows


def _task(spec: RunSpec, data: Dataset, rows: Partition, oracle: Oracle, before: Entry | None) -> Task:
    device = data.train.labels.device
    going_on = before if spec.recipe.init == "previous" else None
    labelled, validation = rows.labelled.to(device), rows.validation.to(device)
    return Task(
        model=spec.model,
        labelled=Examples(data.train.inputs, labelled, oracle.labels(labelled)),
        validation=data.train.examples(validation) if len(validation) else None,
        classes=len(data.classes),
        dataset=data.digest,
        previous=Previous(going_on.path / WEIGHTS, weights_digest(going_on)) if going_on else None,
    )


def _chosen(answer: Entry) -> torch.Tensor:
    return torch.tensor(QueryRecord.read(answer.path / "query.json").rows, dtype=torch.int64)
