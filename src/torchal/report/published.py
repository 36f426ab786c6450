"""Measured learning curves beside published ones, with all in which they are not comparable.

For the same network the published table is shown whose protocol differs in the fewest points; of tables as near as each
other, the one that shares more strategies and budgets, then that of the same partitions, then that of more runs. Where
nothing is published for a network, random's curves of other networks are shown. Between published points a curve is
straight; beyond them there is none.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from torchal.report.comparable import Comparison, compare
from torchal.report.compare import BASELINE, curves
from torchal.report.figures import Figure, Look
from torchal.report.frame import GROUP, place
from torchal.report.measured import Setup, setup
from torchal.report.published_figure import chart
from torchal.report.reference import Published, bare, matching, on
from torchal.report.tables import Grid
from torchal.report.verdict import percent, points

COLUMNS = [*GROUP, "strategy", "labelled", "measured", "n", "over", "published", "deviation", "between", "difference"]
COLUMNS += ["network", "table"]
"""Columns of the rows: accuracies are shares; ``between``: whether the published one lies between two points;
``network`` and ``table``: of the published curve."""


@dataclass(frozen=True)
class Pair:
    """A published curve and the measured strategy it is held against."""

    strategy: str
    """The measured strategy's label."""
    curve: Published
    comparison: Comparison


@dataclass(frozen=True)
class Beside:
    """What is published for one data set, network and condition."""

    place: str
    sentence: str
    differences: list[str]
    unknown: str
    works: list[str]
    """Where the published curves come from, and how well they are known."""
    figure: Figure
    table: Grid
    rows: pd.DataFrame


def told(table: pd.DataFrame, protocol: Mapping[str, Any], specs: Mapping[str, Any], style: Look) -> list[Beside]:
    """Return what is published beside measured results, for each data set and network for which anything is.

    Args:
        table: everything compared, as :func:`torchal.report.frame.frame` returns it.
        protocol: the experiment's spec.
        specs: the spec of each run, by the run's name.
        style: how strategies are drawn.
    """
    found = []
    for position, (name, rows) in enumerate(table.groupby(GROUP, sort=False)):
        axes = setup(protocol, (specs[run] for run in dict.fromkeys(rows["run"]) if run in specs))
        pairs = chosen(rows, axes)
        if pairs:
            found.append(_beside(f"published-{position}", name, curves(rows), pairs, style))
    return found


def table(found: Sequence[Beside]) -> pd.DataFrame:
    """Return the rows of all places as one table."""
    return pd.concat([each.rows for each in found], ignore_index=True)


def chosen(rows: pd.DataFrame, axes: Setup) -> list[Pair]:
    """Return the published curves to be shown beside the rows of one data set, network and condition."""
    dataset, model = rows["dataset"].iloc[0], rows["model"].iloc[0]
    networks: dict[str, list[Published]] = {}
    for curve in matching(dataset, model) or [each for each in on(dataset) if each.strategy == BASELINE]:
        networks.setdefault(curve.model, []).append(curve)
    return [pair for published in networks.values() for pair in _nearest(published, rows, axes)]


def _nearest(published: Sequence[Published], rows: pd.DataFrame, axes: Setup) -> list[Pair]:
    """Return the curves of the nearest table, each with the strategy measured under its name."""
    labels = _by_name(dict.fromkeys(rows["strategy"]))
    tables: dict[str, list[Published]] = {}
    for curve in published:
        if curve.strategy in labels:
            tables.setdefault(curve.table, []).append(curve)
    if not tables:
        return []
    budgets = sorted(set(rows["labelled"]))
    compared = [(found, compare(rows, axes, found[0])) for found in tables.values()]  # a table has one protocol
    near, comparison = min(compared, key=lambda each: _remoteness(each[0], each[1], budgets))
    return [Pair(labels[curve.strategy], curve, comparison) for curve in near]


def _by_name(strategies: Iterable[str]) -> dict[str, str]:
    """Return one label for each name: that without options or, where there is none, the first."""
    labels: dict[str, str] = {}
    for label in sorted(strategies, key=lambda label: label != bare(label)):
        labels.setdefault(bare(label), label)
    return labels


def _remoteness(published: Sequence[Published], comparison: Comparison, budgets: Sequence[float]) -> tuple[int, ...]:
    shared = sum(_within(curve, budget) for curve in published for budget in budgets)
    return comparison.distance, -shared, len(comparison.differences), -(published[0].runs or 0)


def _within(curve: Published, budget: float) -> bool:
    return curve.labelled[0] <= budget <= curve.labelled[-1]


