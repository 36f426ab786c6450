"""What a run has before it: its data set under its conditions, its first partition, its oracle and its budgets."""

import math
from dataclasses import dataclass, field
from functools import lru_cache

from torchal.data.dataset import Dataset
from torchal.data.oracle import Oracle, asked, tested
from torchal.data.partition import Partition
from torchal.data.pool import Ground, known_classes, shaped
from torchal.data.size import count
from torchal.digest import digest_of
from torchal.runspec import RunSpec
from torchal.setting import Money, Setting


@dataclass(frozen=True)
class Purchase:
    """What one query may buy."""

    rows: int
    """How many rows are chosen."""
    money: float | None = None
    """What their labels may cost; None if they are bought by number."""


@dataclass(frozen=True)
class Problem:
    """The data set, the first partition, the oracle and the budgets of a run."""

    data: Dataset
    rows: Partition
    """The first partition."""
    oracle: Oracle
    allowed: tuple[float, ...]
    """What each query may spend: rows, or money."""
    in_money: bool
    first: int
    """Labels that are there, or bought, before the first training."""
    training: int
    """Rows of the data set's training side, of which budgets are per cent."""

    @property
    def cycles(self) -> int:
        """How many trainings a run has."""
        return len(self.allowed) + 1

    def purchase(self, cycle: int, rows: Partition, spent: float) -> Purchase:
        """Return what the query of a cycle may buy, after so much was spent by those before it."""
        if not self.in_money:
            return Purchase(min(int(self.allowed[cycle]), len(rows.pool)))
        money = sum(self.allowed[: cycle + 1]) - spent
        return Purchase(min(_most(money, self.oracle), len(rows.pool)), money)

    def paid(self, cycle: int) -> float:
        """Return what the labels of a cycle were allowed to cost, a label that was there from the beginning being 1.

        Where labels are bought by number and all belong to a class, it is the number of labels in use.
        """
        total = self.first + sum(self.allowed[:cycle])
        return int(total) if total == int(total) else total


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


@lru_cache(maxsize=8)
def _problem(by: _Keyed, device: str) -> Problem:
    spec = by.spec
    whole = _prepared(_Keyed(digest_of([spec.dataset.document(), spec.model.document()]), spec), device)
    data, n = known_classes(whole, spec.pool.strangers), len(whole.train)
    bought = None if spec.setting.cycles == "all" else _bought(spec, n, data.classes)
    rows = spec.partition.rows(data.train.labels.cpu(), len(data.classes), bought)
    ground = Ground(data, rows)
    if not spec.partition.told:
        ground = shaped(ground, spec.pool, _foreign(spec, device), (spec.partition.id, "pool"))
    return _with_oracle(spec, ground, n)


def opened(spec: RunSpec, device: str = "cpu") -> Problem:
    """Return what a run has before it; what it consists of lasts for every query.

    Raises:
        ValueError: naming the sizes that do not fit.
    """
    slices = (spec.dataset, spec.model, spec.partition, spec.setting, spec.pool, spec.oracle)
    by = _Keyed(digest_of([spec.tuning.scope, *(each.document() for each in slices)]), spec)
    return _problem(by, device)


def _foreign(spec: RunSpec, device: str) -> Dataset | None:
    """Return the data set that strangers come from, as the network takes it in."""
    if spec.pool.strangers is None or spec.pool.strangers.dataset is None:
        return None
    return spec.model.prepare(spec.pool.strangers.dataset.load().to(device))


def _with_oracle(spec: RunSpec, ground: Ground, n: int) -> Problem:
    data, rows, where = ground.data, ground.rows, (spec.partition.id, "oracle")
    oracle = asked(spec.oracle, data.train.labels, rows, data.classes, where)
    test = tested(spec.oracle.noise, data.test.labels, data.classes, where)
    if test is not data.test.labels:
        noisy = type(data.test)(data.test.inputs, test)
        data = type(data)(data.name, data.train, noisy, data.classes, digest_of([data.digest, test.tolist()]))
    start = spec.setting.start
    first = len(rows.labelled) + (count(start.budget, n) if start else 0)
    allowed = _allowed(spec, n, len(rows.pool) - (first if start else 0))
    problem = Problem(data, rows, oracle, allowed, spec.setting.in_money, first, n)
    _check(spec, problem)
    return problem


