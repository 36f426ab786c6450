"""The page of picks has the figures of its run, of everything that the benchmark measures and of nothing else."""

import json
import re
from pathlib import Path

from benchmarks._agreement import CASES
from benchmarks.picks import DIFFERENCES
from page_scripts import script

ROOT = Path(__file__).parents[2]


FIGURES = json.loads((ROOT / "docs" / "results" / "same-picks.json").read_text(encoding="utf-8"))


def test_the_page_is_what_its_run_says():
    page = (ROOT / "docs" / "same-picks.md").read_text(encoding="utf-8")
    assert page == script("same_picks_page").page(FIGURES), "run python scripts/same_picks_page.py"


def test_the_run_compared_every_strategy_and_measured_every_difference_that_the_benchmark_knows():
    assert list(FIGURES["strategies"]) == list(CASES)
    assert list(FIGURES["differences"]) == list(DIFFERENCES) == list(script("same_picks_page").DIFFERENCES)
    assert {name: row["torchals_name"] for name, row in FIGURES["strategies"].items()} == {
        name: theirs for name, (theirs, _) in CASES.items()
    }


def test_no_strategy_chooses_other_rows_than_torchals_rule_but_for_ties():
    assert all(row["up_to_ties"] == 1 for row in FIGURES["strategies"].values())
    assert [name for name, row in FIGURES["strategies"].items() if row["identical"] < 1] == ["qbc"]


def test_every_fault_has_tests_and_every_test_of_one_is_on_the_page():
    page = (ROOT / "docs" / "same-picks.md").read_text(encoding="utf-8")
    named = set(re.findall(r"test_d\d+_\w+", page))
    text = (ROOT / "tests" / "unit" / "test_faults_of_torchal.py").read_text(encoding="utf-8")
    assert named == set(re.findall(r"^def (test_d\d+_\w+)", text, re.MULTILINE))
    assert {re.match(r"test_(d\d+)", name)[1] for name in named} == set(script("same_picks_page").FAULTS)
    assert len(script("same_picks_page").FAULTS) == 11
