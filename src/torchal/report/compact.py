"""The charts of a page written briefly: what occurs more than once is written once, and tables by their columns.

``page.js`` undoes it. Charts of many runs, and many charts of few, take a quarter of the bytes.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

LEAST = 40
"""Characters from which a value is written once and referred to."""


def compact(specs: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return charts by their names, and the values that they share.

    Where a chart holds ``{"$": 3}``, it means the third of ``shared``, counted from 0. A data set that is an object
    holds its columns.
    """
    charts = {name: _by_columns(spec) for name, spec in specs.items()}
    counts = Counter(_text(value) for value in _within(charts, set()))
    return _Shared({text for text, count in counts.items() if count > 1 and len(text) >= LEAST}).document(charts)


def _by_columns(spec: dict[str, Any]) -> dict[str, Any]:
    return spec | {"datasets": {name: _columns(rows) for name, rows in spec.get("datasets", {}).items()}}


def _columns(rows: list[Any]) -> Any:
    """Return the columns of a table; other data as they are."""
    alike = len({tuple(row) if isinstance(row, dict) else None for row in rows}) == 1
    return {name: [row[name] for row in rows] for name in rows[0]} if alike and isinstance(rows[0], dict) else rows


def _within(value: Any, met: set[str]) -> Iterator[Any]:
    """Yield the lists and objects in a value, and those in them, where they occur for the first time."""
    for part in _parts(value):
        yield part
        if (text := _text(part)) not in met:
            met.add(text)
            yield from _within(part, met)


def _parts(value: Any) -> list[Any]:
    parts = value.values() if isinstance(value, dict) else value
    return [part for part in parts if isinstance(part, dict | list)]


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


class _Shared:
    """The values that are written once."""

    def __init__(self, texts: set[str]) -> None:
        self._texts, self._values = texts, list[Any]()
        self._places: dict[str, int] = {}

    def document(self, charts: dict[str, Any]) -> dict[str, Any]:
        brief = self._brief(charts)
        return {"charts": brief, "shared": self._values}

    def _referred(self, value: Any) -> Any:
        if not isinstance(value, dict | list) or (text := _text(value)) not in self._texts:
            return self._brief(value)
        if text not in self._places:
            self._values.append(self._brief(value))
            self._places[text] = len(self._values) - 1
        return {"$": self._places[text]}

    def _brief(self, value: Any) -> Any:
        match value:
            case dict():
                return {name: self._referred(part) for name, part in value.items()}
            case list():
                return [self._referred(part) for part in value]
            case _:
                return value
