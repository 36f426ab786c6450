"""What a person sees while an experiment runs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from torchal.host import Progress, Watch
from torchal.store import Event


@contextmanager
def shown(name: str) -> Iterator[Watch]:
    """Show a bar of finished stages and trials, and print what is wrong with the store."""
    console = Console(
        stderr=True, quiet=os.environ.get("RANK", "0") != "0"
    )  # of processes that train together one speaks
    columns = (
        TextColumn("[bold]{task.fields[name]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("stages, {task.fields[trials]} trials"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("looking at what exists", name=name, trials=0, total=None)
        trials, tenths, at_work = 0, 0, ""

        def watch(news: Progress | Event) -> None:
            nonlocal trials, tenths, at_work
            if isinstance(news, Progress):
                at_work = "; ".join(news.at_work)
                bar.update(task, completed=news.finished, total=news.total, description=at_work)
                reached = 10 * news.finished // max(1, news.total)
                if not console.is_terminal and reached > tenths:  # a log shows no bar
                    tenths = reached
                    console.print(f"{name}: {news.finished} of {news.total} stages, {trials} trials")
            elif news.kind == "epoch":
                bar.update(task, description=f"{at_work} ({news.detail})")
            elif news.kind == "commit":
                trials += news.stage == "trial"
                bar.update(task, trials=trials)
            else:
                text = f"{news.stage} {news.key[:8]}: {news.detail}"
                console.print(f"[yellow]{news.kind}[/yellow] {text}", soft_wrap=True)

        yield watch
