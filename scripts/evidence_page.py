"""Write docs/results/evidence.md from the two cards in docs/results/evidence, which hold every score it speaks of.

The cards are what ``torchal card`` wrote of ``experiments/evidence/plain.yaml`` and ``strong.yaml``.
"""

from collections import Counter
from pathlib import Path

import pandas as pd

from torchal.report import claim
from torchal.report.card import Card
from torchal.report.compare import gains, summary
from torchal.report.frame import Experiment, frame
from torchal.statistics.intervals import student

FOLDER = Path(__file__).parents[1] / "docs" / "results" / "evidence"
PAGE = FOLDER.parent / "evidence.md"
HALVES = ("plain", "strong")
BEYOND = 0.5
"""Points within which a gain is as good as none."""


def cards() -> dict[str, Card]:
    """Return the card of each half."""
    return {half: Card.read(FOLDER / f"{half}.json") for half in HALVES}


def by_partition(table: pd.DataFrame) -> pd.DataFrame:
    """Return gains over random in points, seeds averaged: a row a strategy, a column a partition."""
    found = gains(table)
    return 100 * found.pivot_table(index="strategy", columns="partition", values="value", aggfunc="mean")


def page() -> str:
    """Return the page."""
    experiments = {half: card.experiment for half, card in cards().items()}
    tables = {half: frame(each) for half, each in experiments.items()}
    found = {half: summary(table).set_index("strategy") for half, table in tables.items()}
    gained = {half: by_partition(table) for half, table in tables.items()}
    change = (gained["strong"] - gained["plain"]).dropna(how="all")
    text = (FOLDER / "page.txt").read_text(encoding="utf-8")
    return text.format(
        table=_table(found, change),
        verdicts=_verdicts(found),
        change=_change(found, gained, change),
        equivalent=_equivalent(experiments),
        accuracies=_accuracies(tables),
    )


def _table(found: dict[str, pd.DataFrame], change: pd.DataFrame) -> str:
    lines = [
        "| strategy | accuracy, plain | gain, plain | accuracy, strong | gain, strong | change of the gain |",
        "|---|---|---|---|---|---|",
    ]
    for strategy in found["plain"].index:
        rows = [found[half].loc[strategy] for half in HALVES]
        cells = [cell for row in rows for cell in (f"{100 * row.aubc:.1f}", _gain(row))]
        lines.append(f"| {strategy} | {' | '.join(cells)} | {_changed(change, strategy)} |")
    return "\n".join(lines)


def _gain(row: pd.Series) -> str:
    if pd.isna(row.difference):
        return "the baseline"
    return _interval(100 * row.difference, 100 * row.low, 100 * row.high)


def _changed(change: pd.DataFrame, strategy: str) -> str:
    if strategy not in change.index or strategy == "random":
        return ""
    return _interval(*student(change.loc[strategy].to_numpy()))


def _interval(mean: float, low: float, high: float) -> str:
    return f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"


def _verdicts(found: dict[str, pd.DataFrame]) -> str:
    said = []
    for half in HALVES:
        rows = found[half].drop(index="random")
        clear = rows[rows.verdict != "no clear difference"]
        named = "; ".join(f"{name} is {row.verdict}" for name, row in clear.iterrows())
        best = rows.difference.idxmax()
        said.append(
            f"**{half.capitalize()}**: {named or f'none of {len(rows)} strategies differs clearly from random'}; "
            f"the largest mean gain is {best}, {_gain(rows.loc[best])} points."
        )
    return "\n".join(f"- {each}" for each in said)


def _change(found: dict[str, pd.DataFrame], gained: dict[str, pd.DataFrame], change: pd.DataFrame) -> str:
    names = [name for name in change.index if name != "random"]
    spread = {half: gained[half].loc[names].mean(axis=1).abs().mean() for half in HALVES}
    best = {half: 100 * found[half].drop(index="random").difference.max() for half in HALVES}
    worth = 100 * (found["strong"].aubc["random"] - found["plain"].aubc["random"])
    mean = student(change.loc[names].mean().to_numpy())
    size = student((gained["strong"].loc[names].abs().mean() - gained["plain"].loc[names].abs().mean()).to_numpy())
    return (
        f"Strong regularisation itself changes the accuracy of random by {worth:+.1f} points. The largest mean gain "
        f"over random goes from {best['plain']:+.1f} to {best['strong']:+.1f} points, and the mean size of a "
        f"strategy's mean difference from random, of whichever sign, from {spread['plain']:.1f} to "
        f"{spread['strong']:.1f}. "
        f"On one partition, seeds averaged, that size changes by {_interval(*size)} points, and the mean gain of all "
        f"strategies by {_interval(*mean)}, both with Student's 95 % interval over partitions."
    )


def _equivalent(experiments: dict[str, Experiment]) -> str:
    said = (f"{half}: {_counted(experiment)}" for half, experiment in experiments.items())
    return f"Does a strategy equal random within {BEYOND} points? " + "; ".join(said) + "."


def _counted(experiment: Experiment) -> str:
    """Return for which strategies the claim of equality is supported, and for how many it is not."""
    names = dict.fromkeys(run.strategy for run in experiment.plan.runs if run.strategy != "random")
    decisions = {name: _decided(f"{name} = random within {BEYOND}", experiment) for name in names}
    supported = [name for name, word in decisions.items() if word == "supported"]
    counts = Counter(word for word in decisions.values() if word != "supported")
    others = (f"{word} for {count}" for word, count in sorted(counts.items()))
    return ", ".join([f"supported for {' and '.join(supported) or 'none'}", *others])


def _decided(text: str, experiment: Experiment) -> str:
    return claim.decision(claim.judged(claim.Claim.read(text), experiment))


def _accuracies(tables: dict[str, pd.DataFrame]) -> str:
    lines = ["| labels | " + " | ".join(f"random, {half}" for half in HALVES) + " |", "|---|---|---|"]
    means = {half: _random(table) for half, table in tables.items()}
    for labelled in means["plain"].index:
        cells = (f"{100 * means[half][labelled]:.1f}" for half in HALVES)
        lines += [f"| {labelled:,} | {' | '.join(cells)} |"]
    return "\n".join(lines)


def _random(table: pd.DataFrame) -> pd.Series:
    rows = table[(table.strategy == "random") & (table.side == "test") & (table.metric == "accuracy")]
    return rows.groupby("labelled").value.mean()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
