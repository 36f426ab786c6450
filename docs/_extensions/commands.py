"""Every verb of the command line with its arguments and options, from the program itself."""

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from torchal.cli import app

_MARKUP = re.compile(r"\[/?[a-z ]+\]")


def written() -> str:
    """Return a chapter for each verb, in the order of the help."""
    return "\n\n".join(_chapter(words, verb) for words, verb in _verbs("torchal", typer.main.get_command(app)))


def _verbs(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    for name, each in command.commands.items():
        whole = f"{words} {name}"
        if hasattr(each, "commands"):
            yield from _verbs(whole, each)
        else:
            yield whole, each


def _chapter(words: str, verb: Any) -> str:
    shown = [each for each in verb.params if not each.hidden and each.name != "help"]
    usage = " ".join([words, *(_usage(each) for each in shown if each.param_type_name == "argument")])
    rows = "\n".join(f"| {_name(each)} | {_text(each.help)} |" for each in shown)
    table = f"\n\n| | |\n|---|---|\n{rows}" if shown else ""
    return f"## {words}\n\n{_text(verb.help)}\n\n```text\n{usage} [options]\n```{table}"


def _usage(argument: Any) -> str:
    name = f"{argument.name.upper()}{'...' if argument.nargs == -1 else ''}"
    return name if argument.required else f"[{name}]"


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_usage(parameter)}`"
    return ", ".join(f"`{each}`" for each in (*parameter.opts, *parameter.secondary_opts))


def _text(said: str | None) -> str:
    """Return what the help says as one line that a table takes."""
    return " ".join(_MARKUP.sub("", said or "").replace("|", "\\|").replace("<", "&lt;").split())
