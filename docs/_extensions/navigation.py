"""The navigation of the site: which pages belong together, in the order in which they are read.

A page that is named and not there is left out; one that is there and not named comes last.
"""

from fnmatch import fnmatch
from typing import Any

from sphinx.application import Sphinx

SECTIONS = {
    "Begin": ["quickstart", "concepts", "tutorials/index", "questions", "from-torchal"],
    "Compare": ["protocol", "strategies", "add-a-strategy", "conditions", "tuning", "recipes", "augmentation"],
    "Data and networks": ["large-data", "representations", "export"],
    "Compute": ["doctor", "devices", "cluster", "reliability", "cost", "tracking"],
    "Be believed": ["report", "run-cards", "reproducibility", "same-picks", "paper"],
    "Look up": ["fields", "commands", "experiments", "api", "results/index", "benchmarks"],
    "The project": ["readme", "architecture", "decisions/index", "contributing", "changelog"],
}
MARK = "<!-- navigation -->"
INSIDE = ("decisions/*", "results/*", "tutorials/*")
"""Pages that the index of their folder lists."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Have the mark on the first page become the navigation."""
    app.connect("source-read", _written)
    return {"parallel_read_safe": True}


def _written(app: Sphinx, page: str, source: list[str]) -> None:
    if page == app.config.root_doc:
        source[0] = source[0].replace(MARK, navigation(app.project.docnames))


def navigation(there: Any) -> str:
    """Return a table of contents for each section of the pages that are there."""
    named = {page for pages in SECTIONS.values() for page in pages} | {"index"}
    others = [page for page in sorted(there) if page not in named and not any(fnmatch(page, each) for each in INSIDE)]
    sections = {title: [page for page in pages if page in there] for title, pages in SECTIONS.items()}
    return "\n\n".join(_contents(title, pages) for title, pages in {**sections, "More": others}.items() if pages)


def _contents(title: str, pages: list[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```"])
