"""Conditions compared, by numbers that were worked by hand."""

import pandas as pd
import pytest
from report_runs import table

from torchal.report.conditions import changes, compared

pytestmark = pytest.mark.unchecked


def frame(gains):
    """Two partitions; random is at 0.5 and 0.6, a strategy's gain on them as given for each condition."""
    parts = []
    for condition, strategies in gains.items():
        values = {}
        for partition, base in (("p1", 0.5), ("p2", 0.6)):
            values["random", partition, 1, 0] = base
            for strategy, gain in strategies.items():
                values[strategy, partition, 1, 0] = base + gain[partition == "p2"]
        parts.append(table(values).assign(condition=condition))
    return pd.concat(parts, ignore_index=True)


GAINS = {
    "scope every_run": {"margin": (0.02, 0.04), "coreset": (0.00, 0.02)},
    "scope fixed": {"margin": (0.01, 0.03), "coreset": (0.05, 0.07)},
}


def test_a_change_is_the_gain_less_that_under_the_first_condition_on_the_same_partition():
    found = changes(frame(GAINS)).set_index("strategy")
    assert found["mean"].to_dict() == pytest.approx({"margin": -0.01, "coreset": 0.05})
    assert found["n"].tolist() == [2, 2]
    assert found["low"]["margin"] == pytest.approx(-0.01)  # both partitions change alike: no width
    assert found["high"]["margin"] == pytest.approx(-0.01)


def test_differences_between_partitions_widen_the_interval_of_a_change_only_as_far_as_they_differ_in_it():
    uneven = {**GAINS, "scope fixed": {"margin": (0.01, 0.05), "coreset": (0.05, 0.07)}}
    (row,) = changes(frame(uneven)).query("strategy == 'margin'").to_dict(orient="records")
    half = 12.706204736432095 * 0.01  # t of one degree of freedom times sd (0.0141) over the root of two
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((0.0, -half, half), abs=1e-9)


def test_the_sentence_says_that_the_leader_changes_and_whose_gain_does():
    ((place, sentence, grid),) = compared(frame(GAINS))
    assert place == "digits with mlp"
    assert "Who leads changes" in sentence
    assert "scope every_run: margin (+3.0), scope fixed: coreset (+6.0)" in sentence
    assert "changes clearly for margin under scope fixed (-1.0" in sentence
    assert grid.headings == ["strategy", "scope every_run", "scope fixed", "change to scope fixed"]
    assert [row[0] for row in grid.rows] == ["margin", "coreset"]


def test_a_leader_that_stays_and_changes_that_are_not_clear_are_said_to_be_so():
    near = {name: {"margin": (0.02, 0.04 + tiny)} for name, tiny in (("a", 0.0), ("b", 0.01))}
    ((_, sentence, _),) = compared(frame(near))
    assert "The same strategy leads" in sentence
    assert "No gain over random changes clearly" in sentence


def test_one_condition_is_compared_with_none():
    assert compared(frame({"": GAINS["scope fixed"]})) == []
