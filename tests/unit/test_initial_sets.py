import pandas as pd
import pytest
from report_runs import all_runs, table, write_results

from torchal.report import page
from torchal.report.findings import findings
from torchal.report.initial_sets import initial_sets, told
from torchal.report.sections import Section

HOSTILE = "</script><img src=x onerror=alert(2)>"
GAINS = {"margin": (0.02, 0.03, -0.01), "coreset": (0.01, 0.0, -0.02)}
"""Over random on three initial sets."""


def accuracies(gains=GAINS, cycles=3) -> pd.DataFrame:
    """Sets start at 0.4, 0.5 and 0.6 and gain 0.1 a budget; the second seed lies 0.02 above the first."""
    values = {
        (strategy, f"drawn-{number + 1}", seed, cycle): 0.4
        + 0.1 * number
        + 0.1 * cycle
        + (gain * cycle / 2)
        + 0.02 * (seed - 1)
        for strategy, each in ({"random": (0.0,) * len(next(iter(gains.values())))} | gains).items()
        for number, gain in enumerate(each)
        for seed in (1, 2)
        for cycle in range(cycles)
    }
    return table(values)


def drawn(figure, layer: int) -> list[dict]:
    """Return what a layer of a chart is drawn from."""
    named = figure.spec["layer"][layer].get("data", figure.spec.get("data"))
    return figure.spec["datasets"][named["name"]]


def test_differences_are_means_over_seeds_on_one_set():
    found = initial_sets(accuracies()).set_index(["cycle", "partition", "strategy"])
    assert found.loc[(2, "drawn-2", "margin"), "difference"] == pytest.approx(0.03)
    assert found.loc[(1, "drawn-2", "margin"), "difference"] == pytest.approx(0.015)
    assert found.loc[(0, "drawn-2", "random"), "accuracy"] == pytest.approx(0.51)
    assert found.loc[(2, "drawn-1", "coreset"), "seeds"] == 2


def test_random_leads_where_all_others_are_worse():
    found = initial_sets(accuracies())
    last = found[(found["cycle"] == 2) & found["leads"]]
    assert dict(zip(last["partition"], last["strategy"], strict=True)) == {
        "drawn-1": "margin",
        "drawn-2": "margin",
        "drawn-3": "random",
    }


@pytest.mark.parametrize(
    ("gains", "sentence"),
    [
        (GAINS, "With 40 labels the best strategy differs between initial sets: margin on 2 of 3, random on 1 of 3."),
        ({"margin": (0.01, 0.02)}, "With 40 labels margin leads on all 2 initial sets."),
        ({"margin": (0.0, 0.0)}, "With 40 labels random and margin lead on all 2 initial sets."),
    ],
)
def test_the_sentence_counts_the_sets_each_leads_on(gains, sentence):
    assert [each.sentence for each in told(accuracies(gains))] == [sentence]


def test_heat_maps_go_from_the_last_budget_back_with_what_a_set_starts_from():
    (each,) = told(accuracies())
    assert [figure.caption for figure in each.figures] == ["With 40 labels", "With 30 labels"]
    cells = drawn(each.figures[0], 0)
    assert list(dict.fromkeys(cell["row"] for cell in cells)) == ["margin", "random", "coreset", "at 20 labels"]
    assert [cell["shown"] for cell in cells[-3:]] == ["41.0 %", "51.0 %", "61.0 %"]
    assert [cell["framed"] for cell in cells[:3]] == [True, True, False]
    scales = {str(figure.spec["layer"][1]["encoding"]["color"]["scale"]) for figure in each.figures}
    assert len(scales) == 1


def test_one_set_or_one_budget_shows_nothing():
    assert told(accuracies({"margin": (0.01,)})) == []
    assert told(accuracies(cycles=1)) == []


def test_the_part_of_the_page_shows_a_hostile_name_as_text(tmp_path):
    found = findings(write_results(tmp_path, all_runs(("random", HOSTILE))), "tiny")
    shown = told(accuracies({HOSTILE: (0.02, 0.03, 0.01)}))
    text = page.html(found, [Section("initial_sets", {"sets": shown}, shown[0].figures)])
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt; leads on all 3 initial sets" in text
    assert "<img src=x" not in text
