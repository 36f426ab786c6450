"""What a command of TorchAL's was given: its flags, by TorchAL's own rules, and the keys of its configuration."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from torchal.migrate.script import MARK, Command, plain
from torchal.migrate.table import Flag, table
from torchal.spec_file import read_yaml

_LARGEST = 2**20
"""Bytes of a configuration; TorchAL's have a thousandth of that."""


class Open(str):
    """What is not a plain value, as it is written."""

    __slots__ = ()


class _Parser(argparse.ArgumentParser):
    """A parser that tells faults, and does not leave the program."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


class Given:
    """The flags and keys of a command."""

    def __init__(self, command: Command, folder: Path) -> None:
        """Read the arguments, and the configuration if it is there: here, or from the folder of the script.

        Raises:
            ValueError: if a flag lacks its value, or has one of another kind.
        """
        self.command = command
        parser = _Parser(add_help=False, exit_on_error=False, argument_default=argparse.SUPPRESS)
        for flag in table().of(_program(command)):
            parser.add_argument(flag.flag, dest=flag.flag, **_taken(flag))
        try:
            found, self.strange = parser.parse_known_args(list(command.words))
        except (argparse.ArgumentError, ValueError) as error:
            raise ValueError(f"line {command.line}: {plain(str(error))}; mend the script") from None
        self.flags: dict[str, Any] = vars(found)
        self.keys: dict[str, Any] = {}
        self.unread = ""
        """Why the configuration was not read."""
        self._configure(folder)

    @property
    def automl(self) -> bool:
        """Whether it is the program that searches for recipes."""
        return self.command.program == "main_aml"

    def known(self, flag: str) -> Any:
        """Return what a flag means: its value, or what the program takes it for; None if it has no such flag."""
        entry = table().flag(flag)
        if entry.of not in (None, self.command.program):
            return None
        value = self.flags.get(flag)
        if isinstance(value, Open):
            return entry.usual("main_aml")
        return entry.usual(_program(self.command)) if value is None else value

    def told(self, flag: str) -> str:
        """Return a flag as it was given, or would have been."""
        value = self.flags.get(flag, self.known(flag))
        words = map(str, value) if isinstance(value, list) else [str(value)] * (not isinstance(value, bool))
        return plain(" ".join([flag, *words])) + ("" if flag in self.flags else " by default")

    def _configure(self, folder: Path) -> None:
        name = self.flags.get("--cfg")
        if not name or isinstance(name, Open):
            self.unread = "is not a plain value" if name else ""
            return
        path = next((each for each in (Path(name), folder / name) if each.is_file()), None)
        if path is None:
            self.unread = "is not here"
        else:
            try:
                self.keys = configuration(path)
            except ValueError:
                self.unread = "is not readable as a configuration"


def _program(command: Command) -> Any:
    return command.program


def _taken(flag: Flag) -> dict[str, Any]:
    """Return how argparse takes a flag."""
    if flag.takes == "switch":
        return {"action": "store_true"}
    return {"type": _KINDS[flag.takes]} | ({"nargs": "+"} if flag.takes == "ints" else {})


def _reader(kind: Callable[[str], Any], name: str) -> Callable[[str], Any]:
    def value(text: str) -> Any:
        if MARK in text:
            return Open(plain(text))
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is no {name}") from None

    return value


_KINDS = {
    "int": _reader(int, "whole number"),
    "ints": _reader(int, "whole number"),
    "float": _reader(float, "number"),
    "text": _reader(str, "text"),
}


def configuration(path: Path) -> dict[str, Any]:
    """Return the keys of a configuration by their paths.

    Raises:
        ValueError: if it is no YAML, or larger than any.
    """
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"{path}: is larger than {_LARGEST} bytes, which no configuration is; is it the right file?")
    return _flat(read_yaml(path))


def _flat(document: dict[Any, Any], above: str = "", depth: int = 0) -> dict[str, Any]:
    """Return the keys of a configuration by their paths, which have two or three parts."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict) and depth < 2:
            found |= _flat(value, f"{above}{name}.", depth + 1)
        else:
            found[f"{above}{name}"] = value
    return found
