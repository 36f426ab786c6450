"""An experiment in the making: its fields, the flags that each came from, and what is to be said about the rest."""

import re
from dataclasses import dataclass, field
from typing import Any

from torchal.migrate.given import Given, Open
from torchal.migrate.remarks import Kind, Remark
from torchal.migrate.script import MARK, plain
from torchal.migrate.table import Flag, table


@dataclass
class Draft:
    """The fields of one experiment."""

    given: Given
    document: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, list[str]] = field(default_factory=dict)
    """What each field came from, by its path."""
    remarks: list[Remark] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    """Flags and keys that were put somewhere, or of which something was said."""

    def put(self, path: str, value: Any, *sources: str) -> None:
        """Set a field, from flags and keys that are known to go there, or from what is none of these."""
        parent, last = self.document, path.split(".")
        for part in last[:-1]:
            parent = parent.setdefault(part, {})
        parent[last[-1]] = value
        for source in sources:
            entry = table().flag(source) if source.startswith("--") else table().key(source)
            assert entry is None or any(f"{path}.".startswith(f"{each}.") for each in entry.fields), (source, path)
            told = self.given.told(source) if source.startswith("--") else source
            self.sources.setdefault(path, []).append(told)
            self.used.add(source)

    def say(self, kind: Kind, what: str, why: str, *about: str) -> None:
        """Note something, of which the flags and keys that it is about need no further word."""
        self.remarks.append(Remark(kind, plain(what), plain(why)))
        self.used.update(about)

    def __getitem__(self, flag: str) -> Any:
        """Return what a flag means."""
        return self.given.known(flag)

    def key(self, path: str) -> Any:
        """Return what the configuration says of a key, if it was read and does."""
        return self.given.keys.get(path)

    def number(self, path: str, otherwise: float) -> float:
        """Return a number of the configuration, which YAML takes for text if it is written 5e-4."""
        try:
            return float(self.given.keys.get(path, otherwise))
        except (TypeError, ValueError):
            raise ValueError(f"{self.given.told('--cfg')}: {path}: is no number; mend the file") from None

    def finish(self) -> "Draft":
        """Note all that was given and went nowhere, and return the draft."""
        program = f"{self.given.command.program}.py"
        for flag, value in self.given.flags.items():
            entry, what = table().flag(flag), self.given.told(flag)
            if any(isinstance(each, Open) for each in (value if isinstance(value, list) else [value])):
                stands = f"; {entry.usual('main_aml')} stands in its place" if flag in self.used else ""
                self.say("lost", what, f"is not a plain value, and nothing is executed{stands}: put it in yourself")
            elif flag == "--cfg" and self.given.keys:
                self._keys(what)
            elif flag == "--cfg":
                network = "; main_aml.py takes the network from it, so look at model" if self.given.automl else ""
                self.say("lost", what, f"{self.given.unread}, so that none of its keys is known{network}")
            elif flag not in self.used:
                counts = f"counts only with {entry.only}" if entry.fields and entry.only else ""
                self.say("lost", what, counts or _reason(entry))
        for word in self.given.strange:
            known = "is not a plain value, and nothing is executed" if MARK in word else ""
            self.say("lost", word, known or f"is no flag of {program}")
        return self

    def _keys(self, what: str) -> None:
        """Note in one line which keys of the configuration went nowhere."""
        left = [path for path in self.given.keys if path not in self.used]
        if left:
            self.say("lost", what, f"these keys say nothing new here or have no field: {', '.join(left)}")


def _reason(flag: Flag) -> str:
    """Return what is said of a flag, or of the one that it is like."""
    like = re.fullmatch(r"as `(--\w+)`", flag.says)
    return table().flag(like[1]).says if like else flag.says
