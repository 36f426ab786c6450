"""A claim in words, held against results: supported, refuted, or undecided with what it would take.

    A > B                       A is better than B, by the area under the budget curve
    A > B by 1.0                by more than a point of accuracy
    A > B by 1.0 at 20%         at a budget, in per cent of the training side or in labels (``at 160``)
    A = B within 0.5            the same within half a point
    ... on cifar10 with vgg16   on one data set, with one network; by default on each there is

Runs are paired by partition and seed. A claim of more is supported where the one-sided 95 % t interval of the paired
differences lies above the bound, and refuted where it lies below. A claim of sameness is supported where the 90 %
interval lies within the margin, and refuted where it lies outside.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from torchal.report.compare import areas, minus
from torchal.report.frame import GROUP, Experiment, frame, place, scores
from torchal.report.verdict import points
from torchal.statistics.intervals import group_means, nested, student
from torchal.statistics.planning import pairs_needed

Decision = Literal["supported", "refuted", "undecided"]

_FORM = re.compile(
    r"(?P<a>.+?)\s+(?P<sign>[><=])\s+(?P<b>.+?)"
    r"(?:\s+(?P<how>by|within)\s+(?P<amount>\d+(?:\.\d+)?)(?:\s+points?)?)?"
    r"(?:\s+at\s+(?P<at>\d+(?:\.\d+)?)\s*(?P<unit>%|labels)?)?"
    r"(?:\s+on\s+(?P<dataset>.+?))?(?:\s+with\s+(?P<model>.+?))?"
)
_EXAMPLE = "badge > random by 1.0 at 20% on cifar10"


@dataclass(frozen=True)
class Claim:
    """What is claimed."""

    better: str
    worse: str
    same: bool
    """Whether they are claimed to be the same within the amount, and not ``better`` to be better by it."""
    amount: float
    """A share of accuracy: 0.01 for a point."""
    at: float | None = None
    per_cent: bool = False
    dataset: str | None = None
    model: str | None = None

    @classmethod
    def read(cls, text: str) -> "Claim":
        """Return the claim that a sentence makes.

        Raises:
            ValueError: if it is none.
        """
        found = _FORM.fullmatch(" ".join(text.split()))
        if found is None or (found["how"] == "within") != (found["sign"] == "=" and found["how"] is not None):
            raise ValueError(f"claim: '{text}' is none; say '{_EXAMPLE}', or 'badge = random within 0.5'")
        if found["sign"] == "=" and found["how"] is None:
            raise ValueError(
                f"claim: '{text}' needs a margin, since nothing is equal to the last digit; add within 0.5"
            )
        first, second = (found["a"], found["b"]) if found["sign"] != "<" else (found["b"], found["a"])
        return cls(
            better=first,
            worse=second,
            same=found["sign"] == "=",
            amount=float(found["amount"] or 0) / 100,
            at=float(found["at"]) if found["at"] else None,
            per_cent=found["unit"] == "%",
            dataset=found["dataset"],
            model=found["model"],
        )


@dataclass(frozen=True)
class Finding:
    """What results say of a claim on one data set, network and condition."""

    where: str
    decision: Decision
    mean: float
    low: float
    high: float
    """The 90 % interval, whose ends are one-sided 95 % bounds."""
    n: int
    needed: int | None
    """Replications that would decide an undecided claim four times out of five, were the mean as it is."""

    @property
    def sentence(self) -> str:
        """The finding in words."""
        bounds = f", 90 % interval {points(self.low)} to {points(self.high)}" if np.isfinite(self.low) else ""
        said = f"{self.decision} on {self.where}: {points(self.mean)} points (n = {self.n}{bounds})"
        if self.decision != "undecided":
            return f"{said}."
        if self.needed is None:
            return f"{said}; no number of replications that anyone has would decide it."
        return f"{said}; about {max(self.needed - self.n, 1)} more replications would decide it."


def judged(claim: Claim, experiment: Experiment) -> list[Finding]:
    """Return what an experiment's results say of a claim, for each data set, network and condition that it is about.

    Raises:
        ValueError: if a strategy, data set, network or budget of the claim is not there, or nothing can be paired.
    """
    table = _about(claim, scores(frame(experiment)))
    values = areas(table) if claim.at is None else _at_budget(claim, table, experiment)
    paired = minus(values[values["strategy"].isin([claim.better, claim.worse])], _pair(values), claim.worse)
    paired = paired[paired["strategy"] == claim.better]
    if paired.empty:
        raise ValueError(f"claim: {claim.better} and {claim.worse} share no partition and seed; let the runs finish.")
    return [_finding(claim, place(name), some) for name, some in paired.groupby(GROUP, sort=False)]


def decision(findings: list[Finding]) -> Decision:
    """Return what is said of a claim as a whole: supported or refuted everywhere, else undecided."""
    said = {finding.decision for finding in findings}
    return said.pop() if len(said) == 1 else "undecided"


def _about(claim: Claim, table: pd.DataFrame) -> pd.DataFrame:
    for column, wanted in (("dataset", claim.dataset), ("model", claim.model)):
        if wanted is not None:
            table = _only(table, column, wanted)
    for name in (claim.better, claim.worse):
        _only(table, "strategy", name)
    return table


def _only(table: pd.DataFrame, column: str, wanted: str) -> pd.DataFrame:
    chosen = table[table[column] == wanted]
    if chosen.empty:
        known = ", ".join(map(str, dict.fromkeys(table[column])))
        raise ValueError(f"claim: there is no {column} '{wanted}' in these results; there are {known}")
    return chosen


def _at_budget(claim: Claim, table: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    sizes = {run.id: run.training for run in experiment.plan.runs}
    unit = table["run"].map(sizes) / 100 if claim.per_cent else 1
    chosen = table[(table["labelled"] - (claim.at or 0) * unit).abs() < 1]  # per cent are rounded to whole rows
    if chosen.empty:
        known = ", ".join(f"{budget:g}" for budget in sorted(set(table["labelled"])))
        raise ValueError(
            f"claim: nothing was measured at {claim.at:g}{'%' * claim.per_cent}; budgets are {known} labels"
        )
    return chosen


def _pair(values: pd.DataFrame) -> list[str]:
    return [*GROUP, "partition", "seed", *(["cycle", "labelled"] if "labelled" in values else [])]


def _finding(claim: Claim, where: str, some: pd.DataFrame) -> Finding:
    wide = some.pivot_table(index="partition", columns="seed", values="value", sort=True).to_numpy()
    means = group_means(nested(wide.T if len(wide) == 1 else wide))
    mean, low, high = student(means, level=0.9)
    decided = _decided(claim, low, high)
    spread = float(means.std(ddof=1)) if len(means) > 1 else np.nan
    gap = min(abs(claim.amount - mean), abs(claim.amount + mean)) if claim.same else abs(mean - claim.amount)
    needed = pairs_needed(spread, gap) if decided == "undecided" and np.isfinite(spread) and gap else None
    return Finding(where, decided, mean, low, high, len(means), needed)


def _decided(claim: Claim, low: float, high: float) -> Decision:
    if np.isnan(low):
        return "undecided"
    if claim.same:
        inside, outside = low > -claim.amount and high < claim.amount, low > claim.amount or high < -claim.amount
        return "supported" if inside else "refuted" if outside else "undecided"
    return "supported" if low > claim.amount else "refuted" if high < claim.amount else "undecided"


def document(text: str, findings: list[Finding]) -> dict[str, Any]:
    """Return findings as JSON values; numbers that are not there are null."""
    return {
        "claim": text,
        "decision": decision(findings),
        "findings": [
            {
                name: None if isinstance(value, float) and np.isnan(value) else value
                for name, value in vars(each).items()
            }
            for each in findings
        ],
    }
