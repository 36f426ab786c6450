"""What one look has shown, and all of them together."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich import box
from rich.table import Column, Table
from rich.text import Text

Outcome = Literal["ok", "warn", "fail"]
_SIGNS: dict[Outcome, tuple[str, str]] = {"ok": ("✓", "green"), "warn": ("▲", "yellow"), "fail": ("✗", "bold red")}


@dataclass(frozen=True)
class Finding:
    """What one look has shown."""

    about: str
    outcome: Outcome
    said: str
    remedy: str = ""
    """What to do, or what could be added."""


def ok(about: str, said: str, remedy: str = "") -> Finding:
    """Return a finding that all is well."""
    return Finding(about, "ok", said, remedy)


def warn(about: str, said: str, remedy: str) -> Finding:
    """Return a finding that something is worse than it could be."""
    return Finding(about, "warn", said, remedy)


def fail(about: str, said: str, remedy: str) -> Finding:
    """Return a finding that something does not work."""
    return Finding(about, "fail", said, remedy)


@dataclass(frozen=True)
class Diagnosis:
    """All findings."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing failed."""
        return all(each.outcome != "fail" for each in self.findings)

    @property
    def sentence(self) -> str:
        """It in words."""
        counts = Counter(each.outcome for each in self.findings)
        if not self.healthy:
            return f"{counts['fail']} of {len(self.findings)} looks found what does not work."
        return "Everything works" + (f"; {counts['warn']} warnings." if counts["warn"] else ".")

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"healthy": self.healthy, "findings": [asdict(each) for each in self.findings]}

    def table(self) -> Table:
        """Return it for the terminal."""
        found, remedy = (Column(title, overflow="fold") for title in ("found", "what to do"))
        table = Table("what", "", found, remedy, box=box.SIMPLE_HEAD)
        for each in self.findings:
            sign, style = _SIGNS[each.outcome]
            table.add_row(Text(each.about), Text(f"{sign} {each.outcome}", style), Text(each.said), Text(each.remedy))
        return table
