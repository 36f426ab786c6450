"""Verbs for what torchal is made of: lists of it, one query from arrays, a new plug-in."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from torchal import show
from torchal.cli.arguments import AsJson, Files, Matrix


def list_(
    kind: Annotated[str, typer.Argument(help="strategies, models, datasets or engines.")],
    name: Annotated[str | None, typer.Argument(help="One of them, to be told what each parameter means.")] = None,
    as_json: AsJson = False,
) -> None:
    """List strategies, models, data sets or engines: name, summary, source and parameters.

    torchal list datasets hub tells what each parameter of the data set hub means.
    """
    from torchal.catalogue import listed

    entries = listed(kind, name)
    if as_json:
        show.print_json(entries)
        return
    Console().print(_parameters(entries[0]) if name else _overview(entries))
    if not name:
        Console().print(f"What a parameter means: torchal list {kind} NAME", highlight=False)


def _overview(entries: list[dict[str, Any]]) -> Table:
    table = Table("name", "what it does", "parameters")
    for entry in entries:
        parameters = ", ".join(f"{name}={_default(value)}" for name, value in entry["parameters"].items())
        table.add_row(entry["name"], show.escaped(entry["summary"]), show.escaped(parameters))
    return table


def _parameters(entry: dict[str, Any]) -> Table:
    table = Table("parameter", "default", "meaning", title=f"{entry['name']}: {show.escaped(entry['summary'])}")
    for name, value in entry["parameters"].items():
        table.add_row(name, show.escaped(_default(value)), show.escaped(value["description"]))
    return table


def _default(parameter: dict[str, Any]) -> str:
    """Return a default as it is written, or a word that no value looks like."""
    return "…" if parameter["required"] else repr(parameter["default"])


def select(
    strategy: Annotated[str, typer.Option(help="Name of the strategy; torchal list strategies shows them.")],
    budget: Annotated[int, typer.Option(min=1, help="How many rows to choose.")],
    embeddings: Matrix = None,
    probabilities: Matrix = None,
    logits: Matrix = None,
    mc_probabilities: Matrix = None,
    committee_probabilities: Matrix = None,
    previous_probabilities: Matrix = None,
    inputs: Matrix = None,
    labelled: Annotated[Path | None, typer.Option(metavar="FILE.npy", help="Rows that are labelled already.")] = None,
    labels: Annotated[Path | None, typer.Option(metavar="FILE.npy", help="Their labels, in that order.")] = None,
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="Set an option of the strategy.")
    ] = None,
    files: Files = None,
    seed: Annotated[int, typer.Option(help="Of whatever the strategy draws.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.csv", help="Where to write; else they are printed.")
    ] = None,
) -> None:
    """Choose rows to label from arrays in files, without an experiment.

    Each file has a row for every example, labelled or not. All rows but the labelled ones are the pool.
    """
    from torchal.selection import select_files
    from torchal.spec import load_file

    arrays = {
        "embeddings": embeddings,
        "probabilities": probabilities,
        "logits": logits,
        "mc_probabilities": mc_probabilities,
        "committee_probabilities": committee_probabilities,
        "previous_probabilities": previous_probabilities,
        "inputs": inputs,
        "labelled": labelled,
        "labels": labels,
    }
    for file in files or ():
        load_file(file)
    chosen = select_files(strategy, tuple(options or ()), {k: v for k, v in arrays.items() if v}, budget, seed)
    lines = "".join(f"{row}\n" for row in chosen.tolist())
    if output is None:
        sys.stdout.write(lines)
        return
    try:
        with output.open("x", encoding="utf-8") as picks:
            picks.write(f"row\n{lines}")
    except FileExistsError:
        raise ValueError(f"{output}: exists already; choose another name for -o, or remove it.") from None
    Console().print(f"{len(chosen)} rows, first choice first, are in {output}.", highlight=False)


def new(
    kind: Annotated[str, typer.Argument(help="What to write: strategy or experiment.")],
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits and underscores.")],
    folder: Annotated[Path, typer.Option("--to", help="Where to write it.")] = Path(),
) -> None:
    """Write a strategy, or the YAML file of an experiment, that works at once, for you to change."""
    from torchal.scaffold import write_new

    place = write_new(kind, name, folder)
    console = Console(highlight=False)
    console.print(f"Wrote {place}.")
    if kind == "strategy":
        console.print(f"Check it:  python -m torchal.testing {place}")
        console.print(f"Run it:    torchal run SPEC --with {place}")
    else:
        console.print(f"See what it takes:  torchal plan {place}")
        console.print(f"Run it:             torchal run {place}")
