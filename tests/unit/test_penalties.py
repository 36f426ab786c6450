from itertools import product

import pandas as pd
import pytest
from report_runs import all_runs, table, write_results

from torchal.report import page
from torchal.report.findings import findings
from torchal.report.penalties import NONE, OTHERS, penalties, told
from torchal.report.sections import Section

HOSTILE = "</script><img src=x onerror=alert(2)>"


def accuracies(gains: dict[str, tuple[float, ...]], place=("digits", "mlp"), partitions=3) -> pd.DataFrame:
    """Random is at 0.5; another is better by its gain at each budget, which partitions change a little."""
    values = {}
    for partition, cycle in product(range(partitions), range(4)):
        key = (f"drawn-{partition + 1}", 1, cycle)
        values["random", *key] = 0.5
        values |= {
            (name, *key): 0.5 + each[cycle] + 0.001 * (partition - 1) * (cycle > 0) for name, each in gains.items()
        }
    return table(values, place)


def drawn(figure, layer: int) -> list[dict]:
    """Return what a layer of a chart is drawn from."""
    named = figure.spec["layer"][layer].get("data", figure.spec.get("data"))
    return figure.spec["datasets"][named["name"]]


CLEAR = {"margin": (0.0, 0.1, 0.1, 0.1), "coreset": (0.0, -0.1, -0.1, 0.0)}


def test_a_clear_winner_has_a_high_row_and_a_low_column():
    found = penalties(accuracies(CLEAR)).set_index(["strategy", "other"])["share"]
    assert found["margin", "random"] == 1
    assert found["random", "margin"] == 0
    assert found["random", "coreset"] == pytest.approx(2 / 3)
    assert found["margin", "coreset"] == 1
    assert found["coreset"].tolist() == [0, 0]


def test_the_first_budget_does_not_count():
    found = penalties(accuracies({"margin": (0.3, 0.0, 0.0, 0.0)}))
    assert found["share"].tolist() == [0, 0]
    assert found["settings"].tolist() == [3, 3]
    (each,) = told(accuracies({"margin": (0.3, 0.0, 0.0, 0.0)}))
    assert each.sentence == "At no budget is one strategy told apart from another."


def test_the_matrix_goes_from_the_least_beaten_on_and_ends_with_totals():
    (each,) = told(accuracies(CLEAR))
    cells = {(cell["row"], cell["column"]): cell["shown"] for cell in drawn(each.figure, 0)}
    assert list(dict.fromkeys(row for row, _ in cells)) == ["margin", "random", "coreset", OTHERS]
    assert cells["margin", OTHERS] == "100"
    assert cells["random", OTHERS] == "33"
    assert cells[OTHERS, "random"] == "50"
    assert cells[OTHERS, "coreset"] == "83"
    assert cells["margin", "margin"] == ""
    assert each.sentence == (
        "margin is beaten least, in 0 % of its comparisons, and wins 100 %; coreset is beaten most, in 83 %."
    )


def test_all_groups_together_count_each_budget_once_and_only_strategies_that_all_have():
    other = {"margin": (0.0, 0.1, 0.0, 0.0), "bald": (0.0, 0.1, 0.1, 0.1)}
    both = pd.concat([accuracies(CLEAR), accuracies(other, ("letters", "mlp"))], ignore_index=True)
    found = penalties(both)
    whole = found[found["dataset"] == ""].set_index(["strategy", "other"])
    assert sorted(whole.index) == [("margin", "random"), ("random", "margin")]
    assert whole.loc[("margin", "random"), ["share", "settings"]].tolist() == pytest.approx([4 / 6, 6])
    assert [each.place for each in told(both)][-1] == "All of them together"


@pytest.mark.parametrize(
    "rows",
    [
        accuracies(CLEAR, partitions=1),
        accuracies(CLEAR)[lambda some: some["cycle"] == 0],
        accuracies({}),
    ],
)
def test_without_replications_budgets_or_rivals_there_is_a_sentence(rows):
    (each,) = told(rows)
    assert (each.sentence, each.figure) == (NONE, None)
    assert penalties(rows).empty


def test_the_part_of_the_page_shows_a_hostile_name_as_text(tmp_path):
    found = findings(write_results(tmp_path, all_runs(("random", HOSTILE))), "tiny")
    rows = told(accuracies({HOSTILE: (0.0, 0.1, 0.1, 0.1)}))
    text = page.html(found, [Section("penalties", {"penalties": rows}, [rows[0].figure])])
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt; is beaten least" in text
    assert "<img src=x" not in text
