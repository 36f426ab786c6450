"""The page: one file that needs no network, beside it the tables it is made of.

Its bytes depend on the records alone: no time, no host, no order of arrival.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from torchal.report import conditions, sections, static
from torchal.report.compact import compact
from torchal.report.findings import Findings, findings
from torchal.report.frame import GROUP, write_csv, write_tables
from torchal.report.remembered import remembering
from torchal.report.sections import Section
from torchal.report.verdict import Verdict, verdict_sentence


@dataclass(frozen=True)
class Report:
    """What was written, and what it says in short."""

    page: Path
    verdict: Verdict


@remembering()
def report(results: Path, *experiments: str, formats: Sequence[str] = ()) -> Report:
    """Write ``report.html`` and the tables beside it for an experiment, or for several together.

    The report of several lies in a folder of results of its own, named after all of them. ``cost-timing.csv`` alone
    holds facts of the host, and no other file depends on them. Each figure is a file too, in every one of ``formats``.

    Raises:
        ValueError: if one was never started in that folder or nothing has been measured yet.
    """
    found, folder = findings(results, *experiments), results / "+".join(experiments) / "report"
    parts = sections.told(found)
    write_tables(found.table, folder)
    for name, rows in (each for part in parts for each in part.tables.items()):
        write_csv(rows, folder / name)
    if formats:
        static.write((figure for part in parts for figure in part.figures), folder / "figures", formats)
    file = folder / "report.html"
    file.write_text(html(found, parts), encoding="utf-8", newline="\n")
    return Report(file, verdict_of(found))


def verdict(results: Path, *experiments: str) -> Verdict:
    """Return whether any strategy beats random.

    Raises:
        ValueError: if one was never started in that folder or nothing has been measured yet.
    """
    return verdict_of(findings(results, *experiments))


def write(results: Path, *experiments: str) -> Path:
    """Write what :func:`report` writes, and return the page's path.

    Raises:
        ValueError: if one was never started in that folder or nothing has been measured yet.
    """
    return report(results, *experiments).page


def verdict_of(found: Findings) -> Verdict:
    """Return whether any strategy beats random, by what was read already."""
    changes = tuple(sentence for _, sentence, _ in conditions.compared(found.compared))
    return Verdict(found.summary, len(found.experiment.unfinished), changes)


def html(found: Findings, parts: Sequence[Section]) -> str:
    """Return the page's text."""

    def filled(name: str, content: dict[str, Any]) -> Markup:
        text = _templates().get_template(f"{name}.html.jinja").render(several=found.several, **content)
        return Markup(text)  # noqa: S704 - a template has escaped what it was filled with

    return filled("page", _head(found) | _body(parts, [filled(part.name, part.content) for part in parts])) + "\n"


def _head(found: Findings) -> dict[str, Any]:
    plan = found.experiment.plan
    return {
        "name": plan.experiment,
        "sentences": verdict_sentence(found.summary).splitlines(),
        "facts": _facts(found),
        "unfinished": found.experiment.unfinished,
        "cycles": plan.cycles,
        "left_out": found.left_out.to_dict(orient="records"),
        "warnings": plan.warnings,
    }


def _body(parts: Sequence[Section], filled: list[Markup]) -> dict[str, Any]:
    return {
        "parts": filled,
        "files": [name for part in parts for name in part.tables],
        "specs": compact({figure.id: figure.spec for part in parts for figure in part.figures}),
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


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("torchal.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _library() -> Markup:
    """Return the charting library as one script, which cannot end the element it stands in."""
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return Markup(bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--"))  # noqa: S704 - a fixed text
