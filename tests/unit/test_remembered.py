"""While a report is made, what its parts ask of one table twice is worked out once; elsewhere nothing is kept."""

import gc

import pandas as pd
import pytest

from torchal.report.remembered import remembered, remembering


@pytest.fixture
def asked():
    return []


@pytest.fixture
def doubled(asked):
    @remembered
    def doubled(table, name="a", *, by=2):
        asked.append((name, by))
        return table[name] * by

    return doubled


def test_the_same_question_of_one_table_is_answered_once(doubled, asked):
    table = pd.DataFrame({"a": [1], "b": [2]})
    with remembering():
        assert doubled(table) is doubled(table)
        assert doubled(table, "b").tolist() == [4]
        assert doubled(table, "b", by=3).tolist() == [6]
    assert asked == [("a", 2), ("b", 2), ("b", 3)]


def test_a_table_that_is_changed_between_two_calls_is_worked_out_anew(doubled):
    table = pd.DataFrame({"a": [1]})
    with remembering():
        assert doubled(table).tolist() == [2]
    table["a"] = 5
    assert doubled(table).tolist() == [10]
    with remembering():
        assert doubled(table).tolist() == [10]


def test_another_table_that_takes_the_place_of_one_that_is_gone_has_its_own_answer(doubled, asked):
    with remembering():
        for value in range(50):
            assert doubled(pd.DataFrame({"a": [value]})).tolist() == [2 * value]
            gc.collect()
    assert len(asked) == 50


def test_a_refusal_is_not_remembered_as_an_answer(asked):
    @remembered
    def refused(table):
        asked.append(table)
        raise ValueError("no")

    table = pd.DataFrame({"a": [1]})
    with remembering():
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                refused(table)
    assert len(asked) == 2
