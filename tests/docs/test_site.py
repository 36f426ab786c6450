"""The site is built without a warning, opens without a network, and has no page or link that leads nowhere."""

import json
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import torchal
from torchal import kernels

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}
"""Attributes by which a page loads something, where a link only leads to it."""


class Page(HTMLParser):
    """What a page links to, what it loads, and what can be linked to in it."""

    def __init__(self, file: Path):
        super().__init__()
        self.links, self.loaded, self.ids = set(), set(), set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids |= {values["id"]} if values.get("id") else set()
        if tag == "a" and values.get("href"):
            self.links.add(values["href"])
        if values.get(LOADED.get(tag)):
            self.loaded.add(values[LOADED[tag]])


page = cache(Page)


def build(source: Path, to: Path) -> subprocess.CompletedProcess:
    strictly = ["--fail-on-warning", "--keep-going", "--quiet", "--conf-dir", DOCS, "-d", to / "doctrees"]
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *strictly, source, to / "site"], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    built = build(DOCS, folder)
    assert built.returncode == 0, built.stdout + built.stderr
    assert not built.stderr
    return folder / "site"


def pages(site: Path) -> list[Path]:
    downloads = site / "_downloads"  # a report among them has its tables where it was made
    found = sorted(file for file in site.rglob("*.html") if downloads not in file.parents)
    assert len(found) > 40
    return found


def test_links_lead_to_files_and_anchors_that_are_there(site):
    checked = 0
    for file in pages(site):
        for link in page(file).links:
            parts = urlsplit(link)
            if parts.scheme in {"http", "https", "mailto"}:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            assert target.is_file(), f"{file.relative_to(site)}: {link}"
            if parts.fragment and target.suffix == ".html":
                assert unquote(parts.fragment) in page(target).ids | {""}, f"{file.relative_to(site)}: {link}"
                checked += 1
    assert checked > 500


def test_pages_and_styles_load_nothing_from_a_network(site):
    for file in pages(site):
        for loaded in page(file).loaded:
            assert not re.match(r"(?:\w+:)?//", loaded), f"{file.relative_to(site)} loads {loaded}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:\w+:)?//", style.read_text(encoding="utf-8")), style


def test_every_page_is_reached_from_the_first(site):
    reached, ahead = set(), [site / "index.html"]
    while ahead:
        file = ahead.pop()
        if file not in reached and file.suffix == ".html":
            reached.add(file)
            ahead += [(file.parent / urlsplit(link).path).resolve() for link in page(file).links if ":" not in link]
    written = [file for file in DOCS.rglob("*") if file.suffix in {".md", ".ipynb"} and "_" not in file.parts[-2][:1]]
    assert len(written) > 40
    for file in written:
        assert site / file.relative_to(DOCS).with_suffix(".html") in reached, file


def test_the_page_of_fields_has_every_field_and_its_words(site):
    text = re.sub(r"<[^>]+>", "", (site / "fields.html").read_text(encoding="utf-8"))
    for words in ("weight_decay", "Passes over the labelled examples", "whole number at least 1", "share of the area"):
        assert words in text


def test_the_page_of_calls_has_every_public_name(site):
    ids = page(site / "api.html").ids
    for name in (*torchal.__all__, *kernels.__all__, "paired.holm", "Scores.accuracy", "strategies.CHECKS"):
        assert any(each.endswith(f".{name}") for each in ids), name


def test_what_is_missing_is_noticed_and_a_notebook_becomes_a_page(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "index.md").write_text("# First\n\n[gone](gone.md) [no place](index.md#nowhere)\n\n<!-- navigation -->\n")
    (source / "late.md").write_text("# Late\n")
    (source / "book.ipynb").write_text(json.dumps(NOTEBOOK))
    built = build(source, tmp_path)
    assert built.returncode == 1
    assert "'gone.md'" in built.stderr
    assert "nowhere" in built.stderr
    assert built.stderr.count("WARNING") == 2  # neither is it about late.md, which the navigation takes by itself
    html = (tmp_path / "site" / "book.html").read_text()
    assert f'src="data:image/png;base64,{PIXEL}"' in html
    assert "<svg" in html
    assert "the answer" in html
    assert "https://cdn" not in html


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CELL = {"metadata": {}, "execution_count": 1, "cell_type": "code"}
NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Book\n", "words"]},
        {
            **CELL,
            "source": "6 * 7",
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["\u001b[1mthe answer\u001b[0m\n"]},
                {"output_type": "display_data", "metadata": {}, "data": {"image/png": PIXEL + "\n", "text/plain": "x"}},
                {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": "<svg></svg>"}},
                {
                    "output_type": "display_data",
                    "metadata": {},
                    "data": {"text/html": '<script src="https://cdn"></script>', "text/plain": "a chart"},
                },
            ],
        },
    ],
}
