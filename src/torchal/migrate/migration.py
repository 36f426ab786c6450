"""A script of TorchAL's as experiments, and what is to be said of the rest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchal.migrate.buying import compared
from torchal.migrate.draft import Draft
from torchal.migrate.experiment import checked, drafted, named
from torchal.migrate.joined import joined
from torchal.migrate.remarks import Remark, document
from torchal.migrate.script import Command, Other, plain, read
from torchal.migrate.written import written

_BRIEF = 60
"""Characters of a command that are told."""


@dataclass(frozen=True)
class Migration:
    """What became of a script."""

    experiments: dict[str, str]
    """YAML by name."""
    remarks: tuple[Remark, ...]
    """What else there is to say."""
    documents: tuple[dict[str, Any], ...]
    """The experiments, as values."""

    def text(self) -> str:
        """Return all YAML, experiments apart by a line of dashes."""
        return "---\n".join(self.experiments.values())

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"experiments": list(self.documents), **document(self.remarks)}

    def save(self, place: Path) -> list[Path]:
        """Write the experiment into a file, or several into a folder, and return the files; none is overwritten.

        Raises:
            ValueError: if a file exists, or is to hold more than one experiment.
        """
        several = len(self.experiments) > 1
        if several and place.suffix:
            raise ValueError(f"-o {place}: there are {len(self.experiments)} experiments; give the name of a folder.")
        files = {place / f"{name}.yaml" if several else place: text for name, text in self.experiments.items()}
        for file in files:
            if file.exists():
                raise ValueError(f"{file}: exists already; choose another name for -o, or remove it.")
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as opened:
                opened.write(text)
        return list(files)


def migrate(path: Path) -> Migration:
    """Return what a script of TorchAL's asks for; nothing in it is executed.

    Raises:
        ValueError: if there is no such script, it calls neither program of TorchAL's, or TorchAL would refuse it.
    """
    found = _read(path)
    commands = [each for each in found if isinstance(each, Command)]
    if not commands:
        raise ValueError(f"{path}: calls neither main_aml.py nor train_al.py; give a script that does.")
    try:
        drafts = joined([drafted(each, path.parent, path.stem) for each in commands])
        for number, draft in enumerate(drafts, 1):
            draft.document["name"] = named(path.stem) + (f"-{number}" if len(drafts) > 1 else "")
            compared(draft)
            checked(draft)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    others = [_remark(each) for each in found if isinstance(each, Other)]
    told = [each for draft in drafts for each in draft.remarks]
    return Migration(
        {draft.document["name"]: written(draft, f"{plain(path.name)}, {_lines(draft)}") for draft in drafts},
        (*told, *others),
        tuple(draft.document for draft in drafts),
    )


def _read(path: Path) -> list[Command | Other]:
    try:
        return read(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file; give a script that calls TorchAL.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: is not text; give a script that calls TorchAL.") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _lines(draft: Draft) -> str:
    command = draft.given.command
    return f"line {command.line}: {command.program}.py"


def _remark(other: Other) -> Remark:
    what = plain(other.what)
    brief = what if len(what) <= _BRIEF else f"{what[:_BRIEF]}..."
    why = "is a condition, and is taken to hold" if other.conditional else "is not executed"
    return Remark("lost", f"line {other.line}: {brief}", why)