def _beside(id_: str, name: tuple[Any, ...], means: pd.DataFrame, pairs: list[Pair], style: Look) -> Beside:
    rows, model = _rows(means, pairs), bare(str(name[1]))
    differences = _by_network(pairs, _differences)
    return Beside(
        place=place(name),
        sentence=_sentence(str(name[1]), pairs, len(differences)),
        differences=differences,
        unknown="; ".join(_by_network(pairs, lambda pair: pair.comparison.unknown)),
        works=list(dict.fromkeys(_work(pair.curve) for pair in pairs)),
        figure=Figure(id_, place(name), chart(means, [(pair.strategy, pair.curve) for pair in pairs], style)),
        table=_grid(rows, model),
        rows=rows,
    )


def _by_network(pairs: list[Pair], said: Callable[[Pair], tuple[str, ...]]) -> list[str]:
    """Return what is said of pairs, each once; where it is not true of all networks, with those of which it is."""
    networks: dict[str, dict[str, None]] = {}
    for pair in pairs:
        for text in said(pair):
            networks.setdefault(text, {})[pair.curve.model] = None
    count = len({pair.curve.model for pair in pairs})
    return [text if len(found) == count else f"{text} ({', '.join(found)})" for text, found in networks.items()]


def _differences(pair: Pair) -> tuple[str, ...]:
    options = f"Strategy: {pair.strategy} here, {pair.curve.strategy} published."
    return (*pair.comparison.differences, *([options] if pair.strategy != pair.curve.strategy else []))


def _sentence(model: str, pairs: list[Pair], differences: int) -> str:
    networks = list(dict.fromkeys(pair.curve.model for pair in pairs))
    points = f"{differences} point{'s' * (differences != 1)}"
    if bare(model) not in networks:
        besides = " Besides, protocols differ:" if differences else ""
        return (
            f"Nothing is published for {model}. Shown is random with {', '.join(networks)}. Accuracies of different "
            f"networks cannot be compared: these curves say only what others had at as many labels.{besides}"
        )
    if not differences:
        return "The published curves were measured under the same protocol, as far as it is known."
    return f"Measured and published curves are not comparable like for like: their protocols differ in {points}."


def _work(curve: Published) -> str:
    how = f"read off a plot, ± {100 * curve.error:g} points" if curve.error else "printed numbers"
    runs = f"{curve.runs} run{'s' * (curve.runs != 1)}" if curve.runs else "number of runs not stated"
    recipe = "recipe not stated" if curve.recipe == "other" else f"{curve.recipe} recipe"
    facts = ", ".join(filter(None, [curve.model, recipe, curve.condition, runs, how]))
    return f"{curve.source}: {facts}.{' ' if curve.note else ''}{curve.note}"


def _rows(means: pd.DataFrame, pairs: list[Pair]) -> pd.DataFrame:
    found = [
        {name: row[name] for name in [*GROUP, "strategy", "labelled", "n", "over"]}
        | {"measured": row["mean"], "published": value, "deviation": deviation, "between": between}
        | {"difference": row["mean"] - value, "network": pair.curve.model, "table": pair.curve.table}
        for pair in pairs
        for row in _of(means, pair).to_dict(orient="records")
        if _within(pair.curve, row["labelled"])
        for value, deviation, between in [_read_off(pair.curve, row["labelled"])]
    ]
    return pd.DataFrame(found, columns=COLUMNS)


def _of(means: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    rows: pd.DataFrame = means[means["strategy"] == pair.strategy]
    return rows


def _read_off(curve: Published, labelled: float) -> tuple[float, float | None, bool]:
    """Return a curve's value at a budget within it, its standard deviation there, and whether it is between points."""
    if labelled in curve.labelled:
        position = curve.labelled.index(int(labelled))
        return curve.accuracy[position], curve.deviation[position], False
    return float(np.interp(labelled, curve.labelled, curve.accuracy)), None, True


def _grid(rows: pd.DataFrame, model: str) -> Grid:
    cells = [
        [
            row["strategy"] if row["network"] == model else f"{row['strategy']}, published with {row['network']}",
            f"{row['labelled']:,.10g}",
            f"{percent(row['measured'])}, n = {row['n']}",
            f"{'≈ ' * row['between']}{percent(row['published'])}{_spread(row['deviation'])}",
            points(row["difference"]),
        ]
        for row in rows.to_dict(orient="records")
    ]
    return Grid(["strategy", "labelled", "measured (%)", "published (%)", "difference (points)"], cells)


def _spread(deviation: float | None) -> str:
    return "" if pd.isna(deviation) else f" ± {100 * deviation:.1f}"
