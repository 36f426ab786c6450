"""THE MAIN PATH: a run is a loop over cycles, and the disk is its memo.

Read :func:`stages` first. Each of its four steps names its inputs, asks the store, and computes only what is missing.
The key of an entry is the digest of its inputs, so whatever runs have in common is computed once: cycle 0 by all
strategies, a search by all seeds that reuse it, everything by a run that was stopped and is called again.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from torchal.data.dataset import Dataset, Examples
from torchal.data.partition import Partition
from torchal.digest import canonical
from torchal.problem import Problem, opened
from torchal.querying import Query, queried
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
from torchal.runspec import RunSpec
from torchal.starting import started
from torchal.store import Entry, Stage, Store
from torchal.training.memo import WEIGHTS, restored, trained, weights_digest
from torchal.training.metrics import evaluate, predictions, reliability, scores
from torchal.training.recipe import Recipe
from torchal.training.task import Previous, Task
from torchal.tuning.search import Search, trial_address

TUNE, MEASURE = Stage("tune", 4), Stage("measure", 3)


@dataclass(frozen=True)
class Due:
    """A stage that a run is about to compute, of which some parts may be computed elsewhere first."""

    cycle: int
    stage: StageName
    part: Callable[[int], object]
    """Computes a trial of a search, or a member of a committee, by its number."""


@dataclass(frozen=True)
class Done:
    """A finished stage of a run, how many labels were in use, and what they were allowed to cost."""

    cycle: int
    stage: StageName
    entry: Entry
    labelled: int
    paid: float


def stages(spec: RunSpec, store: Store, device: str = "cpu") -> Iterator[Done]:
    """Go through a run as :func:`walk` does, and yield its stages as they are finished."""
    return (met for met in walk(spec, store, device) if isinstance(met, Done))


def walk(spec: RunSpec, store: Store, device: str = "cpu") -> Iterator[Due | Done]:
    """Tune, train, measure, query; repeat. Going through it again costs only what is missing.

    Raises:
        ValueError: if the spec asks for what the data set cannot give.
    """
    problem = opened(spec, device)
    rows, spent = problem.rows, 0.0
    fitted: Entry | None = None
    if spec.setting.start:
        first = _of(spec.chooser, 0, "start", store, device) if spec.source else started(spec, problem, store)
        yield Done(0, "start", first, 0, 0)
        rows = _bought(rows, first, problem)
    for cycle in range(problem.cycles):
        known, paid = len(rows.labelled), problem.paid(cycle)
        before, task = fitted, _task(spec, problem, rows, fitted)
        tuning = yield from tuned(spec, task, cycle, store, device)
        if tuning is not None:
            yield Done(cycle, "tune", tuning, known, paid)
        recipe, address = _recipe(spec, cycle, tuning)
        fitted = trained(task, recipe, address, store)
        yield Done(cycle, "fit", fitted, known, paid)
        yield Done(cycle, "measure", measured(task, problem.data, fitted, store), known, paid)
        if cycle + 1 == problem.cycles:
            return
        if spec.partition.told:
            rows = spec.partition.later(cycle + 1)
            continue
        if spec.source:
            answer = _of(spec.chooser, cycle, "query", store, device)
        else:
            query = Query(spec.strategy, task, recipe, rows, fitted, before, spec.where(cycle), store)
            yield Due(cycle, "query", query.enlist)
            answer = queried(query, problem.purchase(cycle, rows, spent), problem.oracle)
        yield Done(cycle, "query", answer, known, paid)
        spent += QueryRecord.read(answer.path / "query.json").cost
        rows = _bought(rows, answer, problem)  # only now does the oracle tell these labels


def run(spec: RunSpec, store: Store, device: str = "cpu") -> RunRecord:
    """Carry out one run from its spec to its last cycle, computing only what the store lacks."""
    return record(spec, list(stages(spec, store, device)), whole=True)


def record(spec: RunSpec, finished: list[Done], *, whole: bool) -> RunRecord:
    """Return what is known of a run of which the first stages, or the whole, are finished."""
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
        finished=whole,
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
        found = MeasureRecord.read(entries["measure"].path / "measure.json")
        fields |= {"validation": found.validation, "test": found.test}
    if "query" in entries:
        answer = QueryRecord.read(entries["query"].path / "query.json")
        fields |= {"queried": len(answer.rows), "cost": answer.cost, "strangers": answer.strangers}
    last = finished[-1]  # the first may be the one that chooses the first labels
    return CycleRecord.model_validate({"cycle": cycle, "labelled": last.labelled, "paid": last.paid, **fields})


def tuned(
    spec: RunSpec, task: Task, cycle: int, store: Store, device: str
) -> Generator[Due | Done, None, Entry | None]:
    """Return the search that a cycle's recipe comes from, which another run or cycle may have made; None if nobody."""
    tuner = spec.tuned_by(cycle)
    if tuner is None:
        return None
    if tuner != (spec, cycle):
        return _of(*tuner, "tune", store, device)
    search = Search(spec.tuning, spec.recipe, task, spec.where(cycle), store)
    yield Due(cycle, "tune", search.trial)
    return searched(search)


def _of(spec: RunSpec, cycle: int, stage: StageName, store: Store, device: str) -> Entry:
    """Return a stage of a run, which another run or cycle makes use of."""
    return next(each.entry for each in stages(spec, store, device) if (each.cycle, each.stage) == (cycle, stage))


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
        tested = data.test.examples()
        said = predictions(model, tested)
        record = MeasureRecord(
            validation=validation,
            test=scores(said, tested.labels, task.classes),
            reliability=reliability(said, tested.labels),
        )
        (draft / "measure.json").write_text(record.text())

    return store.memo(MEASURE, inputs, compute)


def _task(spec: RunSpec, problem: Problem, rows: Partition, before: Entry | None) -> Task:
    data, device = problem.data, problem.data.train.labels.device
    going_on = before if spec.recipe.init == "previous" else None
    validating = spec.partition.validating(rows.validation, len(rows.labelled))
    labelled, validation = (
        Examples(data.train.inputs, some, problem.oracle.labels(some))
        for some in (rows.labelled.to(device), validating.to(device))
    )
    return Task(
        model=spec.model,
        labelled=labelled,
        validation=validation if len(validation) else None,
        classes=len(data.classes),
        dataset=data.digest,
        previous=Previous(going_on.path / WEIGHTS, weights_digest(going_on)) if going_on else None,
    )


def rows_by_cycle(spec: RunSpec, finished: list[Done], device: str = "cpu") -> list[Partition]:
    """Return the rows of each cycle that some stages of a run reach, with those that validate in it."""
    problem, rows = opened(spec, device), opened(spec, device).rows
    answers = [done for done in finished if done.stage in {"start", "query"}]
    found = [] if spec.setting.start else [rows]
    for done in answers:
        rows = _bought(rows, done.entry, problem)
        found.append(rows)
    if spec.partition.told:
        found += [spec.partition.later(cycle) for cycle in range(1, problem.cycles)]
    validating = spec.partition.validating
    return [replace(each, validation=validating(each.validation, len(each.labelled))) for each in found]


def _bought(rows: Partition, answer: Entry, problem: Problem) -> Partition:
    """Return the partition after a query: rows that belong to no class are gone."""
    asked = torch.tensor(QueryRecord.read(answer.path / "query.json").rows, dtype=torch.int64)
    return rows.acquire(asked, problem.oracle.told(asked))
