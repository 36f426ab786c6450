"""The tables of the page, as plain rows of text and numbers."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from torchal.records import COMMITS, CommitsFile, FingerprintFile, PlanRecord
from torchal.report import costs
from torchal.report.compare import BETTER, NO_INTERVAL, NOT_COMPARED, REFERENCE, UNCLEAR, WORSE, curves, intervals
from torchal.report.figures import Look
from torchal.report.frame import GROUP, Experiment, place, scores
from torchal.report.ledger import Ledger
from torchal.report.verdict import percent, points

_KINDS = {BETTER: "better", WORSE: "worse", UNCLEAR: "unclear", REFERENCE: "reference", NO_INTERVAL: "none"}
_MEASURES = {
    "accuracy": ("accuracy (%)", percent),
    "balanced_accuracy": ("balanced accuracy (%)", percent),
    "macro_f1": ("macro-F1 (%)", percent),
    "worst_class": ("worst class (%)", percent),
    "ece": ("calibration error, ECE (%)", percent),
    "nll": ("log-loss (nats)", lambda value: f"{value:.3f}"),
}


@dataclass(frozen=True)
class Grid:
    """Headings and rows of cells; the first ``names`` columns say what a row is about, the others hold numbers."""

    headings: list[str]
    rows: list[list[str]]
    names: int = 1


def verdicts(summary: pd.DataFrame, style: Look) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return for each data set and model the rows of the verdict table, ready to be shown."""
    found = []
    for name, rows in summary.groupby(GROUP, sort=False):
        reach = max(rows[name].abs().max() for name in ("difference", "low", "high"))
        shown = [_verdict(row, reach, style) for row in rows.to_dict(orient="records")]
        found.append((place(name), shown))
    return found


def _verdict(row: dict[Any, Any], reach: float, style: Look) -> dict[str, Any]:
    compared = row["verdict"] not in {REFERENCE, NOT_COMPARED}
    bounded = compared and row["verdict"] != NO_INTERVAL
    return {
        "strategy": row["strategy"],
        "colour": style.colour(row["strategy"]),
        "aubc": percent(row["aubc"]),
        "difference": points(row["difference"]) if compared else "",
        "interval": f"{points(row['low'])} to {points(row['high'])}" if bounded else "",
        "bar": [_position(row[name], reach) for name in ("low", "difference", "high")] if bounded else None,
        "n": f"{row['n']} {row['over'][:-1] if row['n'] == 1 else row['over']}",
        "runs": row["runs"],
        "verdict": row["verdict"],
        "kind": _KINDS.get(row["verdict"], "none"),
    }


def _position(value: float, reach: float) -> float:
    """Return where a difference lies on a bar of width 100 with zero in its middle."""
    return round(50 + 46 * value / reach, 2) if reach else 50.0


def budgets(table: pd.DataFrame) -> list[tuple[str, Grid]]:
    """Return for each data set and model the mean test accuracy of each strategy at each budget."""
    cells = curves(table)
    cells["text"] = [_budget(row) for row in cells.to_dict(orient="records")]
    return [(place(name), _pivot(rows)) for name, rows in cells.groupby(GROUP, sort=False)]


def _budget(cell: dict[Any, Any]) -> str:
    interval = f" ({percent(cell['low'])} to {percent(cell['high'])})" if cell["n"] > 1 else ""
    return f"{percent(cell['mean'])}{interval}, n = {cell['n']}"


def _pivot(rows: pd.DataFrame) -> Grid:
    order = list(dict.fromkeys(rows["strategy"]))
    wide = rows.pivot_table(index="strategy", columns="labelled", values="text", aggfunc="first").reindex(order)
    return Grid(
        ["strategy", *(f"{count} labelled" for count in wide.columns)],
        [[str(strategy), *cells] for strategy, cells in zip(wide.index, wide.fillna("").to_numpy(), strict=True)],
    )


