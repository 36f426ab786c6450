"""What specs and rows of an experiment say, in the words of a published protocol.

Those words are the fields of :class:`torchal.report.reference.Protocol`. What the specs do not say is left empty.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from torchal.report.reference import Protocol, bare
from torchal.spec import one_or_many

Setup = Mapping[str, Sequence[Any]]
"""The different values of each axis of a spec, such as ``recipe``."""

_UNKNOWN: Any = object()
_CIFAR = 50_000
"""Rows of a data set of which TorchAL published validation sets of several sizes; of others, a tenth rounded up."""


def setup(protocol: Mapping[str, Any], specs: Iterable[Mapping[str, Any]]) -> Setup:
    """Return the axes of some runs by their specs, and of the whole experiment where these say nothing."""
    specs, axes = list(specs), {axis: one_or_many(value) for axis, value in protocol.items()}
    named = dict.fromkeys(axis for spec in specs for axis in spec)
    return axes | {axis: _distinct(spec[axis] for spec in specs if axis in spec) for axis in named}


def measured(rows: pd.DataFrame, axes: Setup, published: Protocol) -> dict[str, list[Any]]:
    """Return the different values of each point of a protocol, none where it is not known.

    Args:
        rows: of one data set, network and condition.
        axes: what the specs of their runs say.
        published: what they will be compared with: it says how many rows per cent are of, and what may be searched.
    """
    counts = sorted(rows["labelled"].unique().tolist())
    read = {name: _distinct(map(convert, values(axes, path))) for name, (path, convert) in _READ.items()}
    spaces = [space for space in values(axes, "tuning.space") if space]
    searched = {*(published.space or {}), *(name for space in spaces for name in space)} if spaces else ()
    return read | {
        "dataset": _distinct(rows["dataset"].unique()),
        "model": _distinct(rows["model"].unique()),
        "source": [bare(each) for each in _distinct(rows["source"].unique())],
        "labelled": counts[:1],
        "budget": _distinct(after - before for before, after in pairwise(counts)),
        "validation": _distinct(_validation(each, published.training) for each in axes.get("partition", ())),
        "partitions": [tuple(sorted({re.sub(r"-val\d+$", "", each) for each in rows["partition"].unique()}))],
        **{f"space.{name}": _distinct(_range(space.get(name)) for space in spaces) for name in sorted(searched)},
    }


def values(axes: Setup, path: str) -> list[Any]:
    """Return what the specs hold at a dotted path, None where it ends above at a null, nothing where it is not said."""
    axis, _, below = path.partition(".")
    found = [_follow(value, below.split(".") if below else []) for value in axes.get(axis, ())]
    return [value for value in found if value is not _UNKNOWN]


def _follow(value: Any, path: list[str]) -> Any:
    for name in path:
        if value is None:
            return None
        if not isinstance(value, Mapping) or name not in value:
            return _UNKNOWN
        value = value[name]
    return value


def _distinct(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value is not None and value not in found:
            found.append(value)
    return found


def _plain(value: Any) -> Any:
    return "none" if value is None else value


def _changes(augment: Any) -> str | None:
    """Return what is done to images; None where only the data set knows what is usual."""
    if not isinstance(augment, Mapping) or augment.get("standard"):
        return None
    crop = f"crop {augment['crop']}" if augment.get("crop") else ""
    parts = [crop, "flip" if augment.get("flip") else "", "window" if augment.get("window") else ""]
    return " and ".join(filter(None, parts)) or "none"


def _rate(noise: Any) -> Any:
    if noise is None:
        return 0.0
    return noise.get("symmetric", "of another kind") if isinstance(noise, Mapping) else None


def _shape(partition: Any) -> str | None:
    """Return the imbalance of a first labelled set; one that is not drawn here has none of its own."""
    shape = partition.get("imbalance") if isinstance(partition, Mapping) else None
    return "none" if shape is None else " ".join(map(str, next(iter(shape.items())))).removesuffix(" True")


def _validation(partition: Any, training: int) -> int | str | None:
    if not isinstance(partition, Mapping):
        return None
    if "published" in partition and training != _CIFAR:
        return -(-training // 10)
    match partition.get("validation"):
        case Mapping() as scale:
            return f"{scale.get('scale')} for each label"
        case str(per_cent):
            return int(float(per_cent.removesuffix("%")) * training / 100 + 0.5)
        case size:
            return size


def _range(domain: Any) -> tuple[Any, ...]:
    if not isinstance(domain, Mapping):
        return ()
    return tuple(domain["choices"]) if "choices" in domain else (domain.get("low"), domain.get("high"))


_READ: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "epochs": ("recipe.epochs", _plain),
    "randaugment": ("recipe.augment.randaugment", lambda value: value is not None),
    "averaging": ("recipe.swa.epochs", lambda value: value or 0),
    "schedule": ("recipe.schedule.name", _plain),
    "init": ("recipe.init", _plain),
    "augment": ("recipe.augment", _changes),
    "class_weights": ("recipe.class_weights", _plain),
    "scope": ("tuning.scope", _plain),
    "trials": ("tuning.trials", _plain),
    "sampler": ("tuning.sampler.name", _plain),
    "pruner": ("tuning.pruner.name", _plain),
    "retrain": ("tuning.retrain", _plain),
    "noise": ("oracle.noise", _rate),
    "imbalance": ("partition", _shape),
}
"""Where the points of a protocol lie in a spec, and how they are brought to its words."""
