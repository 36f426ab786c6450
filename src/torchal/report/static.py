"""The figures of a page as files for papers and slides: PNG, SVG and PDF, on white, at the sizes of a printed page.

Equal results give equal bytes everywhere: text is set in a font that the drawing library brings along.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import vl_convert

from torchal.report.figures import Figure

FORMATS = ("png", "svg", "pdf")
PIXELS, DOTS = 96, 300
"""Pixels of a chart, and dots of a PNG, in an inch."""
COLUMN, PAGE = round(3.3 * PIXELS), round(6.8 * PIXELS)
"""How wide figures are in pixels: those that stand side by side on the page, and the others."""
_SIDE_BY_SIDE = re.compile(r"(?:bought|differences|initial-sets|map|moves|progress)-")
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"  # the first comes with the library, the second is as wide

_NUMBERED = re.compile(r"\b(?:clip|gradient_)\d+\b")
_FAINT = re.compile(r"(<(?:line|path|rect)\b(?![^>]*-opacity=)[^>]*?) opacity=(\"0?\.\d+\")")
_UNSEEN = re.compile(r"<path\b[^>]*? opacity=\"0\"[^>]*/>")  # points for the mouse
_SIZE = re.compile(r'width="([\d.]+)" height="([\d.]+)"')
_NAMED = re.compile(rb"(?: +/[A-Za-z]+\d+ \d+ 0 R\n){2,}")


def formats(text: str) -> tuple[str, ...]:
    """Return the formats that a text such as ``png,svg`` or ``all`` names.

    Raises:
        ValueError: if there is no such format.
    """
    wanted = FORMATS if text == "all" else tuple(dict.fromkeys(each.strip() for each in text.split(",")))
    for each in wanted:
        if each not in FORMATS:
            raise ValueError(f"--figures {text}: '{each}' is no format; say {', '.join(FORMATS)}, some of them, or all")
    return wanted


def write(figures: Iterable[Figure], folder: Path, wanted: Sequence[str]) -> list[Path]:
    """Write every figure in every format, and return the files.

    Args:
        figures: as pages show them.
        folder: where to.
        wanted: some of :data:`FORMATS`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for figure in figures:
        text = svg(figure)
        for name in wanted:
            file = folder / f"{figure.id}.{name}"
            file.write_bytes(_DRAW[name](text))
            written.append(file)
    return written


def svg(figure: Figure) -> str:
    """Return a figure as SVG, its caption as its title."""
    width = COLUMN if _SIDE_BY_SIDE.match(figure.id) else PAGE
    title = {"text": figure.caption, "limit": width}
    spec = figure.spec | {"width": width, "title": title}
    text = vl_convert.vegalite_to_svg(spec, config=_config(figure.spec, width), allowed_base_urls=[])
    return _numbered(_FAINT.sub(r"\1 fill-opacity=\2 stroke-opacity=\2", _UNSEEN.sub("", text)))


def png(figure: Figure, dots: int = DOTS) -> bytes:
    """Return a figure as PNG, with so many dots in an inch."""
    return _png(svg(figure), dots)


def _numbered(text: str) -> str:
    """Return a drawing whose parts are numbered by their order in it; the library goes on from the one before it."""
    numbers = {name: str(number) for number, name in enumerate(dict.fromkeys(_NUMBERED.findall(text)))}
    return _NUMBERED.sub(lambda found: f"part{numbers[found.group()]}", text)


@cache
def _style() -> dict[str, Any]:
    """Return how charts look, on the page as in files."""
    style: dict[str, Any] = json.loads((files("torchal.report") / "templates/style.json").read_text(encoding="utf-8"))
    return style


def _config(spec: dict[str, Any], width: int) -> dict[str, Any]:
    """Return the look of a page by day, with as many columns in a legend as there is room for."""
    style = _style()
    text, line = style["light"]["text"], style["light"]["line"]
    colours = {"labelColor": text, "titleColor": text, "gridColor": line, "domainColor": line, "tickColor": line}
    legend = {"labelColor": text, "columns": _columns(_legend(spec), width)}
    own = {"axis": style["config"]["axis"] | colours, "legend": style["config"]["legend"] | legend}
    title = {"color": text, "fontSize": 13, "fontWeight": "normal", "anchor": "start"}
    look: dict[str, Any] = style["config"] | own
    return look | {"background": "white", "font": _FONT, "title": title}


def _legend(spec: dict[str, Any]) -> list[str]:
    """Return what a chart tells apart by colours."""
    colours = (layer["encoding"].get("color", {}) for layer in spec["layer"])
    return next((each["scale"]["domain"] for each in colours if "domain" in each.get("scale", {})), [])


def _columns(labels: Sequence[str], width: int) -> int:
    longest = 34 + 6.6 * max((min(len(str(label)), 40) for label in labels), default=0)
    return max(1, min(len(labels), int((width - 40) / longest)))


def _png(text: str, dots: int = DOTS) -> bytes:
    return bytes(vl_convert.svg_to_png(text, scale=72 / PIXELS, ppi=dots))


def _pdf(text: str) -> bytes:
    """Return a drawing as PDF; the library lists what a page uses in any order, always by names of the same length."""
    points = _SIZE.sub(lambda found: f'width="{_points(found[1])}" height="{_points(found[2])}"', text, count=1)
    drawn = bytes(vl_convert.svg_to_pdf(points))
    return _NAMED.sub(lambda found: b"".join(sorted(found.group().splitlines(keepends=True))), drawn)


def _points(pixels: str) -> float:
    return float(pixels) * 72 / PIXELS


_DRAW: dict[str, Callable[[str], bytes]] = {"png": _png, "svg": str.encode, "pdf": _pdf}
"""Figures as files."""
