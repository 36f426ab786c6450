import numpy as np
import pandas as pd
import pytest
from report_runs import all_runs, table, write_results
from scipy import stats

from torchal.report import page
from torchal.report.equal_means import p_values, told
from torchal.report.findings import findings
from torchal.report.sections import Section

HOSTILE = "</script><img src=x onerror=alert(2)>"
LAST = {
    "random": (0.50, 0.52, 0.51, 0.53),
    "margin": (0.60, 0.62, 0.61, 0.64),
    "coreset": (0.51, 0.50, 0.53, 0.52),
}


def accuracies(last=LAST) -> pd.DataFrame:
    """All start at 0.3; partitions are two, with two seeds each."""
    values = {
        (strategy, f"drawn-{1 + number // 2}", 1 + number % 2, cycle): value if cycle else 0.3
        for strategy, each in last.items()
        for number, value in enumerate(each)
        for cycle in (0, 1)
    }
    return table(values)


def test_p_values_are_those_of_all_runs_as_if_independent():
    found = p_values(accuracies()).set_index(["outcome", "test", "strategy", "other"])["p"]
    assert found["last budget", "Kruskal-Wallis", "", ""] == pytest.approx(stats.kruskal(*LAST.values()).pvalue)
    by_scipy = stats.tukey_hsd(*LAST.values(), equal_var=False).pvalue
    assert found["last budget", "Games-Howell", "random", "margin"] == pytest.approx(by_scipy[0, 1])
    assert found["last budget", "Games-Howell", "margin", "coreset"] == pytest.approx(by_scipy[1, 2])
    # Averaging with one common first budget halves all values about it, which changes neither test.
    assert found["AUBC"].tolist() == pytest.approx(found["last budget"].tolist())


def test_sentences_name_the_pairs_that_differ_and_the_table_has_all():
    rows = accuracies()
    (each,) = told(rows, p_values(rows))
    assert each.sentences[0].startswith("At the last budget strategies differ (Kruskal-Wallis, p = 0.0")
    assert each.sentences[0].endswith("of 3 pairs 2 differ (Games-Howell): random and margin, margin and coreset.")
    assert each.sentences[1].startswith("Averaged over the budget strategies differ")
    assert [row[:2] for row in each.table.rows] == [
        ["all strategies", "Kruskal-Wallis"],
        ["random and margin", "Games-Howell"],
        ["random and coreset", "Games-Howell"],
        ["margin and coreset", "Games-Howell"],
    ]
    assert len(each.table.headings) == len(each.table.rows[0]) == 4


def test_runs_that_do_not_vary_have_no_p_value_and_do_no_harm():
    rows = accuracies({"random": (0.5,) * 4, "margin": (0.6,) * 4})
    found = p_values(rows).set_index(["outcome", "test"])["p"]
    assert np.isnan(found["last budget", "Games-Howell"])
    (each,) = told(rows, p_values(rows))
    assert each.table.rows[1][2] == "is not defined"
    assert "none differs" in each.sentences[0]


@pytest.mark.parametrize("last", [{"random": LAST["random"]}, {"random": (0.5,), "margin": (0.6,)}])
def test_one_strategy_or_one_run_of_each_is_not_tested(last):
    rows = accuracies(last)
    assert p_values(rows).empty
    (each,) = told(rows, p_values(rows))
    assert (each.sentences, each.table) == (["These tests take two strategies with two runs each."], None)


def test_one_budget_is_tested_once():
    rows = accuracies()
    assert set(p_values(rows[rows["cycle"] == 1])["outcome"]) == {"last budget"}


def test_the_part_of_the_page_shows_a_hostile_name_as_text(tmp_path):
    found = findings(write_results(tmp_path, all_runs(("random", HOSTILE))), "tiny")
    rows = accuracies({HOSTILE: LAST["margin"], "random": LAST["random"]})
    text = page.html(found, [Section("equal_means", {"equal_means": told(rows, p_values(rows))})])
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt; and random" in text
    assert "<img src=x" not in text
