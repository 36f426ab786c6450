"""Verbs that write results for others, and for other programs."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from torchal import show
from torchal.cli.arguments import (
    DEFAULT_RESULTS,
    AsJson,
    Experiment,
    Files,
    Finished,
    Overrides,
    Results,
    find,
    read_experiment,
)


def export(
    what: Annotated[
        str,
        typer.Argument(help="What to export: index (labelled, pool, validation, queried rows), model, or studies."),
    ],
    spec: Experiment,
    folder: Annotated[Path, typer.Option("--to", help="Where to write it.")],
    results: Results = DEFAULT_RESULTS,
    overrides: Overrides = None,
    files: Files = None,
    run_id: Annotated[
        str | None, typer.Option("--run", help="For model: the start of a run's id; default the first run.")
    ] = None,
    cycle: Annotated[
        int | None, typer.Option(min=0, help="For model: the cycle, from 0; default the last finished.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write rows as .npy files that TorchAL reads too, a network that plain torch loads, or searches for Optuna."""
    match what:
        case "index" if run_id is None and cycle is None:
            from torchal.export import export_index

            written = export_index(read_experiment(spec, overrides, files), results, folder)
        case "model":
            from torchal.export_model import export_model

            written = export_model(read_experiment(spec, overrides, files), results, folder, run_id, cycle)
        case "studies" if run_id is None and cycle is None:
            from torchal.export_studies import export_studies

            written = export_studies(*find(spec, results), folder)
        case "index" | "studies":
            raise ValueError(f"export {what}: writes every run and cycle; --run and --cycle belong to export model.")
        case _:
            raise ValueError(
                f"export {what}: say torchal export index, torchal export model or torchal export studies."
            )
    if as_json:
        show.print_json([str(place) for place in written])
    else:
        Console(highlight=False).print(f"Wrote {len(written)} files below {folder}.")


def migrate(
    source: Annotated[
        Path,
        typer.Argument(metavar="SCRIPT|FOLDER", help="A script that calls TorchAL, or its folder of results."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PLACE",
            help="Of a script: the YAML file to write, or a folder for several; else it is printed. Of results: a new "
            "folder.",
        ),
    ] = None,
    validation: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npy", help="Of results: the rows that validated, where nothing else tells them."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Turn a command line of TorchAL's into an experiment, or its results into index sets to train on again.

    Nothing is executed: what only a shell could know is listed, like all else that is not carried over.
    """
    from torchal.migrate import remarks

    if source.is_dir():
        from torchal.migrate.sets import imported

        if output is None:
            raise ValueError(f"migrate {source}: say with -o which folder to write the sets into.")
        found: Any = imported(source, output, validation)
        said = "".join(f"Train on them: torchal replay {place}\n" for place in found.manifests)
    else:
        from torchal.migrate.migration import migrate as migrated

        if validation is not None:
            raise ValueError(f"--validation {validation}: belongs to a folder of results; leave it out.")
        found = migrated(source)
        files = found.save(output) if output else []
        said = "".join(f"Look at it: torchal plan {file}\n" for file in files) or found.text()
    if as_json:
        show.print_json(found.document())
        return
    sys.stdout.write(said)
    for line in remarks.sentences(found.remarks):
        Console(stderr=True, highlight=False).print(show.escaped(line), soft_wrap=True)


def card(spec: Finished, results: Results = DEFAULT_RESULTS, as_json: AsJson = False) -> None:
    """Write an experiment as one file that others can check: its spec, scores, chosen rows and cost."""
    from torchal.report import carded

    place, written = carded.write(*find(spec, results))
    if as_json:
        show.print_json({"card": str(place), "digest": written.digest, "queries_without_rows": written.unknown})
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Card: {place} ({len(written.runs)} runs, {place.stat().st_size:,} bytes)")
    if written.unknown:
        console.print(f"[yellow]note:[/yellow] the store lacks {written.unknown} queries, so their rows are not in it.")
    console.print(f"Check it:  torchal verify {show.escaped(str(place))}")


def leaderboard(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with cards, at any depth.")],
    to: Annotated[Path, typer.Option("--to", help="Folder to write the site into.")] = Path("site"),
) -> None:
    """Write a site of static files from cards alone: who beats random, how surely, and how to check it."""
    from torchal.report.leaderboard import write

    Console(highlight=False).print(f"Leaderboard: {write(folder, to)}", soft_wrap=True)
