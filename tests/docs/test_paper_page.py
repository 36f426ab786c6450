"""The page of the paper's experiments says what their presets say, and these cost what a plan of them counts."""

from pathlib import Path

from page_scripts import script

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_script_writes():
    page = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    assert page == script("paper_page").page(), "run python scripts/paper_page.py"


def test_what_a_preset_says_it_costs_is_what_its_plan_counts(tmp_path):
    page = script("paper_page")
    counted = page.cost(page.planned(page.presets()["transfer-strong-cifar100"], tmp_path))
    assert page.told("transfer-strong-cifar100") == counted.sentence, "run python scripts/paper_page.py"


def test_the_cost_of_the_random_baseline_is_that_of_fifty_trials_and_one_training_in_each_cycle(tmp_path):
    """By hand: 51 trainings of 150 epochs on 5, 10, 15 and 20 thousand images, with 5,000 that validate each time."""
    page = script("paper_page")
    told = page.cost(page.planned(page.presets()["random-baseline"], tmp_path))
    forward, both = 836_175_872, 2_504_931_328  # of vgg16, as the records of a training have them
    trained, validated = 51 * 150 * 50_000, 51 * 150 * 4 * 5_000
    measured, queried = 4 * 15_000, 40_000 + 35_000 + 30_000
    assert told.sentence == page.told("random-baseline"), "run python scripts/paper_page.py"
    assert (told.runs, told.trainings) == (1, 4 * 51)
    assert told.flops == trained * both + (validated + measured + queried) * forward