def last_budget(table: pd.DataFrame) -> list[tuple[str, Grid]]:
    """Return for each data set and model the mean of every measure on the test side at its last cycle, with n."""
    last = table[table["cycle"] == table.groupby(GROUP)["cycle"].transform("max")]
    by, texts = [*GROUP, "strategy"], []
    for metric, (heading, written) in _MEASURES.items():
        cells = intervals(scores(last, metric=metric).dropna(subset="value"), by)
        cells[heading] = [f"{written(mean)}, n = {n}" for mean, n in zip(cells["mean"], cells["n"], strict=True)]
        texts.append(cells.set_index(by)[heading])
    # The plan's order; a measure that is nowhere finite for a strategy leaves its cell empty.
    order = pd.MultiIndex.from_frame(scores(last)[by].drop_duplicates())
    wide = pd.concat(texts, axis=1).reindex(order).fillna("").reset_index()
    headings = ["strategy", *(heading for heading, _ in _MEASURES.values())]
    return [
        (place(name), Grid(headings, rows[headings].to_numpy().tolist()))
        for name, rows in wide.groupby(GROUP, sort=False)
    ]


def recipes(experiment: Experiment) -> Grid | None:
    """Return what the recipes of single cycles differ in; None if every cycle had the same."""
    planned = {run.id: {"source": run.source, "condition": run.condition} for run in experiment.plan.runs}
    rows: list[dict[str, Any]] = [
        {"strategy": run.strategy, "dataset": run.dataset, "model": run.model, "partition": run.partition}
        | planned[run.id]
        | {"cycle": str(cycle.cycle), "seeds": str(run.seed), "recipe": _flat(cycle.recipe)}
        for run in experiment.records
        for cycle in run.cycles
        if cycle.recipe is not None
    ]
    fields = sorted({field for row in rows for field in row["recipe"]})
    varied = [field for field in fields if len({row["recipe"].get(field, "") for row in rows}) > 1]
    if not varied:
        return None
    wide = pd.DataFrame([{**row, **{f"recipe {name}": row["recipe"].get(name, "") for name in varied}} for row in rows])
    names = [name for name in GROUP if len(set(wide[name])) > 1] + ["strategy", "partition", "cycle"]
    chosen = [f"recipe {name}" for name in varied]
    # Seeds that reuse one search share a line.
    joined = wide.groupby([*GROUP, "strategy", "partition", "cycle", *chosen], sort=False)["seeds"].agg(", ".join)
    lines = joined.reset_index()[[*names, "seeds", *chosen]]
    return Grid([*names, "seeds", *varied], lines.to_numpy().tolist(), len(names) + 1)


def _flat(value: dict[str, Any], before: str = "") -> dict[str, str]:
    """Return the leaves of a recipe by their dotted path."""
    leaves: dict[str, str] = {}
    for name, inner in value.items():
        if isinstance(inner, dict) and inner:
            leaves |= _flat(inner, f"{before}{name}.")
        else:
            leaves[before + name] = f"{inner:.3g}" if isinstance(inner, float) else _plain(inner)
    return leaves


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def cost(ledger: Ledger) -> list[tuple[str, Grid]]:
    """Return for each data set and model what a finished run of each strategy costs on average."""
    return [(costs.said(where), Grid(*costs.cells(some), 2)) for where, some in costs.means(ledger).items()]


def protocol(plan: PlanRecord) -> Grid:
    """Return each part of the experiment's spec as YAML, but for what was left out."""
    rows = [
        [name, yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=None)]
        for name, value in plan.protocol.items()
        if value is not None
    ]
    return Grid(["part", "value"], [[name, text.removesuffix("...\n").rstrip()] for name, text in rows], 2)


def environment(results: Path) -> tuple[Grid | None, tuple[str, ...]]:
    """Return what the results were computed with, a column for each fingerprint, and the commits of torchal."""
    path = results / "fingerprint.json"
    if not path.is_file():
        return None, ()
    found = FingerprintFile.read(path)
    prints = [each.model_dump() for each in found.accepted]
    headings = ["", *(f"fingerprint {number}" if len(prints) > 1 else "value" for number, _ in enumerate(prints, 1))]
    rows = [[name, *(_said(each[name]) for each in prints)] for name in prints[0]] if prints else []
    commits = results / COMMITS
    return Grid(headings, rows, len(headings)), CommitsFile.read(commits).commits if commits.is_file() else ()


def _said(value: Any) -> str:
    return {True: "yes", False: "no", None: "none"}[value] if value is None or isinstance(value, bool) else str(value)


def keys(table: pd.DataFrame) -> Grid:
    """Return the key in the store of each measured cycle."""
    rows = table[["run", "cycle", "key"]].drop_duplicates().astype(str)
    return Grid(["run", "cycle", "key of its measurement"], rows.to_numpy().tolist(), 3)
