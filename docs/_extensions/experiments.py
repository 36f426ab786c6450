"""The experiments that come with torchal, each with its own words and its whole text."""

from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def written() -> str:
    """Return a chapter for each."""
    files = sorted((ROOT / "experiments").rglob("*.yaml"), key=lambda file: (len(file.parts), file))
    return "\n\n".join(_chapter(file) for file in files)


def _chapter(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()
    said = list(takewhile(lambda line: line.startswith("#"), lines))
    place = file.relative_to(ROOT).as_posix()
    words = "\n".join(line.lstrip("# ") for line in said)
    return f"## {place}\n\n{words}\n\n```yaml\n" + "\n".join(lines[len(said) :]).strip() + "\n```"
