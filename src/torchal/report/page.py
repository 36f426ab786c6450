"""The page: one file that needs no network, beside it the tables it is made of.

Its bytes depend on the records alone: no time, no host, no order of arrival.
"""

from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from torchal.report import certainty, conditions, costs, figures, insight, ledger, savings, searches, tables, transfer
from torchal.report.compare import BASELINE, common, summary, with_baseline
from torchal.report.frame import GROUP, Experiment, frame, place, read, write_csv, write_tables
from torchal.report.verdict import Verdict, verdict_sentence


@dataclass(frozen=True)
class Findings:
    """An experiment's results, as far as they can be compared."""

    experiment: Experiment
    table: pd.DataFrame
    """Everything measured."""
    kept: pd.DataFrame
    """The rows on which strategies are compared."""
    left_out: pd.DataFrame
    """Runs of which something could not be compared."""
    summary: pd.DataFrame
    ledger: ledger.Ledger
    """What the runs cost."""
    searches: searches.Searches
    """Where the recipes come from."""


def findings(results: Path, experiment: str) -> Findings:
    """Read an experiment and compare what all its strategies have in common.

    Raises:
        ValueError: if it was never started in that folder or nothing has been measured yet.
    """
    found = read(results, experiment)
    table = frame(found)
    kept, left_out = common(table)
    spent, searched = ledger.read(found, results), searches.read(found, results)
    return Findings(found, table, kept, left_out, summary(kept), spent, searched)


def verdict(results: Path, experiment: str) -> Verdict:
    """Return whether any strategy beats random.

    Raises:
        ValueError: if the experiment was never started in that folder or nothing has been measured yet.
    """
    found = findings(results, experiment)
    changes = tuple(sentence for _, sentence, _ in conditions.compared(with_baseline(found.kept)))
    return Verdict(found.summary, len(found.experiment.unfinished), changes)


def write(results: Path, experiment: str) -> Path:
    """Write ``report.html`` and the tables beside it, and return the page's path.

    ``cost-timing.csv`` alone holds facts of the host, and no other file depends on them.

    Raises:
        ValueError: if the experiment was never started in that folder or nothing has been measured yet.
    """
    found, folder = findings(results, experiment), results / experiment / "report"
    write_tables(found.table, folder)
    write_csv(found.summary, folder / "summary.csv")
    compared = with_baseline(found.kept)
    write_csv(certainty.certainty(compared), folder / "certainty.csv")
    write_csv(savings.savings(compared), folder / "savings.csv")
    write_csv(ledger.table(found.ledger, ledger.COUNTED), folder / "cost.csv")
    write_csv(ledger.table(found.ledger, ledger.TIMED), folder / "cost-timing.csv")
    if (found.table["source"] != "").any():
        write_csv(transfer.matrix(compared), folder / "transfer.csv")
    if found.searches.found:
        write_csv(searches.table(found.searches), folder / "tuning.csv")
    file = folder / "report.html"
    file.write_text(html(found, results), encoding="utf-8", newline="\n")
    return file


def html(found: Findings, results: Path) -> str:
    """Return the page's text."""
    environment = Environment(
        loader=PackageLoader("torchal.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja").render(_content(found, results)) + "\n"


def _content(found: Findings, results: Path) -> dict[str, Any]:
    style = figures.look(found.table)
    compared = with_baseline(found.kept)
    curves = figures.learning_curves(found.kept, style)
    panels = figures.difference_panels(compared, style)
    insights = insight.told(found.searches, style)
    moved = transfer.told(compared)
    drawn = [
        *curves,
        *chain.from_iterable(each for _, each in panels),
        *chain.from_iterable(each.figures for each in moved),
        *chain.from_iterable(each.figures for each in insights),
    ]
    fingerprints, commits = tables.environment(results)
    return {
        "name": found.experiment.plan.experiment,
        "sentences": verdict_sentence(found.summary).splitlines(),
        "facts": _facts(found),
        "unfinished": found.experiment.unfinished,
        "cycles": found.experiment.plan.cycles,
        "left_out": found.left_out.to_dict(orient="records"),
        "several": len(found.table[GROUP].drop_duplicates()) > 1,
        "verdicts": tables.verdicts(found.summary, style),
        "certainty": certainty.told(compared),
        "savings": savings.told(compared),
        "margin": f"{100 * certainty.MARGIN:g}",
        "warnings": found.experiment.plan.warnings,
        "conditions": conditions.compared(compared),
        "transfers": moved,
        "curves": curves,
        "sizes": _sizes(found.summary),
        "panels": panels,
        "alone": _alone(found.kept, compared),
        "without_random": _places(found.kept) - _places(compared),
        "budgets": tables.budgets(found.kept),
        "last": tables.last_budget(found.kept),
        "insights": insights,
        "searches_missing": found.searches.missing,
        "cost": tables.cost(found.ledger),
        "spent": costs.spent(found.ledger),
        "unfair": costs.unfair(found.ledger),
        "uncounted": costs.gaps(found.ledger),
        "protocol": tables.protocol(found.experiment.plan),
        "recipes": tables.recipes(found.experiment),
        "fingerprints": fingerprints,
        "commits": commits,
        "keys": tables.keys(found.table),
        "specs": {figure.id: figure.spec for figure in drawn},
        "library": _library(),
    }


def _facts(found: Findings) -> list[str]:
    """Return what the experiment consists of, in a few words each."""
    runs, cycles = found.experiment.plan.runs, found.experiment.plan.cycles
    done = len(runs) - len(found.experiment.unfinished)
    axes = [("strategy", "strategies"), ("partition", "partitions"), ("seed", "seeds")]
    counts = [(len({getattr(run, axis) for run in runs}), axis, plural) for axis, plural in axes]
    names = [", ".join(filter(None, dict.fromkeys(getattr(run, axis) for run in runs))) for axis in GROUP]
    least, most = found.table["labelled"].min(), found.table["labelled"].max()
    return [
        *filter(None, names),
        *(f"{count} {axis if count == 1 else plural}" for count, axis, plural in counts),
        f"{cycles} cycle{'s' * (cycles != 1)}, {least} to {most} labelled" if cycles > 1 else f"{least} labelled",
        f"{done} of {len(runs)} runs finished",
    ]


def _sizes(rows: pd.DataFrame) -> dict[str, str]:
    """Return n for each data set and model, in words."""
    firsts = rows.drop_duplicates(GROUP).to_dict(orient="records")
    return {
        place(tuple(row[name] for name in GROUP)): f"n = {row['n']} {row['over']}, {row['runs']} runs a strategy"
        for row in firsts
    }


def _alone(kept: pd.DataFrame, compared: pd.DataFrame) -> list[str]:
    """Return the data sets and models without a comparison with random."""
    return sorted(_places(kept) - _places(compared[compared["strategy"] != BASELINE]))


def _places(table: pd.DataFrame) -> set[str]:
    return {place(name) for name, _ in table.groupby(GROUP)}


@cache
def _library() -> Markup:
    """Return the charting library as one script, which cannot end the element it stands in."""
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return Markup(bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--"))  # noqa: S704 - a fixed text
