"""An experiment held against what is recommended: see :mod:`torchal.report.rules`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from torchal.report import published
from torchal.report.findings import Findings
from torchal.report.rules import RULES, Outcome, Subject

SIGNS = {"pass": "✓", "warn": "▲", "fail": "✗", "unknown": "?"}
KINDS = {"pass": "better", "warn": "none", "fail": "worse", "unknown": "unclear"}
"""How outcomes look on the page."""
_STYLES = {"pass": "green", "warn": "yellow", "fail": "bold red", "unknown": "dim"}


@dataclass(frozen=True)
class Finding:
    """What one rule says."""

    rule: str
    question: str
    outcome: Outcome
    reason: str
    source: str

    @property
    def shown(self) -> str:
        """The outcome as a sign and a word."""
        return f"{SIGNS[self.outcome]} {self.outcome}"

    @property
    def kind(self) -> str:
        """How it looks on the page."""
        return KINDS[self.outcome]


def checked(spec: Mapping[str, Any], found: Findings | None = None) -> list[Finding]:
    """Hold an experiment against every rule.

    Args:
        spec: with every default written out, as in ``spec.yaml`` of its folder of results.
        found: its results, if there are some.
    """
    beside = published.table(_beside(found)) if found and _beside(found) else pd.DataFrame()
    subject = Subject(spec, found, beside, found is not None and _exported(found))
    return [Finding(rule.name, rule.question, *rule.ask(subject), rule.source) for rule in RULES]


def sentence(findings: list[Finding]) -> str:
    """Return how many rules came out how, in words."""
    counts = Counter(finding.outcome for finding in findings)
    said = [f"{counts['pass']} of {len(findings)} recommendations are followed"]
    said += [f"{counts[each]} {word}" for each, word in _WORDS.items() if counts[each]]
    return ", ".join(said) + "."


_WORDS: dict[Outcome, str] = {"warn": "in part or not for sure", "fail": "not", "unknown": "cannot be told yet"}


def table(findings: list[Finding]) -> Table:
    """Return them for the terminal."""
    shown = Table("", "question", "answer", "source", box=box.SIMPLE_HEAD, pad_edge=False)
    shown.columns[0].no_wrap = True
    for each in findings:
        shown.add_row(Text(each.shown, _STYLES[each.outcome]), *map(Text, (each.question, each.reason, each.source)))
    return shown


def document(findings: list[Finding]) -> list[dict[str, Any]]:
    """Return them as JSON values."""
    return [asdict(finding) for finding in findings]


def _beside(found: Findings) -> list[published.Beside]:
    if found.compared.empty:
        return []
    specs = {record.id: record.spec for record in found.experiment.records}
    return published.told(found.compared, found.experiment.plan.protocol, specs, found.style)


def _exported(found: Findings) -> bool:
    folder: Path = found.results / found.experiment.plan.experiment
    return (folder / "card.json").is_file() or any(folder.rglob("manifest.json"))
