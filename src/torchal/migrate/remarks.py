"""What a person should know of a migration."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

Kind = Literal["lost", "changed", "note"]

_HEADS: dict[Kind, str] = {"lost": "Not carried over", "changed": "Changed", "note": "To know"}
"""In the order in which they are told."""


class Remark(NamedTuple):
    """Something that a person should know."""

    kind: Kind
    what: str
    why: str


def sentences(remarks: Iterable[Remark]) -> list[str]:
    """Return lines to read, kind by kind; what has one reason stands together."""
    lines, told = [], list(dict.fromkeys(remarks))
    for kind, head in _HEADS.items():
        reasons: dict[str, list[str]] = {}
        for each in told:
            if each.kind == kind:
                reasons.setdefault(each.why, []).append(each.what)
        lines += [f"{head}:"] * bool(reasons)
        lines += [f"  {', '.join(whats)}: {why}." for why, whats in reasons.items()]
    return lines


def document(remarks: Iterable[Remark]) -> dict[str, list[dict[str, Any]]]:
    """Return them for programs."""
    told = list(dict.fromkeys(remarks))
    return {kind: [{"what": each.what, "why": each.why} for each in told if each.kind == kind] for kind in _HEADS}
