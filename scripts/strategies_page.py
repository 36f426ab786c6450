"""Write docs/strategies.md from the code: ``python scripts/strategies_page.py``."""

from pathlib import Path
from typing import Any

from torchal.catalogue import SECTIONS, listed
from torchal.query import Strategy
from torchal.spec import resolve
from torchal.testing.needs import needs

PAGE = Path(__file__).parents[1] / "docs" / "strategies.md"

HEAD = """# Strategies

Written by `scripts/strategies_page.py` from the header of each file in `src/torchal/strategies`; what a strategy asks
for was seen by watching it. In formulas, n is the pool, l the labelled rows, b the budget, C the classes and d the
width of the embeddings. Costs come on top of one pass of the network. Any of them can be asked without an experiment,
about arrays: `torchal.select("badge", probabilities=p, embeddings=e, labelled=rows, budget=100)`, or `torchal select`
about files. [Add your own](add-a-strategy.md).

A bound that sees the true labels lies apart, in `experiments/bounds/oracle_error.py`, for benchmarks alone.

"""


def page() -> str:
    """Return the page."""
    chapters = [(each, needs(_made(each["name"]))) for each in listed("strategies")]
    rows = [f"| [{each['name']}](#{each['name']}) | {_short(each)} | {_words(asked)} |" for each, asked in chapters]
    table = "\n".join(["| name | prefers | asks for |", "|---|---|---|", *rows])
    return HEAD + table + "\n\n" + "\n".join(_chapter(each, asked) for each, asked in chapters)


def _made(name: str) -> Strategy:
    made = resolve(Strategy, name)()
    assert isinstance(made, Strategy)
    return made


def _short(entry: dict[str, Any]) -> str:
    return str(entry["summary"]).rstrip(".").removeprefix("Prefer").lstrip(", ")


def _words(asked: tuple[str, ...]) -> str:
    return ", ".join(asked) or "nothing"


def _chapter(entry: dict[str, Any], asked: tuple[str, ...]) -> str:
    options = [f"- `{name}` = `{each['default']}`: {each['description']}" for name, each in entry["parameters"].items()]
    sections = [f"**{word.capitalize()}.** {_sentence(entry[word])}" for word in SECTIONS]
    parts = [
        f"## {entry['name']}",
        _sentence(entry["title"]),
        f"**Source.** {_sentence(entry['source'])}",
        *sections[:2],
        f"**Asks for.** {_sentence(_words(asked))}.",
        *sections[2:],
        *(["**Options.**\n\n" + "\n".join(options)] if options else []),
    ]
    return "\n\n".join(parts) + "\n"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
