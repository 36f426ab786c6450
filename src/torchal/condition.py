"""Conditions in words: the fields in which the runs of an experiment differ beside what is compared."""

from collections.abc import Iterator
from typing import Any

from torchal.digest import canonical, digest_of
from torchal.spec import Spec

_SHORT = 40
"""Letters of a value that a condition shows; a longer one is told by its digest."""

_FEW = 2
"""Fields by which a part is described that only some runs have; if more were changed, its name must do."""

Leaves = dict[str, Any]
"""The fields of a document and of its parts, by their path in words."""


Point = list[tuple[str, Spec]]
"""What describes one run: specs, with the word that goes before their fields, which may be empty."""


def conditions(points: list[Point]) -> tuple[str, ...]:
    """Return for each point what tells it from the others, in words such as ``scope every_run``."""
    told = [dict(_of(point, changed=False)) for point in points]
    changed = [dict(_of(point, changed=True)) for point in points]
    telling = _telling(told)
    return tuple(", ".join(_words(*each, telling)) for each in zip(told, changed, strict=True))


def _of(point: Point, *, changed: bool) -> Iterator[tuple[str, Any]]:
    for name, spec in point:
        yield from _leaves(spec.model_dump(mode="json", exclude_defaults=changed), name)


def _leaves(document: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        path = above if name == "name" and above else f"{above} {name}".strip()
        if isinstance(value, dict) and value:
            yield from _leaves(value, path)
        else:
            yield path, value


def _telling(told: list[Leaves]) -> dict[str, bool]:
    """Return the paths in which points differ, and whether it is by having that part at all."""
    found: dict[str, bool] = {}
    for path in dict.fromkeys(path for each in told for path in each):
        values = {canonical(each[path]) for each in told if path in each}
        if values == {"null"} and any(_below(path, each) for each in told):
            found[path] = True
        elif len(values) > 1:
            found[path] = False
    return found


def _below(path: str, leaves: Leaves) -> list[str]:
    return [each for each in leaves if each.startswith(f"{path} ")]


def _words(told: Leaves, changed: Leaves, telling: dict[str, bool]) -> list[str]:
    found = []
    for path, by_having in telling.items():
        if path in told:
            found.append(f"no {path}" if told[path] is None else f"{path} {_brief(told[path])}".strip())
        elif by_having and not any(each in telling for each in _below(path, told)):
            own = _below(path, changed)
            found += [f"{each} {_brief(told[each])}".strip() for each in own] if 0 < len(own) <= _FEW else [path]
    return found


def _brief(value: Any) -> str:
    text = "" if value is True else str(value)
    return text if len(text) <= _SHORT else digest_of(value)[:8]
