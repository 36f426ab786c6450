"""The page of strategies says what the code does, and the way to add one works as written."""

import re
from pathlib import Path

import pytest
from page_scripts import script

from torchal.catalogue import SECTIONS, listed
from torchal.query import Strategy
from torchal.spec import load_file, resolve
from torchal.testing.needs import needs
from torchal.testing.strategies import failures

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_code_writes():
    page = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")
    assert page == script("strategies_page").page(), "run python scripts/strategies_page.py"


def test_every_strategy_gives_its_source_formula_cost_evidence_and_deviations():
    for entry in listed("strategies"):
        assert entry["title"].endswith("."), entry["name"]
        assert re.search(r"\b(19|20)\d\d\b|\bown\b", entry["source"], re.IGNORECASE), entry["name"]
        for section in SECTIONS:
            assert entry.get(section, "").strip(), f"{entry['name']} lacks a paragraph '{section.capitalize()}: ...'"


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("random", ()),
        ("bald", ("dropout samples",)),
        ("coreset", ("embeddings", "embeddings of labelled rows")),
        ("qbc", ("a committee",)),
        ("tod", ("probabilities", "the network of the cycle before")),
        ("vaal", ("inputs", "a network of its own")),
    ],
)
def test_what_a_strategy_asks_for_is_seen(name, asked):
    assert needs(resolve(Strategy, name)()) == asked


def test_the_strategy_of_the_guide_keeps_every_promise(tmp_path):
    block = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "add-a-strategy.md").read_text(), re.DOTALL)[1]
    assert len([line for line in block.splitlines() if line]) <= 20
    (tmp_path / "from_the_guide.py").write_text(block)
    assert not any(failures(load_file(tmp_path / "from_the_guide.py")()).values())
