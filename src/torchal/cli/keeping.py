"""Verbs that look after a store, and the ground it stands on."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from torchal import show
from torchal.cli.arguments import DEFAULT_RESULTS, AsJson, Mixed, Results


def doctor(results: Results = DEFAULT_RESULTS, as_json: AsJson = False) -> None:
    """Look at this installation, the devices and a folder of results, and say what to mend; exit code 1 if it must be.

    Each device trains a small network twice, which has to give the same bytes. Nothing is left in the folder.
    """
    from torchal.doctor import examine

    found = examine(results)
    if as_json:
        show.print_json(found.document())
    else:
        console = Console(highlight=False)
        console.print(found.table())
        console.print(found.sentence)
    raise typer.Exit(0 if found.healthy else 1)


def gc(
    results: Results = DEFAULT_RESULTS,
    delete: Annotated[bool, typer.Option("--delete", help="Remove them; without it they are only listed.")] = False,
    even_unfinished: Annotated[
        bool, typer.Option(help="Remove them though an experiment is not finished and may have gone on from them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List entries of the store that no experiment refers to, and remove them if you say so."""
    from torchal import housekeeping

    found = housekeeping.unused(results)
    if delete and found.unfinished and not even_unfinished:
        raise ValueError(
            f"{', '.join(found.unfinished)}: not finished, and may go on from entries that no record names yet; let it "
            "finish, remove its folder, or say --even-unfinished"
        )
    if delete:
        housekeeping.remove(results, found)
    if as_json:
        show.print_json([str(entry) for entry in found.entries])
    else:
        Console(highlight=False, soft_wrap=True).print(show.escaped(found.said(removed=delete)))


def store_check(results: Results = DEFAULT_RESULTS, as_json: AsJson = False) -> None:
    """Compare every file of every entry with its digest; exit code 1 if one was changed."""
    from torchal import housekeeping

    with show.counted("checking") as heard:
        found = housekeeping.check(results, heard)
    if as_json:
        show.print_json(vars(found))
    else:
        Console(highlight=False, soft_wrap=True).print(show.escaped(found.said))
    raise typer.Exit(1 if found.faults else 0)


def store_sync(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder of results.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The folder of results that is to have them too.")],
    mixed: Mixed = False,
    as_json: AsJson = False,
) -> None:
    """Copy entries from one store into another, so that parts of an experiment can be computed in several places.

    torchal run in DST then finds them there and writes the records.
    """
    from torchal import housekeeping

    with show.counted("copying") as heard:
        found = housekeeping.sync(source, target, mixed=mixed, heard=heard)
    if as_json:
        show.print_json(vars(found))
    else:
        Console(highlight=False, soft_wrap=True).print(show.escaped(found.said))
    raise typer.Exit(1 if found.faults else 0)
