import pandas as pd
import pytest
from report_runs import all_runs, table, write_results

from torchal.report import page
from torchal.report.findings import findings
from torchal.report.initial_sets import initial_sets, told
from torchal.report.sections import Section

pytestmark = pytest.mark.unchecked

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


def of(outcome: str) -> pd.DataFrame:
    found = initial_sets(accuracies())
    return found[found["outcome"] == outcome]


def test_differences_are_means_over_seeds_on_one_set():
    found = of("accuracy").set_index(["cycle", "partition", "strategy"])
    assert found.loc[(2, "drawn-2", "margin"), "difference"] == pytest.approx(0.03)
    assert found.loc[(1, "drawn-2", "margin"), "difference"] == pytest.approx(0.015)
    assert found.loc[(0, "drawn-2", "random"), "accuracy"] == pytest.approx(0.51)
    assert found.loc[(2, "drawn-1", "coreset"), "seeds"] == 2


def test_the_average_over_the_budget_is_the_area_under_the_curve():
    found = of("AUBC").set_index(["partition", "strategy"])
    # Budgets are as far from each other, so that of gains 0, 0.015 and 0.03 the middle one counts twice.
    assert found.loc[("drawn-2", "margin"), "difference"] == pytest.approx(0.015)
    assert found.loc[("drawn-2", "random"), "accuracy"] == pytest.approx(0.61)
    assert found.loc[("drawn-2", "margin"), "labelled"] == 40


@pytest.mark.parametrize("outcome", ["accuracy", "AUBC"])
def test_random_leads_where_all_others_are_worse(outcome):
    found = of(outcome)
    last = found[(found["cycle"] == 2) & found["leads"]]
    assert dict(zip(last["partition"], last["strategy"], strict=True)) == {
        "drawn-1": "margin",
        "drawn-2": "margin",
        "drawn-3": "random",
    }


@pytest.mark.parametrize(
    ("gains", "sentence"),
    [
        (
            GAINS,
            "the best strategy differs between initial sets: margin on 2 of 3, random on 1 of 3.",
        ),
        ({"margin": (0.01, 0.02)}, "margin leads on all 2 initial sets."),
        ({"margin": (0.0, 0.0)}, "random and margin lead on all 2 initial sets."),
    ],
)
def test_the_sentence_counts_the_sets_each_leads_on(gains, sentence):
    assert [each.sentence for each in told(accuracies(gains))] == [f"Averaged over the budget {sentence}"]


def test_who_leads_is_counted_over_the_whole_budget_and_not_at_its_end():
    rows = accuracies({"margin": (0.02, 0.02), "coreset": (0.01, 0.01)})
    early = (rows["strategy"] == "coreset") & (rows["cycle"] == 1)
    (each,) = told(rows.assign(value=rows["value"] + 0.1 * early))
    assert each.sentence == "Averaged over the budget coreset leads on all 2 initial sets."


def test_heat_maps_go_from_the_average_to_single_budgets_with_what_a_set_starts_from():
    (each,) = told(accuracies())
    captions = ["Averaged over the budget", "With 40 labels", "With 30 labels"]
    assert [figure.caption for figure in each.figures] == captions
    cells = drawn(each.figures[0], 0)
    assert list(dict.fromkeys(cell["row"] for cell in cells)) == ["margin", "random", "coreset", "at 20 labels"]
    assert [cell["shown"] for cell in cells[:3]] == ["+1.0", "+1.5", "\u22120.5"]
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
