"""What every strategy promises, as functions that raise an AssertionError where one of them breaks it."""

import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from torchal.query import QueryContext, Strategy, choose
from torchal.testing.fakes import FakePool
from torchal.testing.leaks import holds
from torchal.testing.watch import NoRankedNaN, portrait, reseeded, streams

Check = Callable[[Strategy], None]


def _pick(strategy: Strategy, query: FakePool | QueryContext, situation: str) -> Tensor:
    """Return a strategy's answer, or raise an AssertionError that says in which situation it broke its promise."""
    context = query.context() if isinstance(query, FakePool) else query
    try:
        return choose(strategy, context)
    except ValueError as error:
        raise AssertionError(f"{situation}: {error}") from error


def _served(strategy: Strategy, budget: int) -> int:
    """Return a budget, or the largest that the strategy can serve."""
    return min(budget, strategy.most(FakePool.classes) or budget)


def check_budget(strategy: Strategy) -> None:
    """Exactly as many distinct positions of the pool as the budget asks, be it one or all but one."""
    for budget in {_served(strategy, wanted) for wanted in (1, 2, 10, 59)}:
        _pick(strategy, FakePool(budget=budget), f"with a budget of {budget} in a pool of 60")


def check_whole_pool(strategy: Strategy) -> None:
    """Every position once when the budget is the whole pool."""
    pool = _served(strategy, 20)
    chosen = _pick(strategy, FakePool(pool=pool, budget=pool), "with a budget as large as the pool")
    assert chosen.sort().values.tolist() == list(range(pool)), "a budget as large as the pool does not give the pool"


def check_constant_network(strategy: Strategy) -> None:
    """A lasting answer when the network says the same of every row, so that all scores tie."""
    tied = FakePool(sharpness=0.0)
    answers = [_pick(strategy, tied, "with a network that says the same of every row").tolist() for _ in range(2)]
    assert answers[0] == answers[1], "where all rows tie, a second call chooses others"


def check_global_seeds(strategy: Strategy) -> None:
    """The same answer whatever the global random streams of torch, numpy and Python hold."""
    answers = []
    for seed in (1, 2):
        with reseeded(seed):
            answers.append(_pick(strategy, FakePool(), "with reseeded global streams").tolist())
    assert answers[0] == answers[1], "draws from a global random stream or an unseeded one; use ctx.generator(purpose)"


def check_streams_untouched(strategy: Strategy) -> None:
    """Global random streams as they were."""
    with reseeded(3):
        before = streams()
        _pick(strategy, FakePool(), "while global random streams are watched")
        after = streams()
    moved = [name for name in before if before[name] != after[name]]
    assert not moved, f"moves the global random stream of {', '.join(moved)}; use ctx.generator or ctx.seeded"


def check_chunks(strategy: Strategy) -> None:
    """The same answer however many rows go through the network at a time."""
    answers = {tuple(_pick(strategy, FakePool(chunk=n), f"in chunks of {n} rows").tolist()) for n in (7, 64, 1024)}
    assert len(answers) == 1, "the choice depends on how many rows go through the network at a time"


def check_network_untouched(strategy: Strategy) -> None:
    """Weights, buffers, gradients, hooks and each part's mode as they were, whichever mode that was."""
    for training in (True, False):
        context = FakePool().context()
        context.model.train(training)
        context.model.body[1].train(not training)
        before = portrait(context.model)
        _pick(strategy, context, "while the network is watched")
        after = portrait(context.model)
        changed = [name for name in before if before[name] != after[name]]
        assert not changed, f"changes the network's {', '.join(changed)}; work on a copy"


def check_pool_labels(strategy: Strategy) -> None:
    """No way to the labels of the pool from the context, before and after the query, or from the strategy."""
    fake = FakePool()
    context, rows, labels = fake.context(), fake.rows, fake.labels
    for moment in ("before", "after"):
        reached = any(holds(secret, context, strategy) for secret in (labels, labels[rows.pool]))
        assert not reached, f"the labels of the pool can be reached {moment} the query"
        _pick(strategy, context, "while labels are looked for")


def check_pool_order(strategy: Strategy) -> None:
    """The same rows however the pool is ordered, if the strategy claims ``order_free``."""
    if not strategy.order_free:
        return
    fakes = [FakePool(), FakePool(order=1), FakePool(order=2)]
    answers = {
        tuple(fake.rows.pool[_pick(strategy, fake, "in a shuffled pool")].sort().values.tolist()) for fake in fakes
    }
    assert len(answers) == 1, "chooses other rows when the pool is shuffled; if it must, set order_free = False"


def check_saturated(strategy: Strategy) -> None:
    """No NaN ranked where the network is so certain that probabilities round to 0 and 1."""
    for sharpness in (400.0, 1e5):
        certain = FakePool(sharpness=sharpness)
        with NoRankedNaN():
            _pick(strategy, certain, f"with logits {sharpness:g} times as large as usual")


def check_copies(strategy: Strategy) -> None:
    """No position twice where the pool has fewer distinct inputs than the budget."""
    budget = _served(strategy, 30)
    fake = FakePool(copies=6, budget=budget)
    _pick(strategy, fake, f"with 10 distinct inputs in a pool of 60 and a budget of {budget}")


def check_without_dropout(strategy: Strategy) -> None:
    """An answer without dropout in the network, or the declaration that it is needed and a ValueError that says so."""
    try:
        choose(strategy, FakePool(dropout=0.0).context())
    except ValueError as error:
        if "dropout" not in str(error):
            raise AssertionError(f"fails on a network without dropout and does not say so: {error}") from error
        assert strategy.samples_dropout, "needs dropout; set samples_dropout = True, so that a plan refuses it in time"


def check_nothing_labelled(strategy: Strategy) -> None:
    """An answer when nothing is labelled yet."""
    _pick(strategy, FakePool(labelled=0), "with nothing labelled yet")


def check_source(strategy: Strategy) -> None:
    """A module header that names a source with its year, or says that the rule is one's own."""
    header = sys.modules[type(strategy).__module__].__doc__ or ""
    named = re.search(r"\b(19|20)\d\d\b|\bown\b", header, re.IGNORECASE)
    assert named, "the docstring of its module names no source: give the paper with its year, or say 'own rule'"


CHECKS: tuple[Check, ...] = (
    check_budget,
    check_whole_pool,
    check_constant_network,
    check_global_seeds,
    check_streams_untouched,
    check_chunks,
    check_network_untouched,
    check_pool_labels,
    check_pool_order,
    check_saturated,
    check_copies,
    check_without_dropout,
    check_nothing_labelled,
    check_source,
)
"""Every promise. A suite parametrises over it."""


def failures(strategy: Strategy) -> dict[str, str | None]:
    """Return each promise by the name of its check, and how the strategy breaks it, or None where it is kept."""
    return {check.__name__: _failure(check, strategy) for check in CHECKS}


def _failure(check: Check, strategy: Strategy) -> str | None:
    try:
        check(strategy)
    except Exception as error:  # noqa: BLE001 - whatever a strategy raises is a finding to print beside the others
        return f"{type(error).__name__}: {error}{_place(error, strategy)}"
    return None


def _place(error: BaseException, strategy: Strategy) -> str:
    """Return the line of the strategy's own file in which an error, or its cause, arose, if it did there."""
    file = sys.modules[type(strategy).__module__].__file__
    frames = traceback.extract_tb((error.__cause__ or error).__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    return f" ({Path(str(file)).name}, line {lines[-1]})" if lines else ""
