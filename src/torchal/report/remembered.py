"""What is worked out of a table is kept while a report is made, since several of its parts ask for the same."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd

P = ParamSpec("P")
T = TypeVar("T")

_known: ContextVar[dict[Any, tuple[pd.DataFrame, Any]] | None] = ContextVar("known", default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """Inside the block, work out once what several ask of one table; nobody may change a table or an answer there."""
    before = _known.set({})
    try:
        yield
    finally:
        _known.reset(before)


def remembered(work: Callable[Concatenate[pd.DataFrame, P], T]) -> Callable[Concatenate[pd.DataFrame, P], T]:
    """Let a function of a table answer a second call with what it answered the first, inside :func:`remembering`.

    Elsewhere it is as it was, since a table may be changed between two calls. Further arguments must be hashable.
    """

    @wraps(work)
    def answer(table: pd.DataFrame, /, *args: P.args, **kwargs: P.kwargs) -> T:
        known, asked = _known.get(), (work, id(table), args, tuple(sorted(kwargs.items())))
        if known is None:
            return work(table, *args, **kwargs)
        if asked not in known:
            known[asked] = table, work(table, *args, **kwargs)  # a table that is kept leaves its place to no other
        result: T = known[asked][1]
        return result

    return answer
