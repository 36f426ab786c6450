import pandas as pd
import pytest
from report_runs import all_runs, table, write_results
from scipy import stats

from torchal.report import friedman, page, ranking
from torchal.report.figures import look
from torchal.report.findings import findings
from torchal.report.sections import Section

pytestmark = pytest.mark.unchecked

HOSTILE = "</script><img src=x onerror=alert(2)>"
ALL_TIE = "random and a and b share the best rank, 2.0 of 3"
FINAL = {"random": (0.5, 0.5), "margin": (0.6, 0.7), "bald": (0.7, 0.6), "coreset": (0.4, 0.4)}


def accuracies(final=FINAL, place=("digits", "mlp")) -> pd.DataFrame:
    """All start at 0.3; at the second budget they have what is given for each partition, from both seeds."""
    values = {
        (strategy, f"drawn-{partition}", seed, cycle): value if cycle else 0.3
        for strategy, each in final.items()
        for partition, value in enumerate(each, 1)
        for seed in (1, 2)
        for cycle in (0, 1)
    }
    return table(values, place)


def places(*finals) -> pd.DataFrame:
    return pd.concat([accuracies(each, (f"set-{k}", "mlp")) for k, each in enumerate(finals)], ignore_index=True)


def test_ranks_are_taken_within_a_partition_and_ties_share_them():
    found = ranking.by_budget(accuracies()).set_index(["cycle", "strategy"])
    assert found.loc[0, "rank"].tolist() == [2.5] * 4
    assert found.loc[1, "rank"].to_dict() == {"random": 3, "margin": 1.5, "bald": 1.5, "coreset": 4}
    assert set(found["n"]) == {2}


def test_the_sentence_says_who_leads_and_whether_that_changes():
    rows = accuracies(FINAL | {"margin": (0.8, 0.7)})
    (each,) = ranking.told(rows, look(rows))
    assert each.sentence == "With 30 labels margin has the best rank, 1.0 of 4."
    later = rows[rows["cycle"] == 1].assign(cycle=2, labelled=40)
    later["value"] = -later["value"]
    both = pd.concat([rows, later], ignore_index=True)
    (each,) = ranking.told(both, look(both))
    assert each.sentence == (
        "With 40 labels coreset has the best rank, 1.0 of 4; who has it changes with the budget: margin, then coreset."
    )


@pytest.mark.parametrize(
    ("leads", "best", "turns"),
    [
        ("bab", "b has the best rank, 1.0 of 3", "; who has it changes with the budget: b, then a, then b"),
        ("aab", "b has the best rank, 1.0 of 3", "; who has it changes with the budget: a, then b"),
        ("a--", ALL_TIE, "; who has it changes with the budget: a, then random and a and b"),
        ("abababa", "a has the best rank, 1.0 of 3", "; who has it changes 6 times with the budget"),
        ("---", ALL_TIE, ""),
    ],
)
def test_the_sentence_follows_who_leads_in_turn_and_names_all_who_tie(leads, best, turns):
    initials = {"random": "r", "a": "a", "b": "b"}
    values = {
        (strategy, f"drawn-{partition}", 1, cycle): 0.6 if letter == lead else 0.5
        for strategy, letter in initials.items()
        for partition in (1, 2)
        for cycle, lead in enumerate(f"-{leads}")
    }
    rows = table(values)
    assert [each.sentence for each in ranking.told(rows, look(rows))] == [
        f"With {20 + 10 * len(leads)} labels {best}{turns}."
    ]


def test_one_strategy_has_no_rank_to_show():
    rows = accuracies({"random": (0.5, 0.5)})
    assert ranking.told(rows, look(rows)) == []


def test_the_axis_of_ranks_has_the_best_on_top():
    rows = accuracies()
    scale = ranking.told(rows, look(rows))[0].figure.spec["layer"][0]["encoding"]["y"]["scale"]
    assert (scale["domain"], scale["reverse"]) == ([1, 4], True)


def test_strategies_are_told_apart_by_marks_too():
    rows = accuracies()
    shape = ranking.told(rows, look(rows))[0].figure.spec["layer"][1]["encoding"]["shape"]["scale"]
    assert len(set(shape["range"])) == 4


def test_friedmans_test_is_over_groups_and_its_rows_go_from_the_best_on():
    finals = [FINAL, FINAL | {"margin": (0.9, 0.9)}, FINAL | {"bald": (0.9, 0.9)}]
    rows = places(*finals)
    found = friedman.told(rows, look(rows))
    # AUBC: margin ties with bald on the first set, wins the second and loses the third.
    assert found.table.set_index("strategy")["rank"].to_dict() == pytest.approx(
        {"margin": 1.5, "bald": 1.5, "random": 3, "coreset": 4}
    )
    by_scipy = stats.friedmanchisquare([0.5] * 3, [0.65, 0.9, 0.65], [0.65, 0.65, 0.9], [0.4] * 3)
    assert found.table["p"].iloc[0] == pytest.approx(by_scipy.pvalue)
    assert found.sentence.startswith("Over 3 data sets, networks or conditions margin ranks best; ranks differ")
    assert found.figure is not None


def test_with_two_groups_of_many_strategies_it_says_that_nothing_could_be_told_apart():
    rows = places(FINAL, FINAL)
    assert "which no two of 4 can: that takes more data sets." in friedman.told(rows, look(rows)).sentence


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (accuracies(), "one data set, network and condition only"),
        (places(FINAL, {"random": (0.5, 0.5), "margin": (0.6, 0.6)}), "Fewer than three strategies"),
    ],
)
def test_where_there_is_no_test_it_says_why(rows, reason):
    found = friedman.told(rows, look(rows))
    assert reason in found.sentence
    assert (found.figure, len(found.table)) == (None, 0)


@pytest.mark.parametrize(
    ("ranks", "critical", "joined"),
    [
        ([1.0, 2.0, 3.0, 4.0], 0.5, []),
        ([1.0, 2.0, 3.0, 4.0], 1.5, [(1.0, 2.0), (2.0, 3.0), (3.0, 4.0)]),
        ([1.0, 1.2, 3.0, 3.1], 2.0, [(1.0, 1.2), (1.2, 3.1)]),
        ([1.0, 2.0, 3.0, 4.0], 9.0, [(1.0, 4.0)]),
        ([1.5, 1.5, 3.0], 0.5, []),
    ],
)
def test_bars_join_the_largest_sets_that_are_not_told_apart(ranks, critical, joined):
    assert friedman.cliques(pd.DataFrame({"rank": ranks, "critical": critical})) == joined


def test_the_part_of_the_page_shows_a_hostile_name_as_text(tmp_path):
    found = findings(write_results(tmp_path, all_runs(("random", HOSTILE))), "tiny")
    rows = places(*[FINAL | {HOSTILE: (0.9, 0.9)}] * 3)
    style = look(rows)
    told, over_all = ranking.told(rows, style), friedman.told(rows, style)
    drawn = [*(each.figure for each in told), over_all.figure]
    text = page.html(found, [Section("ranking", {"rankings": told, "friedman": over_all}, drawn)])
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt; ranks best" in text
    assert "<img src=x" not in text
