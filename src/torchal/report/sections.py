"""The parts of the page in their order: what each is filled with, its charts, and the tables that it is made from.

A part whose template is ``templates/NAME.html.jinja`` is the function here that names it. It answers None where there
is nothing to say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import pandas as pd
from altair.utils.schemapi import debug_mode

from torchal.report import (
    bought,
    calibration,
    certainty,
    check,
    conditions,
    costs,
    equal_means,
    figures,
    forest,
    friedman,
    glance,
    initial_sets,
    insight,
    ledger,
    overlap,
    penalties,
    queries,
    ranking,
    savings,
    searches,
    tables,
    transfer,
    variance,
)
from torchal.report import published as beside
from torchal.report.compare import BASELINE
from torchal.report.figures import Figure
from torchal.report.findings import Findings
from torchal.report.frame import GROUP, place


@dataclass(frozen=True)
class Section:
    """One part of the page."""

    name: str
    content: dict[str, Any]
    figures: Sequence[Figure] = ()
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    """What is written beside the page, by the name of the file."""


def summary(found: Findings) -> Section:
    """Does a strategy beat random?"""
    content = {"verdicts": tables.verdicts(found.summary, found.style), "sizes": found.sizes}
    return Section("summary", content, tables={"summary.csv": found.summary})


def certain(found: Findings) -> Section | None:
    """How sure is that?"""
    told, files = certainty.told(found.compared), {"certainty.csv": certainty.certainty(found.compared)}
    content = {"certainty": told, "margin": f"{100 * certainty.MARGIN:g}"}
    return Section("certainty", content, tables=files) if told else None


def saved(found: Findings) -> Section | None:
    """Labels saved."""
    told, files = savings.told(found.compared), {"savings.csv": savings.savings(found.compared)}
    return Section("savings", {"savings": told}, tables=files) if told else None


def conditioned(found: Findings) -> Section | None:
    """Do the conditions change who wins?"""
    told = conditions.compared(found.compared)
    return Section("conditions", {"conditions": told}) if told else None


def moved(found: Findings) -> Section | None:
    """Rows chosen by one network, learnt by another."""
    if not (found.table["source"] != "").any():
        return None
    told = transfer.told(found.compared)
    drawn = [each for some in told for each in some.figures]
    return Section("transfer", {"transfers": told}, drawn, {"transfer.csv": transfer.matrix(found.compared)})


def curves(found: Findings) -> Section:
    """Learning curves."""
    drawn = figures.learning_curves(found.kept, found.style)
    content = {"curves": drawn, "sizes": found.sizes, "budgets": tables.budgets(found.kept)}
    return Section("curves", content, drawn)


def published(found: Findings) -> Section | None:
    """Beside published results."""
    specs = {record.id: record.spec for record in found.experiment.records}
    told = beside.told(found.compared, found.experiment.plan.protocol, specs, found.style)
    drawn = [each.figure for each in told]
    return Section("published", {"published": told}, drawn, {"published.csv": beside.table(told)}) if told else None


def differences(found: Findings) -> Section:
    """Paired difference from random."""
    panels = figures.difference_panels(found.compared, found.style)
    compared = _places(found.compared[found.compared["strategy"] != BASELINE])
    content = {
        "panels": panels,
        "sizes": found.sizes,
        "alone": sorted(_places(found.kept) - compared),
        "without_random": _places(found.kept) - _places(found.compared),
    }
    return Section("differences", content, list(chain.from_iterable(each for _, each in panels)))


def drawn_forest(found: Findings) -> Section | None:
    """How far ahead of random, and how reliably."""
    told, files = forest.told(found.compared, found.style), {"forest.csv": forest.forest(found.compared)}
    content = {"forests": told, "margin": f"{100 * certainty.MARGIN:g}"}
    return Section("forest", content, [each.figure for each in told], files) if told else None


def beaten(found: Findings) -> Section | None:
    """Who beats whom, and how often."""
    told, rows = penalties.told(found.kept), penalties.penalties(found.kept)
    drawn = [each.figure for each in told if each.figure]
    return Section("penalties", {"penalties": told}, drawn, {"penalties.csv": rows}) if drawn else None


def ranked(found: Findings) -> Section | None:
    """Ranks."""
    told, over_all = ranking.told(found.kept, found.style), friedman.told(found.kept, found.style)
    if not told:
        return None
    drawn = [*(each.figure for each in told), *filter(None, [over_all.figure])]
    files = {"ranks.csv": ranking.by_budget(found.kept)}
    files |= {"friedman.csv": over_all.table} if over_all.figure else {}
    return Section("ranking", {"rankings": told, "friedman": over_all}, drawn, files)


def tested(found: Findings) -> Section | None:
    """The tests of the paper."""
    rows = equal_means.p_values(found.kept)
    content = {"equal_means": equal_means.told(found.kept, rows)}
    return Section("equal_means", content, tables={"equal_means.csv": rows}) if len(rows) else None


def varied(found: Findings) -> Section:
    """Where the differences between runs come from."""
    told, rows = variance.told(found.kept), variance.variance(found.kept)
    drawn = [each.figure for each in told if each.figure]
    files = {"variance.csv": rows} if len(rows) else {}
    return Section("variance", {"variances": told, "measured": len(rows) > 0}, drawn, files)


def by_initial_set(found: Findings) -> Section | None:
    """Does it depend on the first labels?"""
    told, rows = initial_sets.told(found.compared), initial_sets.initial_sets(found.compared)
    drawn = [figure for each in told for figure in each.figures]
    return Section("initial_sets", {"sets": told}, drawn, {"initial_sets.csv": rows}) if told else None


def last(found: Findings) -> Section:
    """Other measures at the last budget."""
    return Section("last", {"last": tables.last_budget(found.kept)})


def calibrated(found: Findings) -> Section | None:
    """Are networks as sure as they are right?"""
    bins = calibration.reliability(found.kept, found.results)
    told = calibration.told(found.kept, bins, found.style)
    drawn = [each.figure for each in told]
    return Section("calibration", {"calibrations": told}, drawn, {"calibration.csv": bins}) if told else None


def queried(found: Findings) -> Section | None:
    """What was queried."""
    asked = found.queries
    if not asked.found and not asked.missing:
        return None
    alike, classes, glances = overlap.told(asked), bought.told(asked), glance.told(asked, found.style)
    drawn = [
        *(figure for _, _, figure in alike),
        *(figure for _, _, figures in classes for figure in figures),
        *(figure for each in glances for _, figures in each.maps for figure in figures),
    ]
    content = {"missing": asked.missing, "overlaps": alike, "bought": classes, "glances": glances}
    files = {"overlap.csv": overlap.overlap(asked), "queried.csv": queries.table(asked)} if asked.found else {}
    return Section("queried", content, drawn, files)


def searched(found: Findings) -> Section | None:
    """How the recipes were found."""
    told, missing = insight.told(found.searches, found.style), found.searches.missing
    files = {"tuning.csv": searches.table(found.searches)} if found.searches.found else {}
    drawn = [each for some in told for each in some.figures]
    content = {"insights": told, "searches_missing": missing}
    return Section("searches", content, drawn, files) if told or missing else None


def cost(found: Findings) -> Section:
    """What it cost."""
    spent = found.ledger
    content = {
        "cost": tables.cost(spent),
        "spent": costs.spent(spent),
        "unfair": costs.unfair(spent),
        "uncounted": costs.gaps(spent),
    }
    files = {"cost.csv": ledger.COUNTED, "cost-timing.csv": ledger.TIMED}
    return Section("cost", content, tables={name: ledger.table(spent, columns) for name, columns in files.items()})


def recommended(found: Findings) -> Section | None:
    """Was it done as is recommended?"""
    if "strategy" not in found.experiment.plan.protocol:
        return None  # several experiments, each of which has a page of its own
    answers = check.checked(found.experiment.plan.protocol, found)
    return Section("check", {"checks": answers, "sentence": check.sentence(answers)})


def protocol(found: Findings) -> Section:
    """How it was done."""
    fingerprints, commits = tables.environment(found.results)
    content = {
        "protocol": tables.protocol(found.experiment.plan),
        "recipes": tables.recipes(found.experiment),
        "fingerprints": fingerprints,
        "commits": commits,
        "keys": tables.keys(found.table),
    }
    return Section("protocol", content)


ORDER: tuple[Callable[[Findings], Section | None], ...] = (
    summary,
    drawn_forest,
    certain,
    saved,
    conditioned,
    moved,
    curves,
    published,
    differences,
    by_initial_set,
    ranked,
    beaten,
    tested,
    varied,
    last,
    calibrated,
    queried,
    searched,
    cost,
    recommended,
    protocol,
)


def told(found: Findings) -> list[Section]:
    """Return the parts of the page that have something to say."""
    with debug_mode(arg=False):  # tests hold charts against the schema; here that is a third of the time
        return [section for section in (make(found) for make in ORDER) if section is not None]


def _places(table: pd.DataFrame) -> set[str]:
    return {place(name) for name, _ in table.groupby(GROUP)}
