"""Every field that people write in an experiment: type, default, unit and meaning, from the specs themselves."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from _extensions.units import UNITS
from torchal.data.dataset import Source as DataSource
from torchal.data.draw import Drawn, First, Imported, Published, Scale
from torchal.data.imbalance import LongTail, Step, Torchal
from torchal.data.noise import Confusion, Flip, Symmetric
from torchal.data.oracle import Answers, Prices
from torchal.data.pool import Copies, Pool, Strangers
from torchal.experiment import About, ExperimentSpec
from torchal.models import Model
from torchal.query import Strategy
from torchal.runspec import RunSpec, Source
from torchal.setting import Money, Setting, Start
from torchal.spec import Plugin, Spec
from torchal.training.recipe import Augment, Ema, Mix, RandAugment, Recipe, Schedule, Swa
from torchal.tuning.domain import Choice, Range
from torchal.tuning.pruner import Halving, Hyperband, Median
from torchal.tuning.sampler import Cmaes, Grid, Random, Tpe
from torchal.tuning.tuning import Tuning

PARTS: dict[str, type[Spec]] = {
    "An experiment": ExperimentSpec,
    "about": About,
    "partition: drawn": Drawn,
    "partition: validation that grows": Scale,
    "partition: published": Published,
    "partition: imported": Imported,
    "imbalance: a long tail": LongTail,
    "imbalance: a step": Step,
    "imbalance: TorchAL's": Torchal,
    "setting": Setting,
    "setting.budget in cost": Money,
    "setting.start": Start,
    "recipe": Recipe,
    "recipe.schedule": Schedule,
    "recipe.augment": Augment,
    "recipe.augment.randaugment": RandAugment,
    "recipe.mix": Mix,
    "recipe.swa": Swa,
    "recipe.ema": Ema,
    "tuning": Tuning,
    "tuning.space: a range": Range,
    "tuning.space: a choice": Choice,
    "tuning.sampler: random": Random,
    "tuning.sampler: grid": Grid,
    "tuning.sampler: tpe": Tpe,
    "tuning.sampler: cmaes": Cmaes,
    "tuning.pruner: median": Median,
    "tuning.pruner: halving": Halving,
    "tuning.pruner: hyperband": Hyperband,
    "pool": Pool,
    "pool.copies": Copies,
    "pool.strangers": Strangers,
    "oracle": Answers,
    "oracle.price": Prices,
    "oracle.noise: symmetric": Symmetric,
    "oracle.noise: flip": Flip,
    "oracle.noise: confusion": Confusion,
}
NOT_WRITTEN = (RunSpec, Source)
"""Specs that the program makes, and people do not."""

_ELSEWHERE = {
    First: "[partition](#partition-drawn)",
    DataSource: "[data set](#dataset)",
    Model: "[model](#model)",
    Strategy: "[strategy](#strategy)",
}
_WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path", NoneType: "null"}
_BOUNDS = {Ge: ("ge", "at least"), Gt: ("gt", "above"), Le: ("le", "at most"), Lt: ("lt", "below")}
_ROLE = re.compile(r":\w+:`~?([^`]+)`")
_CODE = re.compile(r"``(.+?)``")


def written() -> str:
    """Return a chapter for each part of an experiment.

    Raises:
        ValueError: if a spec, or the unit of a number, is missing here.
    """
    unknown = {each.__name__ for each in _specs(Spec)} - {each.__name__ for each in (*PARTS.values(), *NOT_WRITTEN)}
    if unknown:
        raise ValueError(f"the page of fields lacks {', '.join(sorted(unknown))}; add it to PARTS in {__file__}")
    return "\n\n".join(_chapter(title, spec) for title, spec in PARTS.items())


def _specs(base: type[Spec]) -> Iterator[type[Spec]]:
    for each in base.__subclasses__():
        if not issubclass(each, Plugin) and each.__module__.startswith("torchal."):
            yield from _specs(each)
            if not inspect.isabstract(each):
                yield each


def _chapter(title: str, spec: type[Spec]) -> str:
    shown = {name: info for name, info in spec.model_fields.items() if not _says_its_own_name(name, info)}
    rows = [_row(name, info, spec) for name, info in shown.items()]
    table = ["| field | type | default | unit | what it means |", "|---|---|---|---|---|", *rows] if rows else []
    return "\n".join([f"## {title}", "", _plain(inspect.getdoc(spec) or ""), "", *table])


def _says_its_own_name(name: str, info: FieldInfo) -> bool:
    return name == "name" and get_origin(info.annotation) is Literal and len(get_args(info.annotation)) == 1


def _row(name: str, info: FieldInfo, spec: type[Spec]) -> str:
    default = (
        "required" if info.is_required() else _shown(info.get_default(call_default_factory=True, validated_data={}))
    )
    words = " ".join(filter(None, [_type(info.annotation), *_bounds(info.metadata)]))
    cells = [f"`{name}`", words, default, _unit(name, info, spec), _plain(info.description or "")]
    return "| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |"


def _unit(name: str, info: FieldInfo, spec: type[Spec]) -> str:
    place = f"{spec.__name__}.{name}"
    if place not in UNITS and {int, float} & set(_leaves(info.annotation)):
        raise ValueError(f"the page of fields lacks the unit of {place}; add it to units.py")
    return UNITS.get(place, "")


def _leaves(annotation: Any) -> Iterator[Any]:
    parts = () if get_origin(annotation) is Literal else get_args(annotation)
    if get_origin(annotation) is Annotated:
        parts = parts[:1]
    yield from (leaf for part in parts for leaf in _leaves(part))
    if not parts:
        yield annotation


def _type(annotation: Any) -> str:
    """Return a type in words that people who write YAML know."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(parts[0])
    if origin is Literal:
        return ", ".join(f"`{_text(each)}`" for each in parts)
    if origin in {Union, UnionType}:
        return ", or ".join(dict.fromkeys(_type(each) for each in parts))
    if origin is tuple:
        return f"list: {_type(parts[0])}" if parts[-1] is Ellipsis else " and ".join(map(_type, parts))
    if origin is dict:
        return f"mapping of {_type(parts[0])} to {_type(parts[1])}"
    return _WORDS.get(annotation) or _named(annotation)


def _named(annotation: Any) -> str:
    for title, spec in PARTS.items():
        if annotation is spec:
            return f"[{title.replace(': ', ' ')}](#{_anchor(title)})"
    if annotation in _ELSEWHERE:
        return _ELSEWHERE[annotation]
    return annotation.__name__.lstrip("_").lower() if inspect.isclass(annotation) else "value"


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _bounds(metadata: list[Any]) -> Iterator[str]:
    for each in metadata:
        if type(each) in _BOUNDS:
            attribute, word = _BOUNDS[type(each)]
            yield f"{word} {getattr(each, attribute):g}"


def _shown(value: Any) -> str:
    if isinstance(value, tuple) and len(value) == 1:
        return _shown(value[0])
    if isinstance(value, Spec):
        changed = value.model_dump(mode="json", exclude_defaults=True)
        return f"`{changed or getattr(value, 'name', None) or '{}'}`"
    return f"`{_text(list(value) if isinstance(value, tuple) else value)}`"


def _text(value: Any) -> str:
    return (
        {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else str(value)
    )


def _plain(text: str) -> str:
    """Return a docstring as Markdown in one line."""
    return " ".join(_CODE.sub(r"`\1`", _ROLE.sub(r"`\1`", text)).split())
