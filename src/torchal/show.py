"""What the verbs print: tables for people, JSON for programs."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import Progress
from rich.table import Table

_INTERRUPTED = 130
"""What a shell calls a program that Ctrl-C ended."""


def print_json(answer: Any) -> None:
    """Print values as JSON."""
    sys.stdout.write(json.dumps(answer, indent=1, default=str) + "\n")


@contextmanager
def counted(words: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar while something is done entry by entry."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(words, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def followed(
    read: Callable[[], dict[str, Any]],
    drawn: Callable[[dict[str, Any]], RenderableType],
    over: Callable[[dict[str, Any]], bool],
    pause: float = 2,
) -> None:
    """Show something anew every few seconds until it is over or somebody presses Ctrl-C."""
    with suppress(KeyboardInterrupt), Live(auto_refresh=False) as screen:
        while True:
            answer = read()
            screen.update(drawn(answer), refresh=True)
            if over(answer):
                return
            time.sleep(pause)


@contextmanager
def interruptible(words: str) -> Iterator[None]:
    """End the program in a sentence and with code 130 at Ctrl-C, and at once at a second one.

    What Ctrl-C raises may come back as another error from a library that it was raised in.
    """
    pressed = False

    def press(*_: object) -> None:
        nonlocal pressed
        if pressed:
            os._exit(_INTERRUPTED)
        pressed = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, press)
    try:
        yield
    except BaseException:
        if not pressed:
            raise
        Console(stderr=True).print(words, highlight=False)
        sys.exit(_INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, before)


def escaped(text: str) -> str:
    """Return a text in which square brackets are no markup."""
    return text.replace("[", r"\[")


def axes(answer: dict[str, Any]) -> Table:
    """Return what an experiment varies, and what is missing for the sake of one value alone."""
    table = Table("axis", "values", "missing for one value alone")
    for axis, values in answer["axes"].items():
        alone = [each["seconds"] for each in values.values()]
        many = f"{duration(sum(alone) / len(alone))} each, on average" if len(alone) > 1 else duration(alone[0])
        table.add_row(axis, escaped(", ".join(value or "its own" for value in values)), many)
    return table


def runs(runs: list[dict[str, Any]], most: int = 12) -> Table:
    """Return how far runs are."""
    table = Table("run", "stages that exist")
    for run in runs[:most]:
        table.add_row(run["id"], f"{run['finished']}/{run['stages']}")
    if len(runs) > most:
        table.caption = f"and {len(runs) - most} more, which --json lists"
    return table


def stages(stages: dict[str, Any]) -> Table:
    """Return how many stages exist and are missing."""
    table = Table("stage", "exist", "missing", "examples to train on", "operations", "estimate")
    for stage, row in stages.items():
        amounts = (f"{row['examples']:,}", operations(row["flops"]), duration(row["seconds"]))
        table.add_row(stage, str(row["exist"]), str(row["missing"]), *amounts)
    return table


def about(told: dict[str, Any]) -> Table:
    """Return what an experiment is made for."""
    table = Table.grid(padding=(0, 2))
    table.add_row("repeats", escaped(told["source"]))
    if told["tables"]:
        table.add_row("published", escaped(", ".join(told["tables"])))
    for each in told["differs"]:
        table.add_row("differs", escaped(each))
    return table


def operations(flops: float) -> str:
    """Return floating-point operations in a fitting unit."""
    for unit, size in (("EFLOP", 1e18), ("PFLOP", 1e15), ("TFLOP", 1e12)):
        if flops >= size:
            return f"{flops / size:,.3g} {unit}" if flops < 1000 * size else f"{flops / size:,.0f} {unit}"
    return f"{flops / 1e9:.3g} GFLOP"


def duration(seconds: float) -> str:
    """Return seconds in a fitting unit."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def size(count: float) -> str:
    """Return bytes in a fitting unit."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
