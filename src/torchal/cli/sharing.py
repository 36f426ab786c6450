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
    Files,
    Finished,
    Overrides,
    Results,
    find,
    read_experiment,
)

WHAT = ("index", "model", "studies", "records")

What = Annotated[
    str,
    typer.Argument(
        metavar="WHAT",
        help="index (labelled, pool, validation, queried rows), model, studies, or records (scores, recipes, costs).",
    ),
]
Source = Annotated[
    Path,
    typer.Argument(metavar="SPEC", help="The experiment's YAML file; for studies and records its folder too."),
]
To = Annotated[
    str,
    typer.Option(
        metavar="FOLDER|TARGET",
        help="Folder to write into; for records the target: csv, parquet, tensorboard, mlflow or wandb.",
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER|URI",
        help="For records: where they go, a folder, or for mlflow a tracking URI too such as http://localhost:5000; "
        "default export/TARGET in the experiment's folder of results.",
    ),
]
RunId = Annotated[str | None, typer.Option("--run", help="For model: the start of a run's id; default the first run.")]
CycleNumber = Annotated[
    int | None, typer.Option(min=0, help="For model: the cycle, from 0; default the last finished.")
]


def export(
    what: What,
    spec: Source,
    to: To,
    at: At = None,
    results: Results = DEFAULT_RESULTS,
    overrides: Overrides = None,
    files: Files = None,
    run_id: RunId = None,
    cycle: CycleNumber = None,
    as_json: AsJson = False,
) -> None:
    """Write results for other programs: rows as .npy, a network, searches for Optuna, or records for a tracker.

    torchal export records results/mine --to tensorboard writes scores, recipes, costs and trainings as event files. csv
    and parquet need nothing more; tensorboard, mlflow and wandb need the pip extra of their name.
    """
    _refuse(what, at, run_id, cycle)
    match what:
        case "index":
            from torchal.export import export_index

            written = export_index(read_experiment(spec, overrides, files), results, Path(to))
        case "model":
            from torchal.export_model import export_model

            written = export_model(read_experiment(spec, overrides, files), results, Path(to), run_id, cycle)
        case "studies":
            from torchal.export_studies import export_studies

            written = export_studies(*find(spec, results), Path(to))
        case _:
            _export_records(*find(spec, results), to, at, as_json)
            return
    if as_json:
        show.print_json([str(place) for place in written])
    else:
        Console(highlight=False).print(f"Wrote {len(written)} files below {to}.")


def _refuse(what: str, at: str | None, run_id: str | None, cycle: int | None) -> None:
    """Refuse what is not known, and options of another export."""
    from torchal.spec import nearest

    if what not in WHAT:
        raise ValueError(f"export {what}: there is no such thing to export{nearest(what, WHAT)}")
    if what != "model" and (run_id is not None or cycle is not None):
        raise ValueError(f"export {what}: writes every run and cycle; --run and --cycle belong to export model.")
    if what != "records" and at is not None:
        raise ValueError(f"export {what}: --at belongs to export records; here --to names the folder.")


def _export_records(results: Path, name: str, to: str, at: str | None, as_json: bool) -> None:
    from torchal.tracking import export_records

    with show.counted(f"writing runs for {to}") as progress:
        written = export_records(results, name, to, at, progress)
    if as_json:
        show.print_json(vars(written))
        return
    console = Console(highlight=False, soft_wrap=True)
    same = f"; {written.unchanged} were there already" if written.unchanged else ""
    console.print(show.escaped(f"Wrote {written.runs} runs to {written.place}{same}."))
    if written.hint:
        console.print(show.escaped(f"Next:  {written.hint}"))


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
