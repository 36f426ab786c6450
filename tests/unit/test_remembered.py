"""What parts of a page ask of one table twice is worked out once, and is forgotten with the table."""

import gc
import weakref

import pandas as pd
import pytest

from torchal.report.remembered import remembered


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
    assert doubled(table) is doubled(table)
    assert doubled(table, "b").tolist() == [4]
    assert doubled(table, "b", by=3).tolist() == [6]
    assert asked == [("a", 2), ("b", 2), ("b", 3)]


def test_an_equal_table_is_another_one_since_it_may_be_changed_alone(doubled, asked):
    table = pd.DataFrame({"a": [1]})
    copy = table.copy()
    copy["a"] = 5
    assert (doubled(table).tolist(), doubled(copy).tolist()) == ([2], [10])
    assert len(asked) == 2


def test_answers_are_forgotten_with_their_table_whose_place_another_may_take(doubled, asked):
    for value in range(50):
        table = pd.DataFrame({"a": [value]})
        answer = weakref.ref(doubled(table))
        assert doubled(table).tolist() == [2 * value]
        del table
        gc.collect()
        assert answer() is None
    assert len(asked) == 50


def test_a_refusal_is_not_remembered_as_an_answer(asked):
    @remembered
    def refused(table):
        asked.append(table)
        raise ValueError("no")

    table = pd.DataFrame({"a": [1]})
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            refused(table)
    assert len(asked) == 2
