"""Parts of pages that are written from the code when the site is built, in place of a mark."""

from collections.abc import Callable
from functools import partial

from sphinx.application import Sphinx

from _extensions import commands, experiments, fields, plugins

MARKS: dict[str, Callable[[], str]] = {
    "<!-- fields -->": fields.written,
    "<!-- commands -->": commands.written,
    "<!-- experiments -->": experiments.written,
    "<!-- models -->": partial(plugins.written, "models"),
    "<!-- datasets -->": partial(plugins.written, "datasets"),
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Have each mark become what it stands for."""
    app.connect("source-read", _written)
    return {"parallel_read_safe": True}


def _written(_: Sphinx, __: str, source: list[str]) -> None:
    for mark, write in MARKS.items():
        if mark in source[0]:
            source[0] = source[0].replace(mark, write())
