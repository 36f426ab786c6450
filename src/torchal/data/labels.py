"""From labels as files hold them, integers or strings, to numbers of classes."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from numpy.typing import NDArray
from torch import Tensor

_Numbered = tuple[Int64[Tensor, " train"], Int64[Tensor, " test"], tuple[str, ...]]


def numbered(name: str, train: NDArray[Any], test: NDArray[Any], classes: tuple[str, ...] | None = None) -> _Numbered:
    """Return both sides' labels as numbers of classes, and the names of the classes.

    Integers are the numbers already, and strings are numbered by the alphabet, unless ``classes`` gives the order.

    Args:
        name: of the data set, for errors.
        train: labels of the training side.
        test: labels of the test side.
        classes: names in order, if they are known.

    Raises:
        ValueError: if labels are neither integers nor strings, or a string is no class.
    """
    for labels in (train, test):
        if labels.ndim != 1 or labels.dtype.kind not in "iuU":
            raise ValueError(
                f"{name}: labels have {labels.ndim} dimensions and type {labels.dtype}; give a row of numbers or names."
            )
    if len(train) == 0:
        raise ValueError(f"{name}: the training side is empty; give it at least one example.")
    if (train.dtype.kind == "U") != (test.dtype.kind == "U"):
        raise ValueError(f"{name}: labels are strings on one side and integers on the other; make them alike.")
    if train.dtype.kind == "U":
        names = classes or tuple(str(each) for each in np.unique(train))
        return _looked_up(name, train, names), _looked_up(name, test, names), names
    names = classes or tuple(str(number) for number in range(_number(train)))
    return torch.from_numpy(train.astype(np.int64)), torch.from_numpy(test.astype(np.int64)), names


def _number(labels: NDArray[Any]) -> int:
    """Return how many classes integers speak of: no more than there are labels, since each class needs one."""
    return min(int(labels.max(initial=-1)) + 1, len(labels))


def _looked_up(name: str, labels: NDArray[Any], names: tuple[str, ...]) -> Int64[Tensor, " n"]:
    known = np.array(names)
    order = known.argsort()
    places = np.searchsorted(known[order], labels).clip(max=len(names) - 1)
    found = order[places]
    strange = np.flatnonzero(known[found] != labels)
    if len(strange):
        raise ValueError(
            f"{name}: label '{labels[strange[0]]}' is none of the classes {', '.join(names)}; correct or add it."
        )
    return torch.from_numpy(found.astype(np.int64))
