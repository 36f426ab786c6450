"""How far an experiment is, for the terminal."""

import json
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from torchal.show import duration

SINGLE = 40
"""Up to so many runs have a line each; more are told by strategy."""
_SHOWN = 8
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
"""The time at the head of a line of a log, which tells nothing of what speaks now."""


def board(answer: dict[str, Any]) -> Group:
    """Return what :func:`torchal.report.status.read` returns, as people read it."""
    runs = answer["runs"]
    head = f"{answer['experiment']}: {answer['finished']} of {len(runs)} runs finished, "
    head += f"{answer['done']} of {answer['stages']} stages done"
    table = _single(runs) if len(runs) <= SINGLE else _grouped(runs)
    return Group(Text(head, "bold"), table, *_pace(answer), *_at_work(answer["at_work"]), *_failures(runs))


def _single(runs: list[dict[str, Any]]) -> Table:
    table = Table("run", "stages by cycle", "test accuracy (%)", box=box.SIMPLE_HEAD, pad_edge=False)
    for run in runs:
        accuracy = "  ".join(f"{100 * value:.1f}" for value in run["test_accuracy"])
        table.add_row(Text(run["id"]), _letters(run), accuracy)
    table.caption = "S first rows, T tuned, F trained (fit), M measured, Q queried; · missing"
    table.caption_justify = "left"
    return table


def _letters(run: dict[str, Any]) -> Text:
    style = "red" if run["failure"] else "green" if run["finished"] else ""
    return Text(run["progress"], style)


def _grouped(runs: list[dict[str, Any]]) -> Table:
    table = Table("strategy", "on", "runs", "stages", "failed", box=box.SIMPLE_HEAD, pad_edge=False)
    for (place, strategy), some in groupby(sorted(runs, key=_whose), _whose):
        rows = list(some)
        finished, failed = sum(run["finished"] for run in rows), sum(bool(run["failure"]) for run in rows)
        done, stages = sum(run["done"] for run in rows), sum(run["stages"] for run in rows)
        cells = (strategy, place, f"{finished}/{len(rows)}", f"{done}/{stages}", str(failed or ""))
        table.add_row(*map(Text, cells))
    return table


def _whose(run: dict[str, Any]) -> tuple[str, str]:
    return run["place"], run["strategy"]


def _pace(answer: dict[str, Any]) -> Iterator[Text]:
    pace = answer["pace"]
    if not pace:
        return
    yield Text(f"Spent so far: about {duration(pace['spent_seconds'])} of computing (more: --cost).")
    if answer["done"] >= answer["stages"]:
        return
    left = pace["left_seconds"]
    said = f"At most {duration(left)} of computing left"
    if pace.get("workers"):
        said += f"; of late {pace['stages_an_hour']:g} stages an hour by {pace['workers']:.1f} processes"
        said += f", so about {duration(left / max(pace['workers'], 0.1))} to go" if answer["at_work"] else ""
    yield Text(f"{said}.")


def _at_work(found: list[dict[str, Any]]) -> Iterator[RenderableType]:
    for each in found[:_SHOWN]:
        words = f"at work: {each['stage']}{_where(each['for'])}: {_STAMP.sub('', each['said'])}  ({each['log']})"
        yield Text(words, "cyan", overflow="fold")
    if len(found) > _SHOWN:
        yield Text(f"and {len(found) - _SHOWN} more", "cyan")


def _where(address: str) -> str:
    """Return in words what a stage is computed for: partition, seed, cycle and purpose, as its log has them in JSON."""
    match json.loads(address or "[]"):
        case [partition, seed, cycle, *purpose]:
            return f" of {partition}, seed {seed}, cycle {cycle}{', ' if purpose else ''}{' '.join(map(str, purpose))}"
        case _:
            return ""


def _failures(runs: list[dict[str, Any]]) -> Iterator[RenderableType]:
    failed = [run for run in runs if run["failure"]]
    for run in failed[:_SHOWN]:
        yield Text(f"failed: {run['id']} ({run['failure_file']})", "bold red", overflow="fold")
        yield Text("\n".join(f"  {line}" for line in run["failure_tail"]), "red")
    if len(failed) > _SHOWN:
        yield Text(f"and {len(failed) - _SHOWN} more runs failed", "red")
