import numpy as np
import pandas as pd
import pytest
from report_runs import all_runs, table, write_results
from scipy import stats

from torchal.report import page, sections
from torchal.report.certainty import certainty, told
from torchal.report.findings import findings
from torchal.report.savings import savings
from torchal.report.savings import told as saved

pytestmark = pytest.mark.unchecked

GAINS = {
    "margin": (0.04, 0.05, 0.06, 0.05),
    "bald": (0.001, -0.001, 0.0005, -0.0005),
    "coreset": (-0.02, 0.03, 0.0, 0.01),
}


def accuracies(gains, seeds=(1, 2)) -> dict:
    """Random is at 0.5 and 0.6 in every partition and seed; the others are better by their partition's gain."""
    found = {}
    for number in range(len(next(iter(gains.values())))):
        for seed in seeds:
            for cycle in (0, 1):
                key = (f"drawn-{number + 1}", seed, cycle)
                found["random", *key] = 0.5 + 0.1 * cycle
                found |= {(name, *key): 0.5 + 0.1 * cycle + each[number] for name, each in gains.items()}
    return found


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    return certainty(table(accuracies(GAINS))).set_index("strategy")


def test_tests_and_intervals_are_those_of_one_difference_a_partition(found):
    for name, gains in GAINS.items():
        by_scipy = stats.ttest_1samp(gains, 0)
        interval = by_scipy.confidence_interval(0.95)
        row = found.loc[name]
        assert row["difference"] == pytest.approx(np.mean(gains))
        assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
        assert row["p"] == pytest.approx(by_scipy.pvalue)
        assert row["n"] == 4
    assert found.loc["margin", "p_signs"] == 2 / 16


def test_holm_corrects_over_the_strategies_of_the_table(found):
    assert found.loc["margin", "p_holm"] == pytest.approx(3 * found.loc["margin", "p"])
    assert (found["p_holm"] >= found["p"]).all()


def test_what_is_within_half_a_point_is_found_so_and_a_clear_gain_is_not(found):
    assert found.loc["bald", "p_equivalent"] < 0.05 < found.loc["margin", "p_equivalent"]


def test_the_sentences_decide_what_is_decided_and_say_what_the_rest_would_take(found):
    ((_, sentences, grid),) = told(table(accuracies(GAINS)))
    assert sentences[0] == "Corrected for 3 comparisons (Holm), margin is better than random, and none is worse."
    assert sentences[1] == "Within half a point of random, which is a finding too: bald."
    more = int(found.loc["coreset", "needed"]) - 4
    assert sentences[2].endswith(f"takes {more} more replications (4 now).")
    assert sentences[2].startswith("Undecided: coreset.")
    assert [row[0] for row in grid.rows] == list(GAINS)


def test_what_several_undecided_would_take_is_called_the_most_that_one_of_them_would():
    both = table(accuracies({"coreset": GAINS["coreset"], "badge": GAINS["coreset"]}))
    ((_, sentences, _),) = told(both)
    assert f"takes up to {int(certainty(both)['needed'].max()) - 4} more replications (4 now)." in sentences[-1]


def test_one_partition_is_judged_by_its_seeds_and_one_run_by_nothing():
    gains = {"margin": (0.05,)}
    many = accuracies(gains, seeds=(1, 2, 3))
    many["margin", "drawn-1", 3, 0] += 0.01
    assert certainty(table(many)).loc[0, "n"] == 3
    (row,) = certainty(table(accuracies(gains, seeds=(1,)))).to_dict(orient="records")
    assert row["n"] == 1
    assert np.isnan(row["p"])
    assert told(table(accuracies(gains, seeds=(1,))))[0][1] == ["One run of each strategy says nothing of others."]


def test_the_order_of_rows_changes_nothing():
    rows = table(accuracies(GAINS))
    mixed = rows.sample(frac=1, random_state=3)
    one, two = (certainty(each).sort_values("strategy").reset_index(drop=True) for each in (rows, mixed))
    pd.testing.assert_frame_equal(one, two)


def test_savings_worked_by_hand():
    """Random is at 0.5 with 20 labels and at 0.6 with 30. Margin then has 0.59 and 0.61: random needs 29, and more."""
    values = {}
    for partition, last in (("drawn-1", 0.59), ("drawn-2", 0.61)):
        values |= {("random", partition, 1, cycle): 0.5 + 0.1 * cycle for cycle in (0, 1)}
        values |= {("margin", partition, 1, 0): 0.5, ("margin", partition, 1, 1): last}
    (row,) = savings(table(values)).to_dict(orient="records")
    assert (row["strategy"], row["labelled"], row["n"]) == ("margin", 30, 2)
    assert row["saved"] == pytest.approx((-1 + 0) / 2)
    assert row["beyond"] == 0.5
    assert saved(table(values))[0][1].rows == [["margin", "≥ 0, n = 2"]]


def test_seeds_are_averaged_before_labels_are_read_off():
    values = {("random", "drawn-1", seed, cycle): 0.5 + 0.1 * cycle for seed in (1, 2) for cycle in (0, 1)}
    values |= {("margin", "drawn-1", seed, 0): 0.5 for seed in (1, 2)}
    values |= {("margin", "drawn-1", 1, 1): 0.5, ("margin", "drawn-1", 2, 1): 0.6}  # 0.55 on average: 25 labels
    (row,) = savings(table(values)).to_dict(orient="records")
    assert row["saved"] == pytest.approx(-5)


def test_the_page_and_its_files_tell_both(tmp_path):
    results = write_results(tmp_path, all_runs())
    text = page.write(results, "tiny").read_text()
    assert "How sure is that?" in text
    assert "Labels saved" in text
    assert "Corrected for" in text
    written = pd.read_csv(results / "tiny" / "report" / "certainty.csv")
    assert set(written["strategy"]) == {"margin", "bald(samples=10)", "coreset"}
    assert {"saved", "beyond"} <= set(pd.read_csv(results / "tiny" / "report" / "savings.csv"))


def test_without_random_there_is_no_such_section(tmp_path):
    results = write_results(tmp_path, all_runs(("margin", "coreset")))
    assert sections.certain(findings(results, "tiny")) is None
