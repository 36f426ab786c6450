"""Verbs that read results and never load torch."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from torchal import show
from torchal.cli.arguments import DEFAULT_RESULTS, AsJson, Finished, Results, find, read_experiment


def status(
    spec: Finished,
    results: Results = DEFAULT_RESULTS,
    cost: Annotated[
        bool, typer.Option("--cost", help="Show what the results cost: trials, epochs, operations, seconds, energy.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it anew every two seconds, until all is done or you press Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far each run is, what is being computed, how long it will take, and what it cost."""
    from torchal.report.status import read
    from torchal.report.status_view import board

    results, name = find(spec, results)
    if watch:
        show.followed(lambda: read(results, name), board, lambda answer: answer["done"] >= answer["stages"])
        return
    answer = read(results, name)
    shown: list[Any] = [board(answer)]
    if cost:
        from torchal.report import costs, ledger

        paid = ledger.ledger_of(results, name)
        answer["cost"] = costs.document(paid)
        shown += costs.shown(paid)
    if as_json:
        show.print_json(answer)
    else:
        Console().print(*shown, sep="\n")


def report(
    specs: Annotated[list[Path], typer.Argument(metavar="SPEC...", help="The experiment's YAML file or its folder.")],
    results: Results = DEFAULT_RESULTS,
    figures: Annotated[
        str | None,
        typer.Option(metavar="FORMATS", help="Write each figure as a file too: png, svg, pdf, some of them, or all."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether any strategy beats random: a table here, a page and CSV and parquet files beside the results.

    Several experiments of one folder of results are reported together: runs that were made alike are compared.
    """
    from torchal.report import page, static

    formats = static.formats(figures) if figures else ()
    found = [find(spec, results) for spec in specs]
    if len({folder.resolve() for folder, _ in found}) > 1:
        raise ValueError("SPEC: the experiments lie in different folders of results; report those of one together.")
    written = page.report(found[0][0], *dict.fromkeys(name for _, name in found), formats=formats)
    place, verdict = written.page, written.verdict
    if as_json:
        show.print_json({"page": str(place), **verdict.document()})
        return
    console = Console()
    console.print(verdict.table())
    console.print(verdict.sentence, highlight=False)
    console.print(f"Report: {place}", highlight=False, soft_wrap=True)


def claim(
    text: Annotated[str, typer.Argument(metavar="CLAIM", help="Such as 'badge > random by 1.0 at 20% on cifar10'.")],
    spec: Finished,
    results: Results = DEFAULT_RESULTS,
    as_json: AsJson = False,
) -> None:
    """Hold a claim against results: exit code 0 if it is supported, 1 if refuted, 3 if undecided.

    Say 'A > B', 'A > B by 1.0' (points), 'A = B within 0.5'; add 'at 20%' or 'at 160' labels, and 'on DATASET with
    MODEL'. Without a budget, the area under the budget curve is meant.
    """
    from torchal.report import claim as claims
    from torchal.report.frame import read

    findings = claims.judged(claims.Claim.read(text), read(*find(spec, results)))
    if as_json:
        show.print_json(claims.document(text, findings))
    else:
        for finding in findings:
            Console().print(show.escaped(f"{finding.sentence[:1].upper()}{finding.sentence[1:]}"), highlight=False)
    raise typer.Exit({"supported": 0, "refuted": 1, "undecided": 3}[claims.decision(findings)])


def check(
    spec: Finished,
    results: Results = DEFAULT_RESULTS,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 if a recommendation is not followed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hold an experiment, or its results, against what the paper and later critical work recommend."""
    from torchal.report import check as checks
    from torchal.report.findings import findings

    folder, name = find(spec, results)
    started = (folder / name / "plan.json").is_file()
    found = findings(folder, name) if started else None
    document = found.experiment.plan.protocol if found else read_experiment(spec, None, None).document()
    answers = checks.checked(document, found)
    if as_json:
        show.print_json(checks.document(answers))
    else:
        Console().print(checks.table(answers))
        Console().print(checks.sentence(answers), highlight=False)
    raise typer.Exit(1 if strict and any(each.outcome == "fail" for each in answers) else 0)


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A strategy, as reports call it.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    spec: Finished,
    results: Results = DEFAULT_RESULTS,
    as_json: AsJson = False,
) -> None:
    """Compare two strategies on paired runs, at each budget and over all of it."""
    from torchal.report import duel
    from torchal.report.frame import read

    found = duel.differences(read(*find(spec, results)), first, second)
    if as_json:
        show.print_json(found.astype(object).where(found.notna(), None).to_dict(orient="records"))
    else:
        Console().print(duel.table(found, first, second))
