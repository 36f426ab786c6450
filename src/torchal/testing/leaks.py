"""Whether something can be reached from an object, through attributes, containers, closures and memory it shares."""

import functools
import gc
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

_ELSEWHERE = (types.ModuleType, type, types.CodeType, types.FrameType, types.BuiltinFunctionType)
"""Through these one reaches the whole program, which says nothing about the object."""


def reachable(*roots: Any) -> Iterator[Any]:
    """Yield every object that can be reached from some objects, without the code and globals of functions."""
    seen: dict[int, Any] = {}
    waiting = list(roots)
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, _ELSEWHERE):
            continue
        seen[id(thing)] = thing
        yield thing
        waiting += _held_by(thing)


def holds(secret: Tensor, *roots: Any) -> bool:
    """Tell whether numbers equal to the secret, one after the other, can be reached, be it in memory behind a view."""
    return any(_contains(flat, secret) for flat in map(_numbers, reachable(*roots)) if flat is not None)


def _held_by(thing: Any) -> list[Any]:
    if isinstance(thing, types.FunctionType):
        return [thing.__closure__, thing.__defaults__, thing.__kwdefaults__]
    if isinstance(thing, functools.partial):
        return [thing.func, thing.args, thing.keywords]
    if isinstance(thing, np.ndarray):
        return [thing.base]  # invisible to the garbage collector
    return [*gc.get_referents(thing), getattr(thing, "__dict__", None)]


def _numbers(thing: Any) -> Tensor | None:
    """Return the numbers in a tensor (with the memory it is a view of), an array or a sequence, or None."""
    if isinstance(thing, Tensor):
        return thing.detach().new_empty(0).set_(thing.detach().untyped_storage()).cpu()
    if isinstance(thing, np.ndarray) and thing.dtype.kind in "biuf":
        return torch.from_numpy(thing.reshape(-1).astype(np.float64))
    if isinstance(thing, list | tuple) and all(isinstance(each, int | float) for each in thing):
        return torch.tensor(thing, dtype=torch.float64)
    return None


def _contains(flat: Tensor, secret: Tensor) -> bool:
    return len(flat) >= len(secret) and bool((flat.unfold(0, len(secret), 1) == secret).all(1).any())
