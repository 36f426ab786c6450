"""The cards that lie below a folder, whoever put them there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from torchal.report.boards import Entrant, entrants
from torchal.report.card import Card, is_card


@dataclass
class Gathered:
    """What was found."""

    cards: dict[str, Card] = field(default_factory=dict)
    """By a name that is a file's: the experiment's, with the start of the card's digest."""
    files: dict[str, Path] = field(default_factory=dict)
    entrants: list[Entrant] = field(default_factory=list)
    """What the cards have to say."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Files that could not be read or compared, and why."""
    others: int = 0
    """JSON files that do not begin as a card does."""


def gathered(folder: Path, without: Path) -> Gathered:
    """Read every card below a folder, each once, but for those below another; links may not lead out."""
    found = Gathered()
    for file in _files(folder, without):
        try:
            _add(file, folder, found)
        except ValueError as error:
            found.refused.append((str(file.relative_to(folder)), str(error).removeprefix(f"{file}: ")))
    return found


def _files(folder: Path, without: Path) -> Iterator[Path]:
    beside = without.resolve()
    return (file for file in sorted(folder.rglob("*.json")) if not file.resolve().is_relative_to(beside))


def _add(file: Path, folder: Path, found: Gathered) -> None:
    if not file.resolve().is_relative_to(folder.resolve()) or not file.is_file():
        raise ValueError("leads out of the folder, or to nothing; put the card itself there.")
    if not is_card(file):
        found.others += 1
        return
    card = Card.read(file)
    name = f"{card.name}-{card.digest[:12]}"
    if name not in found.cards:
        found.entrants += entrants(name, card)
        found.cards[name], found.files[name] = card, file
