"""A site of static files that is made from cards alone: a page, a table, and copies of the cards."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from torchal.digest import digest_of
from torchal.report.boards import Board, Protocol, boards
from torchal.report.card import Card
from torchal.report.compare import BETTER, NO_INTERVAL, NOT_COMPARED, REFERENCE, WORSE
from torchal.report.costs import number
from torchal.report.frame import write_csv
from torchal.report.gathered import Gathered, gathered
from torchal.report.verdict import percent, points

CARDS = "cards"
"""Folder of the site that holds the cards."""

_KINDS = {BETTER: "better", WORSE: "worse"}
_FLOP = {"EFLOP": 1e18, "PFLOP": 1e15, "TFLOP": 1e12, "GFLOP": 1e9, "MFLOP": 1e6}
_WORDS = {
    "partition.labelled": "{} labelled at first",
    "setting.budget": "{} bought in a cycle",
    "setting.cycles": "{} cycles",
    "partition.validation": "{} validation rows",
    "recipe.epochs": "{} epochs",
    "tuning.scope": "recipe: {}",
    "tuning.trials": "{} trials a search",
}
"""What is said of a protocol in front of its table; the whole of it stands below."""

_SCOPES = {
    "fixed": "the same for all",
    "first_cycle": "searched by every run in its first cycle",
    "first_seed": "searched by the first seed",
    "shared": "searched by the first seed of random",
    "every_run": "searched by every run",
}


def write(folder: Path, to: Path) -> Path:
    """Write ``index.html``, ``leaderboard.csv`` and copies of all cards below a folder, and return the page's path.

    Raises:
        ValueError: if there is no card that can be read and compared.
    """
    found = gathered(folder, without=to)
    if not found.cards:
        reasons = "".join(f"\n{name}: {reason}" for name, reason in found.refused)
        raise ValueError(f"{folder}: holds no card that can be shown; torchal card writes one.{reasons}")
    (to / CARDS).mkdir(parents=True, exist_ok=True)
    for name, file in found.files.items():
        (to / CARDS / f"{name}.json").write_bytes(file.read_bytes())
    made = boards(found.entrants)
    write_csv(_table(made), to / "leaderboard.csv")
    (to / "index.html").write_text(html(made, found), encoding="utf-8", newline="\n")
    return to / "index.html"


def _table(made: list[Board]) -> pd.DataFrame:
    """Return every row of every board, with what the board is about."""
    axes = ("dataset", "model", "source", "condition")
    parts = [each.rows.assign(**{name: getattr(each, name) for name in axes}, protocol=_id(each)) for each in made]
    whole = pd.concat(parts, ignore_index=True)
    first = [*axes, "protocol", "file", "strategy", "rank", "rank_low", "rank_high"]
    return whole[[*first, *(name for name in whole.columns if name not in first)]]


def _id(board: Board) -> str:
    return digest_of(board.protocol)[:8]


# --- the page ---------------------------------------------------------------------------------------------------------


def html(made: list[Board], found: Gathered) -> str:
    """Return the page's text, in which every name is escaped."""
    environment = Environment(
        loader=PackageLoader("torchal.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    content = {
        "boards": [_shown(board, found.cards) for board in made],
        "facts": _facts(made, found.cards),
        "filters": {name: sorted({getattr(each, name) for each in made} - {""}) for name in ("dataset", "model")}
        | {"condition": sorted({_condition(each) for each in made} - {""})},
        "refused": found.refused,
        "others": found.others,
    }
    return environment.get_template("leaderboard.html.jinja").render(content) + "\n"


def _facts(made: list[Board], cards: Mapping[str, Card]) -> list[str]:
    counts = (len(cards), "card"), (len(made), "table"), (sum(len(each.rows) for each in made), "row")
    runs = sum(len(card.runs) for card in cards.values())
    return [f"{count:,} {thing}{'s' * (count != 1)}" for count, thing in (*counts, (runs, "run"))]


def _condition(board: Board) -> str:
    source = f"rows chosen by {board.source}" if board.source else ""
    return ", ".join(filter(None, (source, board.condition)))


def _shown(board: Board, cards: Mapping[str, Card]) -> dict[str, Any]:
    files = dict.fromkeys(board.rows["file"])
    return {
        "id": _id(board),
        "dataset": board.dataset,
        "model": board.model,
        "condition": _condition(board),
        "facts": _words(board.protocol),
        "rows": [_row(row, cards[row["file"]]) for row in board.rows.to_dict(orient="records")],
        "prints": [print_ for file in files for print_ in _prints(cards[file])],
        "protocol": yaml.safe_dump(dict(board.protocol), sort_keys=False, allow_unicode=True),
    }


def _words(protocol: Protocol) -> list[str]:
    """Return what a protocol is in a few words, where it is one."""
    run = protocol["runs"][0] if len(protocol["runs"]) == 1 else {}
    found = {path: _at(run, path) for path in _WORDS}
    if found["tuning.scope"] in {None, "fixed"}:
        found["tuning.trials"] = None
    shown = {path: value for path, value in found.items() if isinstance(value, str | int)}
    return [_WORDS[path].format(_SCOPES.get(str(value), value)) for path, value in shown.items()]


def _at(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _row(row: dict[Any, Any], card: Card) -> dict[str, Any]:
    compared = row["verdict"] not in {REFERENCE, NOT_COMPARED}
    bounded = compared and row["verdict"] != NO_INTERVAL
    return {
        "rank": "" if pd.isna(row["rank"]) else f"{row['rank']:.0f}",
        "ranks": "" if pd.isna(row["rank_low"]) else f"{row['rank_low']:.0f} to {row['rank_high']:.0f}",
        "strategy": row["strategy"],
        "aubc": percent(row["aubc"]),
        "difference": points(row["difference"]) if compared else "",
        "interval": f"{points(row['low'])} to {points(row['high'])}" if bounded else "",
        "n": f"{row['n']} {row['over'][:-1] if row['n'] == 1 else row['over']}",
        "verdict": row["verdict"],
        "kind": _KINDS.get(row["verdict"], "none"),
        "labels": f"{row['first_labelled']:,.6g} to {row['last_labelled']:,.6g}",
        "epochs": "" if pd.isna(row["epochs"]) else number(round(row["epochs"])),
        "flops": "" if pd.isna(row["flops"]) else _operations(row["flops"]),
        "prints": [key for key, _ in _prints(card)],
        "card": card.name,
        "file": f"{CARDS}/{row['file']}.json",
    }


def _operations(count: float) -> str:
    unit, size = next(((unit, size) for unit, size in _FLOP.items() if count >= size), ("MFLOP", 1e6))
    return f"{count / size:.3g} {unit}"


def _prints(card: Card) -> list[tuple[str, str]]:
    """Return the fingerprints of a card, each by the start of its digest and in words."""
    fields = [each.model_dump() for each in card.fingerprints]
    words = [", ".join(f"{name} {value}" for name, value in each.items() if value is not None) for each in fields]
    return [(digest_of(each)[:8], said) for each, said in zip(fields, words, strict=True)]
