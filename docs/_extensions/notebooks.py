"""Executed notebooks as pages: text, code and the outputs embedded in them. Nothing is executed."""

import json
import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx

_PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_FETCHES = re.compile(r"<script|(?:src|href)=[\"']?(?:https?:)?//")


class NotebookParser(MystParser):  # type: ignore[misc] - it comes without types
    """Reads a notebook as the Markdown that it amounts to."""

    supported = ("ipynb",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Parse a notebook."""
        super().parse(markdown(json.loads(inputstring)), document)


def setup(app: Sphinx) -> dict[str, bool]:
    """Take notebooks as pages."""
    app.add_source_suffix(".ipynb", "ipynb")
    app.add_source_parser(NotebookParser)
    return {"parallel_read_safe": True}


def markdown(notebook: dict[str, Any]) -> str:
    """Return a notebook as Markdown."""
    return "\n\n".join(part for cell in notebook["cells"] for part in _cell(cell)) + "\n"


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    text = "".join(cell["source"]).strip()
    if cell["cell_type"] == "markdown":
        yield text
    elif cell["cell_type"] == "code" and text:
        yield _fenced(text, "python")
        for output in cell["outputs"]:
            yield _output(output)


def _output(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return _fenced("".join(output["text"]), "text")
    if output["output_type"] == "error":
        raise ValueError(f"a notebook holds the error {output['ename']}: {output['evalue']}; execute it anew")
    data = {kind: value if isinstance(value, str) else "".join(value) for kind, value in output["data"].items()}
    picture = next((kind for kind in _PICTURES if kind in data), None)
    if picture == "image/svg+xml":
        return _raw(data[picture])
    if picture:
        return f"![](data:{picture};base64,{data[picture].replace(chr(10), '')})"
    if "text/html" in data and not _FETCHES.search(data["text/html"]):
        return _raw(data["text/html"])
    return _fenced(data["text/plain"], "text")


def _raw(text: str) -> str:
    return _fenced(f'<div class="notebook-output">{text}</div>', "{raw} html")


def _fenced(text: str, language: str) -> str:
    """Return a text in a fence longer than any inside."""
    fence = "`" * max(3, *(len(each) + 1 for each in re.findall(r"`{3,}", text)), 3)
    return f"{fence}{language}\n{_COLOURS.sub('', text).rstrip()}\n{fence}"
