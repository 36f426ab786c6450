"""The navigation of the site: which pages belong together, in the order in which they are read.

A page that is named and not there is left out; one that is there and not named comes last.
"""

from fnmatch import fnmatch
from typing import Any

from sphinx.application import Sphinx

SECTIONS = {
    "Begin": {
        "quickstart": "Quickstart",
        "concepts": "Concepts",
        "tutorials/index": "Tutorials",
        "questions": "Questions",
        "from-torchal": "Coming from TorchAL",
    },
    "Compare": {
        "protocol": "Protocol",
        "strategies": "Strategies",
        "add-a-strategy": "Your own strategy",
        "conditions": "Conditions",
        "tuning": "Tuning",
        "recipes": "Recipes",
        "augmentation": "RandAugment",
    },
    "Data and networks": {
        "large-data": "Large data",
        "representations": "Pretrained networks, embeddings",
        "export": "Export",
    },
    "Compute": {
        "doctor": "Doctor",
        "devices": "Cores and GPUs",
        "cluster": "Clusters",
        "reliability": "Reliability",
        "cost": "Cost",
        "tracking": "Tracking",
    },
    "Be believed": {
        "report": "Reports",
        "run-cards": "Run cards",
        "reproducibility": "Reproducibility",
        "same-picks": "Same picks",
        "paper": "The paper's figures",
    },
    "Look up": {
        "fields": "Fields of an experiment",
        "commands": "Commands",
        "experiments": "Experiments",
        "api": "Python API",
        "results/index": "Results",
        "benchmarks": "Benchmarks",
    },
    "The project": {
        "readme": "Readme",
        "architecture": "Architecture",
        "decisions/index": "Decisions",
        "contributing": "Contributing",
        "changelog": "Changelog",
    },
}
"""Short names of pages, by section and file; a page's own title says which question it answers."""

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
    sections = {
        title: [f"{name} <{page}>" for page, name in pages.items() if page in there]
        for title, pages in SECTIONS.items()
    }
    return "\n\n".join(_contents(title, pages) for title, pages in {**sections, "More": others}.items() if pages)


def _contents(title: str, pages: list[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```"])
