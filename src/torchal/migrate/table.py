"""What became of each flag and key of TorchAL, as ``flags.yaml`` beside this file tells it."""

from functools import cache
from importlib.resources import as_file, files
from typing import Any, Literal

from pydantic import Field, ValidationError

from torchal.records import Record
from torchal.spec_file import SpecError, read_yaml

Program = Literal["main_aml", "train_al"]


class Entry(Record):
    """Where something of TorchAL's goes, or why it goes nowhere."""

    fields: tuple[str, ...] = ()
    """Paths in an experiment; none if it is not carried over."""
    only: str = ""
    """What else must be given for it to count."""
    says: str
    """How it is carried over, or why not."""


class Flag(Entry):
    """A flag of the command line."""

    flag: str
    """With its dashes."""
    of: Program | None = None
    """The one program that takes it, if not both do."""
    takes: Literal["int", "float", "text", "switch", "ints"]
    """What follows it; nothing after a switch."""
    default: Any = None
    """What ``main_aml.py`` takes it for if it is not given, or ``train_al.py`` if only that has it."""
    train_default: Any = None
    """What ``train_al.py`` takes it for, where that differs."""

    def usual(self, program: Program) -> Any:
        """Return what a program takes it for if it is not given."""
        if self.takes == "switch":
            return False
        return self.default if program == "main_aml" or self.train_default is None else self.train_default


class Key(Entry):
    """A key of the configuration, or all below one: ``BN.*``."""

    key: str
    """Its path."""
    flag: str = ""
    """The flag that says the same."""

    def means(self, path: str) -> bool:
        """Return whether it is this path, or above it."""
        return self.key == path or (self.key.endswith(".*") and path.startswith(self.key[:-1]))


class Network(Record):
    """A network by TorchAL's name for it."""

    type: str
    depth: int | None = None
    """Layers; any if not given."""
    model: dict[str, Any]
    """The network here."""
    but: str = ""
    """How that differs."""


class Data(Record):
    """A data set."""

    name: str
    """Its name here."""
    rows: int
    """Of its training side."""


class Table(Record):
    """All that is known of TorchAL's command lines."""

    flags: tuple[Flag, ...] = Field(min_length=1)
    keys: tuple[Key, ...]
    datasets: dict[str, Data]
    networks: tuple[Network, ...]
    strategies: dict[str, dict[str, Any]]

    def flag(self, name: str) -> Flag:
        """Return a flag by its name."""
        return next(flag for flag in self.flags if flag.flag == name)

    def key(self, path: str) -> Key | None:
        """Return what tells of a key, if it is known."""
        return next((key for key in self.keys if key.means(path)), None)

    def of(self, program: Program) -> tuple[Flag, ...]:
        """Return the flags of a program."""
        return tuple(flag for flag in self.flags if flag.of in (None, program))


@cache
def table() -> Table:
    """Return the table.

    Raises:
        SpecError: naming each field of the file that is wrong.
    """
    with as_file(files("torchal.migrate") / "flags.yaml") as path:
        try:
            return Table.model_validate(read_yaml(path))
        except ValidationError as error:
            raise SpecError.of(str(path), error) from None
