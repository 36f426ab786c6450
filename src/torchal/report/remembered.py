"""What is worked out of a table is kept as long as the table is, since several parts of a page ask for the same."""

import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd

P = ParamSpec("P")
T = TypeVar("T")


def remembered(work: Callable[Concatenate[pd.DataFrame, P], T]) -> Callable[Concatenate[pd.DataFrame, P], T]:
    """Let a function of a table answer a second call with what it answered the first.

    The answer belongs to all who ask, so nobody may change it, nor the table. Further arguments must be hashable.
    """
    known: dict[int, dict[Any, T]] = {}

    @wraps(work)
    def answer(table: pd.DataFrame, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if id(table) not in known:
            known[id(table)] = {}
            weakref.finalize(table, known.pop, id(table)).atexit = False
        answers, asked = known[id(table)], (args, tuple(sorted(kwargs.items())))
        if asked not in answers:
            answers[asked] = work(table, *args, **kwargs)
        return answers[asked]

    return answer
