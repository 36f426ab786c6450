"""Whether any strategy beats random: a sentence, a table for the terminal and JSON values, all from one summary."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from torchal.report.compare import BASELINE, BETTER, NO_INTERVAL, NOT_COMPARED, REFERENCE, UNCLEAR, WORSE
from torchal.report.frame import GROUP, place

_STYLES = {BETTER: "bold green", WORSE: "bold red", UNCLEAR: "", REFERENCE: "dim", NO_INTERVAL: "yellow"}


@dataclass(frozen=True)
class Verdict:
    """What a summary says, in the forms the command line shows."""

    summary: pd.DataFrame
    unfinished: int = 0
    """Planned runs that have not reached their end."""
    changes: tuple[str, ...] = ()
    """What conditions change, a sentence for each data set and model with several."""

    @property
    def sentence(self) -> str:
        """The verdict in words, a line for each data set, model and condition, and one on what conditions change."""
        return "\n".join([verdict_sentence(self.summary), *self.changes])

    def table(self) -> Group:
        """Return it for the terminal."""
        return terminal(self.summary)

    def document(self) -> dict[str, Any]:
        """Return it as JSON values; accuracies are shares from 0 to 1."""
        rows = self.summary.astype(object).where(self.summary.notna(), None).to_dict(orient="records")
        return {"sentence": self.sentence, "unfinished": self.unfinished, "strategies": rows}


def verdict_sentence(summary: pd.DataFrame) -> str:
    """Return one plain sentence for each data set and model, a line each."""
    if summary.empty:
        return "Nothing can be compared yet: no partition and seed has been measured with every strategy."
    groups = [(name, rows) for name, rows in summary.groupby(GROUP, sort=False)]
    several = len({name[1:] for name, _ in groups}) > 1
    return "\n".join(_sentence(rows, place(name) if several else str(name[0])) for name, rows in groups)


def _sentence(rows: pd.DataFrame, where: str) -> str:
    compared = rows[rows["difference"].notna()]
    if compared.empty:
        return _alone(rows, where)
    best = compared.sort_values("difference", ascending=False, kind="stable").iloc[0]
    counts = compared["verdict"].value_counts()
    better, worse, total = int(counts.get(BETTER, 0)), int(counts.get(WORSE, 0)), len(compared)
    where = f"on {where} ({_size(best)})"
    losers = f"; {worse} {_are(worse)} worse: {_named(compared, WORSE)}" if worse else ""
    gained = points(best["difference"]).startswith("+")
    largest = f"; the {'largest mean gain' if gained else 'highest mean difference'} is {_gain(best)}."
    if best["verdict"] == NO_INTERVAL:
        return f"One run of each strategy {where} gives no interval and so no verdict{largest}"
    if better == 1 and best["verdict"] == BETTER:
        return f"1 of {_strategies(total)} is better than random {where}: {_gain(best)}{losers}."
    if better:
        head = f"{better} of {_strategies(total)} {_are(better)} better than random {where}: {_named(compared, BETTER)}"
    elif worse:
        head = f"None of {_strategies(total)} is better than random {where}"
    else:
        head = f"None of {_strategies(total)} differs clearly from random {where}"
    return f"{head}{losers}{largest}"


def _alone(rows: pd.DataFrame, where: str) -> str:
    best = rows.iloc[0]
    reason = "it is the only strategy" if set(rows["strategy"]) == {BASELINE} else "random has no runs to compare with"
    return (
        f"No strategy can be compared with random on {where}: {reason}; the highest accuracy averaged over the budget "
        f"is that of {best['strategy']}, {percent(best['aubc'])} % ({_size(best)})."
    )


def _gain(best: pd.Series) -> str:
    unit = "averaged over the budget" if best["cycles"] > 1 else f"at {best['first_labelled']} labelled examples"
    interval = f" (95 % interval {points(best['low'])} to {points(best['high'])})" if best["n"] > 1 else ""
    return f"{best['strategy']}, {points(best['difference'])} points of accuracy {unit}{interval}"


def _size(row: pd.Series) -> str:
    partitions, seeds, runs = int(row["partitions"]), int(row["seeds"]), int(row["runs"])
    if runs == partitions * seeds:
        return f"{_counted(partitions, 'partition')} x {_counted(seeds, 'seed')}"
    return f"{_counted(runs, 'run')} over {_counted(partitions, 'partition')}"


def _strategies(count: int) -> str:
    return "1 strategy" if count == 1 else f"{count} strategies"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _named(rows: pd.DataFrame, verdict: str) -> str:
    return ", ".join(rows.loc[rows["verdict"] == verdict, "strategy"])


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count != 1)}"


def percent(share: float) -> str:
    """Return a share as per cent with one decimal."""
    return f"{100 * share:.1f}"


def points(share: float) -> str:
    """Return a difference of shares as signed percentage points with one decimal, where zero has no sign."""
    text = f"{100 * share:+.1f}"
    return "0.0" if text in {"+0.0", "-0.0"} else text


def terminal(summary: pd.DataFrame) -> Group:
    """Return the verdict on each strategy for the terminal, a table for each data set, model and condition."""
    groups = list(summary.groupby(GROUP, sort=False))
    counted = " or ".join(dict.fromkeys(summary["over"])) or "runs"
    legend = (
        "AUBC: accuracy averaged over the budget; difference: points from random;\n"
        f"n counts {counted}; each 95 % t interval is for one comparison alone,"
        "\nthe verdict is corrected for all of a table (Holm)."
    )
    return Group(
        *(_table(rows, place(name) if len(groups) > 1 else None) for name, rows in groups), Text(legend, "dim")
    )


def _table(rows: pd.DataFrame, title: str | None) -> Table:
    heading = None if title is None else Text(title, "bold")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=heading, title_justify="left")
    table.add_column("strategy", overflow="fold")
    for name in ("AUBC %", "difference", "95 % interval", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows.to_dict(orient="records"):
        table.add_row(*_cells(row))
    return table


def _cells(row: dict[Any, Any]) -> list[Text]:
    compared = row["verdict"] not in {REFERENCE, NOT_COMPARED}
    bounded = compared and row["verdict"] != NO_INTERVAL
    texts = [
        row["strategy"],
        percent(row["aubc"]),
        points(row["difference"]) if compared else "",
        f"{points(row['low'])} to {points(row['high'])}" if bounded else "",
        str(row["n"]),
    ]
    return [*(Text(text) for text in texts), Text(row["verdict"], style=_STYLES.get(row["verdict"], ""))]
