"""The verbs. Each reads its arguments, calls one function of another room and shows what comes back.

Rooms are imported inside the verbs, so that ``torchal --help`` answers at once and ``status`` and ``report`` do without
torch.
"""

import sys
from typing import Annotated

import typer
from rich.console import Console

from torchal import show
from torchal.cli.computing import plan, replay, run, verify
from torchal.cli.extending import list_, new, select
from torchal.cli.keeping import doctor, gc, store_check, store_sync
from torchal.cli.reading import check, claim, compare, report, status
from torchal.cli.sharing import card, export, leaderboard, migrate

PANELS = {
    "Compute": (plan, run, replay, status),
    "Be believed": (report, claim, check, compare, verify, card, leaderboard),
    "Extend and choose": (list_, new, select),
    "Take along and look after": (export, migrate, gc, doctor),
}
"""All verbs but those of the store, as ``--help`` shows them."""

app = typer.Typer(
    name="torchal",
    help="Reproducible deep active learning: plan an experiment, run it, stop it, go on, report it, verify it.\n\n"
    "Start with: torchal new experiment mine, then torchal run mine.yaml, then torchal report mine.yaml.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    rich_markup_mode="rich",
)
store_app = typer.Typer(help="Look after the store of a folder of results.", no_args_is_help=True)

for panel, verbs in PANELS.items():
    for verb in verbs:
        app.command(verb.__name__.rstrip("_"), rich_help_panel=panel)(verb)
store_app.command("check")(store_check)
store_app.command("sync")(store_sync)
app.add_typer(store_app, name="store", rich_help_panel="Take along and look after")


def main() -> None:
    """Run the command line; a fault in what was asked ends with one sentence and exit code 2."""
    try:
        app()
    except (ValueError, OSError) as error:
        Console(stderr=True).print(f"[red]error:[/red] {show.escaped(str(error))}", soft_wrap=True)
        sys.exit(2)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)] = False,
) -> None:
    if version:
        from torchal import __version__

        typer.echo(__version__)
        raise typer.Exit
