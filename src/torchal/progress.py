"""What a person sees while an experiment runs."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from torchal import show
from torchal.host import Progress, Watch
from torchal.store import Event

_LINES = 4
"""Stages at work that have a line each; more are counted."""


class _Board(Bar):
    """A bar of finished stages and, below it, a line for each stage at work, which is cut where the terminal ends."""

    at_work: tuple[str, ...] = ()
    lately = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        more = len(self.at_work) - _LINES
        lines = [*self.at_work[:_LINES], *([f"and {more} more"] if more > 0 else []), *filter(None, [self.lately])]
        yield from (Text(f"  {line}", "dim", no_wrap=True, overflow="ellipsis") for line in lines)


@contextmanager
def shown(name: str, console: Console | None = None) -> Iterator[Watch]:
    """Show a bar of finished stages and trials, and print what is wrong with the store."""
    console = console or Console(
        stderr=True, quiet=os.environ.get("RANK", "0") != "0"
    )  # of processes that train together one speaks
    columns = (
        TextColumn("[bold]{task.fields[name]}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("stages, {task.fields[trials]} trials"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with _Board(*columns, console=console, expand=True) as bar:
        bar.at_work = ("looking at what exists",)
        task = bar.add_task("", name=name, trials=0, total=None)
        trials, tenths = 0, 0

        def watch(news: Progress | Event) -> None:
            nonlocal trials, tenths
            if isinstance(news, Progress):
                bar.at_work = news.at_work
                bar.lately = bar.lately if news.at_work else ""
                bar.update(task, completed=news.finished, total=news.total)
                reached = 10 * news.finished // max(1, news.total)
                if not console.is_terminal and reached > tenths:  # a log shows no bar
                    tenths = reached
                    console.print(f"{name}: {news.finished} of {news.total} stages, {trials} trials")
            elif news.kind == "epoch":
                bar.lately = f"{news.stage}: {news.detail}"
            elif news.kind == "commit":
                trials += news.stage == "trial"
                bar.update(task, trials=trials)
            else:
                text = f"{f'{news.stage} {news.key[:8]}'.strip()}: {news.detail}"
                console.print(f"[yellow]{news.kind}[/yellow] {text}", soft_wrap=True)

        yield watch


@contextmanager
def recomputed(console: Console | None = None) -> Iterator[Callable[[Event], None]]:
    """Show what is being computed once more, of which nobody knows yet how much it is; a log is told nothing."""
    with (console or Console(stderr=True)).status("recomputing") as line:
        done = 0

        def hear(event: Event) -> None:
            nonlocal done
            done += event.kind == "commit"
            line.update(show.escaped(f"recomputing: {done} entries so far; {event.stage} {event.detail}".rstrip()))

        yield hear
