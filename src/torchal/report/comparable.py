"""In what measured and published results differ beside what was measured: the points in which they are not comparable.

Both sides are in the same words, those of :class:`torchal.report.reference.Protocol`. What the records or the
publication do not say is not compared, and that is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from torchal.report.measured import Setup, measured, values
from torchal.report.reference import Protocol, Published, bare

_SUBJECTS = {
    "dataset": "data set",
    "model": "network",
    "source": "network that chose the rows",
    "epochs": "epochs of a training",
    "randaugment": "RandAugment",
    "averaging": "further epochs of weight averaging",
    "schedule": "schedule of the learning rate",
    "init": "first weights of a cycle",
    "augment": "changes to images",
    "class_weights": "weights of classes in the loss",
    "scope": "who searches for recipes",
    "trials": "trials of a search",
    "sampler": "proposals of a search",
    "pruner": "what stops trials early",
    "retrain": "training anew by the chosen recipe",
    "labelled": "labels before the first query",
    "budget": "labels bought by a query",
    "validation": "validation rows",
    "partitions": "partitions",
    "noise": "share of wrong labels",
    "imbalance": "imbalance of the first labels",
}
"""What each point of a protocol is called, in the order in which they are told."""

_PIXELS = "whether the images are the original ones (a local copy may hold them re-encoded, as JPEG for instance)"
_NOTHING = "the protocol, of which nothing is published"
_SPACE = "space."
_OF_A_SEARCH = {"trials", "sampler", "pruner", "retrain"}
_EXTRAS = {
    "recipe.mix": "blends of two examples",
    "recipe.ema": "an exponential moving average of weights",
    "recipe.label_smoothing": "label smoothing",
    "pool.imbalance": "an imbalanced pool",
    "pool.strangers": "examples of no class",
    "pool.copies": "copies in the pool",
    "setting.budget.cost": "labels bought by their price",
}
"""What no published result has."""


@dataclass(frozen=True)
class Comparison:
    """What stands between a measured and a published curve."""

    differences: tuple[str, ...]
    unknown: tuple[str, ...]
    """What could not be compared."""
    distance: int
    """In how many points the published protocol differs or says nothing. On which partitions it was replicated does not
    count."""


def compare(rows: pd.DataFrame, axes: Setup, curve: Published) -> Comparison:
    """Return in what the runs of one data set, network and condition differ from a published curve.

    Args:
        rows: of the table of :func:`torchal.report.frame.frame`.
        axes: what the runs' specs say.
        curve: the published one.
    """
    found = measured(rows, axes, curve.protocol)
    wanted = _published(curve, [name for name in found if name.startswith(_SPACE)])
    names = [name for name in {**dict.fromkeys(_SUBJECTS), **wanted} if _counts(name, found, wanted)]
    known = [name for name in names if found.get(name) and wanted[name] is not None]
    differing = [name for name in known if found[name] != [wanted[name]]]
    said = [_difference(name, found[name], wanted[name]) for name in differing]
    extras = [_sentence(f"{what}: here, not published") for path, what in _EXTRAS.items() if any(values(axes, path))]
    distance = len({*differing} - {"partitions"}) + sum(wanted[name] is None for name in names)
    return Comparison((*said, *extras), (_PIXELS, *_unknown(curve, names, known)), distance)


def _unknown(curve: Published, names: list[str], known: list[str]) -> list[str]:
    stated = any(value is not None for name, value in vars(curve.protocol).items() if name != "training")
    return [_subject(name) for name in names if name not in known] if stated else [_NOTHING]


def _published(curve: Published, searched: list[str]) -> dict[str, Any]:
    """Return the points of a curve's protocol; where its search is known it searches nothing else."""
    points = {name: getattr(curve.protocol, name) for name in Protocol.model_fields if name in _SUBJECTS}
    space = curve.protocol.space
    absent = dict.fromkeys(searched, None if space is None else ())
    ranges = {_SPACE + name: choices for name, choices in (space or {}).items()}
    return points | {"dataset": curve.dataset, "model": curve.model} | absent | ranges


def _counts(name: str, found: Mapping[str, list[Any]], wanted: Mapping[str, Any]) -> bool:
    """Return whether a point means anything.

    Points of a search do not without one on both sides. That a network is another is told with its curve; here it
    counts whether one of the same name has other options.
    """
    if name == "model":
        return all(bare(label) == wanted[name] for label in found[name])
    of_a_search = name in _OF_A_SEARCH or name.startswith(_SPACE)
    return not (of_a_search and ("fixed" in found["scope"] or wanted["scope"] == "fixed"))


def _subject(name: str) -> str:
    return _SUBJECTS.get(name) or f"search of {name.removeprefix(_SPACE)}"


def _difference(name: str, found: list[Any], wanted: Any) -> str:
    return _sentence(f"{_subject(name)}: {' or '.join(map(_said, found))} here, {_said(wanted)} published")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


_WORDS = {
    "": "the network itself",
    "every_run": "every run",
    "first_seed": "the first seed",
    "shared": "the first seed of random",
    "first_cycle": "every run in its first cycle",
    "fixed": "nobody",
    "scratch": "drawn anew",
    "previous": "those of the cycle before",
}


def _said(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float() if 0 <= value < 1:
            return f"{value:g}"
        case int() | float():
            return f"{value:,.10g}"
        case ():
            return "none"
        case tuple():
            return ", ".join(map(_said, value))
        case _:
            return _WORDS.get(str(value), str(value))
