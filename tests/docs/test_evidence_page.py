"""The page of evidence says what its cards hold."""

from pathlib import Path

from page_scripts import script

from torchal.experiment import ExperimentSpec

ROOT = Path(__file__).parents[2]


def test_the_page_of_evidence_is_what_the_script_writes_from_the_cards():
    page = (ROOT / "docs" / "results" / "evidence.md").read_text(encoding="utf-8")
    assert page == script("evidence_page").page(), "run python scripts/evidence_page.py"


def test_cards_are_whole_and_of_the_experiments_that_lie_in_experiments():
    for half, card in script("evidence_page").cards().items():
        spec = ExperimentSpec.read(ROOT / "experiments" / "evidence" / f"{half}.yaml").document()
        protocol = dict(card.plan.protocol)
        assert {name for name in spec | protocol if spec.get(name) != protocol.get(name)} == set()
        assert not card.unknown
        assert len(card.runs) == 11 * 5 * 2
        assert all(run.finished for run in card.runs)
