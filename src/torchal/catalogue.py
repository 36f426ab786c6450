"""The plug-ins that a room holds, as people and programs list them."""

import inspect
import sys
from typing import Any

from pydantic_core import PydanticUndefined

from torchal.data.dataset import Source
from torchal.engines import Engine
from torchal.models import Model
from torchal.query import Strategy
from torchal.spec import Plugin, names, nearest, resolve

SECTIONS = ("formula", "cost", "evidence", "deviations")
"""Paragraphs of the header of a strategy."""

KINDS: dict[str, type[Plugin]] = {"strategies": Strategy, "models": Model, "datasets": Source, "engines": Engine}


def listed(kind: str, name: str | None = None) -> list[dict[str, Any]]:
    """Return name, summary, source and parameters of every plug-in of a kind, or of one.

    Raises:
        ValueError: if there is no such kind, or nothing of that name.
    """
    if kind not in KINDS:
        raise ValueError(f"list {kind}: there is no such kind{nearest(kind, KINDS)}")
    base = KINDS[kind]
    return [_described(each, resolve(base, each)) for each in ([name] if name else names(base.room))]


def _described(name: str, plugin: type[Plugin]) -> dict[str, Any]:
    header = inspect.getdoc(sys.modules[plugin.__module__]) or ""
    paragraphs = [" ".join(each.split()) for each in header.split("\n\n")]
    return {
        "name": name,
        "summary": (inspect.getdoc(plugin) or "").partition("\n")[0],
        "title": paragraphs[0],
        "source": paragraphs[1] if len(paragraphs) > 1 else "",
        **_sections(paragraphs),
        "parameters": {
            field: {
                "required": info.is_required(),
                "type": _type_name(info.annotation),
                "default": "required"
                if info.default is PydanticUndefined and not info.default_factory
                else _plain(info.get_default(call_default_factory=True)),
                "description": " ".join((info.description or "").split()),
            }
            for field, info in plugin.model_fields.items()
        },
    }


def _sections(paragraphs: list[str]) -> dict[str, str]:
    """Return the paragraphs of a header that begin with a known word and a colon, by that word."""
    parts = (each.partition(":") for each in paragraphs)
    return {word.lower(): text.strip() for word, _, text in parts if word.lower() in SECTIONS}


def _type_name(annotation: Any) -> str:
    return annotation.__name__ if inspect.isclass(annotation) else str(annotation).replace("typing.", "")


def _plain(value: Any) -> Any:
    """Return a default as a JSON value."""
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, Plugin):
        return value.label
    return list(value) if isinstance(value, tuple) else str(value)
