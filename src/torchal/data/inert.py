"""Reading integers out of a pickled numpy array without unpickling it.

A pickle is a program. This module only looks at its instructions, one by one, on a stack of inert values: a call is
noted and never made, a name is noted and never looked up. What is left must be exactly the notes of a one-dimensional
array of Python integers as numpy writes it; all else is refused.
"""

import pickletools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_REBUILD = {"numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"}
_TEXT = {"BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES", "SHORT_BINSTRING"}
_LITERAL = {"BININT", "BININT1", "BININT2", "LONG1"} | _TEXT
_CONSTANT = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PASSED_OVER = {"PROTO", "FRAME", "STOP"}
_MARK = object()
"""Where a group of values begins on the stack."""


@dataclass(frozen=True, eq=False)
class _Name:
    """A name a pickle asks for."""

    text: str


@dataclass(eq=False)
class _Call:
    """A call a pickle asks for, and the state it would have set."""

    function: Any
    arguments: Any
    state: Any = None


def integers(pickled: bytes) -> NDArray[np.int64]:
    """Return the integers of a pickled one-dimensional object array. Nothing in it is executed or imported.

    Raises:
        ValueError: if it is not a whole pickle of exactly that.
    """
    machine = _Inert()
    try:
        for code, argument, _ in pickletools.genops(pickled):
            machine.step(code.name, argument)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("holds a damaged pickle") from error
    values = _values(machine.stack)
    if not set(map(type, values)) <= {int}:
        raise ValueError("holds values that are not integers")
    try:
        return np.array(values, dtype=np.int64)
    except OverflowError as error:
        raise ValueError("holds a number that is no row") from error


def _values(stack: list[Any]) -> list[Any]:
    """Return the list inside what numpy writes for an array of objects, having compared all of it."""
    match stack:
        case [
            _Call(
                _Name(rebuild),
                (_Name("numpy ndarray"), (0,), _),
                (1, (int(n),), _Call(_Name("numpy dtype"), ("O8" | "O4" | "O", *_)), _, list(values)),
            )
        ] if rebuild in _REBUILD and n == len(values):
            return values
    raise ValueError("holds a pickle of something other than a one-dimensional array of integers")


@dataclass
class _Inert:
    """A stack and a memo on which the instructions of a pickle leave notes."""

    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def step(self, name: str, argument: Any) -> None:
        """Take note of one instruction.

        Raises:
            ValueError: if arrays of integers have no use for it.
        """
        if name in _LITERAL:
            self.stack.append(argument)
        elif name in _CONSTANT:
            self.stack.append(_CONSTANT[name])
        elif name in _TUPLES:
            self.stack.append(tuple(self._take(_TUPLES[name])))
        elif name not in _PASSED_OVER:
            self._act(name, argument)

    def _act(self, name: str, argument: Any) -> None:
        match name:
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.stack[-1]
            case "MEMOIZE":
                self.memo[len(self.memo)] = self.stack[-1]
            case "BINGET" | "LONG_BINGET":
                self.stack.append(self.memo[argument])
            case "MARK":
                self.stack.append(_MARK)
            case "EMPTY_LIST":
                self.stack.append([])
            case "TUPLE":
                self.stack.append(tuple(self._since_mark()))
            case "APPENDS":
                more = self._since_mark()
                self.stack[-1].extend(more)
            case "APPEND":
                (more,) = self._take(1)
                self.stack[-1].append(more)
            case _:
                self._note(name, argument)

    def _note(self, name: str, argument: Any) -> None:
        """Note what an unpickler would have looked up, called or set."""
        match name:
            case "GLOBAL":
                self.stack.append(_Name(argument))
            case "STACK_GLOBAL":
                module, attribute = self._take(2)
                self.stack.append(_Name(f"{module} {attribute}"))
            case "REDUCE":
                function, arguments = self._take(2)
                self.stack.append(_Call(function, arguments))
            case "BUILD":
                (state,) = self._take(1)
                self.stack[-1].state = state
            case _:
                raise ValueError(f"holds a pickle with the instruction {name}, which no array of integers needs")

    def _take(self, number: int) -> list[Any]:
        """Take the uppermost values from the stack."""
        if len(self.stack) < number:
            raise ValueError("holds a damaged pickle")
        taken = self.stack[-number:]
        del self.stack[-number:]
        return taken

    def _since_mark(self) -> list[Any]:
        """Take the values above the uppermost mark from the stack, and the mark."""
        place = len(self.stack) - 1 - self.stack[::-1].index(_MARK)
        taken = self.stack[place + 1 :]
        del self.stack[place:]
        return taken
