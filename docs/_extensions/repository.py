"""Pages that lie outside this folder, and links that lead out of it.

A page that only includes a file of the repository is that file. Links are written as they work in the repository; here
those to a page lead to the page, those to a folder to the page that shows it, and those to another file to a copy.
"""

import os
import re
from functools import partial
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
PAGES = {
    "README.md": "readme.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "docs": "index.md",
    "experiments": "experiments.md",
    "experiments/conditions": "experiments.md",
    "docs/decisions": "decisions/index.md",
    "docs/results": "results/index.md",
    "docs/tutorials": "tutorials/index.md",
}
_INCLUDED = re.compile(r"^```\{include\} \.\./([A-Z]+\.md)\n```\n$")
_LINK = re.compile(r"(?<=\]\()([^)\s:#]+)")


def setup(app: Sphinx) -> dict[str, bool]:
    """Read pages with their links mended."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}


def _read(app: Sphinx, page: str, source: list[str]) -> None:
    here = (DOCS / page).parent
    included = _INCLUDED.match(source[0])
    if included:
        file = ROOT / included[1]
        app.env.note_dependency(str(file))
        source[0] = mended(file.read_text(encoding="utf-8"), ROOT, here)
    else:
        source[0] = mended(source[0], here, here)


def mended(text: str, beside: Path, here: Path) -> str:
    """Return a text that was written for one folder with its links made for another."""
    return _LINK.sub(partial(_target, beside, here), text)


def _target(beside: Path, here: Path, link: re.Match[str]) -> str:
    file = Path(os.path.normpath(beside / link[1]))
    if not file.is_relative_to(ROOT) or not file.exists():
        return link[1]
    name = file.relative_to(ROOT).as_posix()
    return os.path.relpath(DOCS / PAGES[name] if name in PAGES else file, here)