# --- budgets ----------------------------------------------------------------------------------------------------------


def _allowed(spec: RunSpec, n: int, pool: int) -> tuple[float, ...]:
    """Return what each query may spend."""
    setting = spec.setting
    if setting.cycles != "all":
        return tuple(_amount(each, n) for each in setting.budgets(setting.cycles - 1))
    budget = int(_amount(setting.budgets(1)[0], n))
    if budget < 1:
        raise ValueError(f"setting.budget: {setting.budget} of {n} rows is no row; raise it")
    whole, left = divmod(pool, budget)
    return (budget,) * whole + ((left,) if left else ())


def _amount(budget: int | str | Money, n: int) -> float:
    return budget.cost if isinstance(budget, Money) else count(budget, n)


def _bought(spec: RunSpec, n: int, classes: tuple[str, ...]) -> int:
    """Return the most labels that a run with a known number of cycles buys."""
    setting, prices = spec.setting, spec.oracle.price.of(classes)
    amounts = _allowed(spec, n, 0)
    first = count(setting.start.budget, n) if setting.start else 0
    return first + (math.floor(sum(amounts) / prices.min().item()) if setting.in_money else int(sum(amounts)))


def _most(money: float, oracle: Oracle) -> int:
    """Return how many of the cheapest labels money buys."""
    return math.floor(money / oracle.prices.min().item() + 1e-9)


# --- what cannot be ---------------------------------------------------------------------------------------------------


def _check(spec: RunSpec, problem: Problem) -> None:
    rows, setting, classes = problem.rows, spec.setting, problem.data.classes
    if len(classes) < 2:
        raise ValueError(
            f"dataset {spec.dataset.label}: has the class {', '.join(classes)} alone, so there is nothing to tell "
            "apart; give data of two classes or more (of images, a folder for each: train/CLASS/*.png)"
        )
    _check_start(spec, problem)
    if not spec.partition.told:
        _check_budgets(setting, problem, spec.partition.id)
    if len(spec.partition.validating(rows.validation, problem.first)) == 0 and spec.tuning.scope != "fixed":
        raise ValueError("partition.validation: tuning needs validation rows; raise it or set tuning.scope to fixed")


def _check_start(spec: RunSpec, problem: Problem) -> None:
    rows, start = problem.rows, spec.setting.start
    if start is None and len(rows.labelled) == 0:
        raise ValueError(
            f"partition {spec.partition.id}: nothing is labelled, so there is nothing to train on; raise labelled, or "
            "add setting.start, which says who chooses the first rows"
        )
    if start is not None and len(rows.labelled):
        raise ValueError(
            f"setting.start: is for runs that begin without labels, and partition {spec.partition.id} has "
            f"{len(rows.labelled)}; set partition.labelled to 0, or remove setting.start"
        )
    if start is not None and not 1 <= problem.first <= len(rows.pool):
        raise ValueError(
            f"setting.start.budget: {start.budget} is {problem.first} of {len(rows.pool)} rows in the pool; "
            "give at least one and no more than there are"
        )


def _check_budgets(setting: Setting, problem: Problem, partition: str) -> None:
    data, rows, oracle = problem.data, problem.rows, problem.oracle
    dearest = oracle.prices.max().item()
    for allowed, asked_for in zip(problem.allowed, setting.budgets(len(problem.allowed)), strict=False):
        if allowed < (dearest if problem.in_money else 1):
            least = (
                f"cannot pay one label at {dearest:g}" if problem.in_money else f"of {len(data.train)} rows is no row"
            )
            said = f"{asked_for.cost:g}" if isinstance(asked_for, Money) else asked_for
            raise ValueError(f"setting.budget: {said} {least}; raise it")
    first = problem.first if setting.start else 0
    total = first + (_most(sum(problem.allowed), oracle) if problem.in_money else int(sum(problem.allowed)))
    if total > len(rows.pool):
        queries = len(problem.allowed)
        raise ValueError(
            f"setting: {queries} queries of up to {total} labels in all need a pool of {total} rows, and partition "
            f"{partition} of {data.name} leaves {len(rows.pool)}; lower setting.budget or setting.cycles"
        )
