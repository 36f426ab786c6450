"""The figures of a page as files for papers and slides: PNG, SVG and PDF, on white.

Equal results give equal bytes of PNG and SVG. Of PDF they give equal drawings: the library orders the objects of a file
anew in each process.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import vl_convert

from torchal.report.figures import Figure

FORMATS = ("png", "svg", "pdf")
WIDTH, SCALE = 480, 3
"""Pixels of a figure's width, and pixels of a PNG for each of them."""
_NUMBERED = re.compile(r"\b(?:clip|gradient_)\d+\b")
_TEXT, _LINE = "#454c55", "#e4e5e0"
_STYLE: dict[str, Any] = {
    "background": "white",
    "font": "sans-serif",
    "view": {"stroke": None},
    "title": {"color": _TEXT, "fontSize": 14, "anchor": "start", "fontWeight": "bold"},
    "axis": {
        "labelColor": _TEXT,
        "titleColor": _TEXT,
        "gridColor": _LINE,
        "domainColor": _LINE,
        "tickColor": _LINE,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "axisX": {"grid": False},
    "axisY": {"domain": False, "ticks": False, "tickCount": 6},
    "legend": {"labelColor": _TEXT, "labelFontSize": 12, "columns": 4, "symbolSize": 90},
}


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
        spec = figure.spec | {"width": WIDTH, "title": figure.caption}
        for name in wanted:
            file = folder / f"{figure.id}.{name}"
            file.write_bytes(_DRAW[name](spec))
            written.append(file)
    return written


def _png(spec: dict[str, Any]) -> bytes:
    return bytes(vl_convert.vegalite_to_png(spec, scale=SCALE, config=_STYLE))


def _svg(spec: dict[str, Any]) -> bytes:
    text = vl_convert.vegalite_to_svg(spec, config=_STYLE)
    # the library numbers these through all figures that a process has drawn
    numbers = {name: str(number) for number, name in enumerate(dict.fromkeys(_NUMBERED.findall(text)))}
    return _NUMBERED.sub(lambda found: f"part{numbers[found.group()]}", text).encode()


def _pdf(spec: dict[str, Any]) -> bytes:
    return bytes(vl_convert.vegalite_to_pdf(spec, config=_STYLE))


_DRAW: dict[str, Callable[[dict[str, Any]], bytes]] = {"png": _png, "svg": _svg, "pdf": _pdf}
