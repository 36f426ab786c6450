"""An experiment as YAML, each line with the flags it came from."""

from collections.abc import Iterator
from typing import Any

import yaml

from torchal.migrate.draft import Draft

_BLOCKS = ("recipe", "tuning")
"""Axes that are written field by field."""

_LONGEST = 40
"""Characters of a flag and its value."""


def written(draft: Draft, source: str) -> str:
    """Return the YAML of an experiment.

    Args:
        draft: the experiment.
        source: what it came from, in words.
    """
    lines = [line for name, value in draft.document.items() for line in _axis(draft, name, value)]
    return "\n".join([f"# From {source}", *lines]) + "\n"


def _axis(draft: Draft, name: str, value: Any) -> Iterator[str]:
    if name not in _BLOCKS or not isinstance(value, dict):
        yield _line(name, value, _came(draft, name))
        return
    yield f"{name}:"
    for part, inside in value.items():
        yield "  " + _line(part, inside, _came(draft, f"{name}.{part}"))


def _line(name: str, value: Any, came: list[str]) -> str:
    line = yaml.safe_dump({name: value}, default_flow_style=True, width=10**9, sort_keys=False, allow_unicode=True)
    return line.strip()[1:-1] + (f"  # {', '.join(came)}" if came else "")


def _came(draft: Draft, path: str) -> list[str]:
    """Return what a field, and all in it, came from."""
    found = [_brief(each) for at, told in draft.sources.items() if f"{at}.".startswith(f"{path}.") for each in told]
    return list(dict.fromkeys(found))


def _brief(told: str) -> str:
    """Return a flag with its value, or without one as long as paths are."""
    return told if len(told) <= _LONGEST else told.partition(" ")[0]
