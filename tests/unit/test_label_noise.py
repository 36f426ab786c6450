import math

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from scipy.stats import binom

from torchal.data.noise import AnyNoise, Confusion, Flip, Symmetric
from torchal.data.oracle import Answers, Oracle, asked
from torchal.data.oracle import tested as noisy_test
from torchal.data.partition import Partition

ANY = TypeAdapter(AnyNoise)
NAMES = tuple("abcde")
TRUTH = torch.arange(20_000) % 5


def within_bounds(hits: int, n: int, rate: float) -> bool:
    """Whether a count lies where all but one in a million draws would."""
    low, high = binom.interval(1 - 1e-6, n, rate)
    return low <= hits <= high


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_symmetric_noise_has_its_rate_and_a_wrong_label_is_never_the_right_one(rate):
    given = Symmetric(symmetric=rate).given(TRUTH, NAMES, ("noise", 1))
    wrong = given != TRUTH
    assert within_bounds(int(wrong.sum()), len(TRUTH), rate)
    steps = torch.bincount((given[wrong] - TRUTH[wrong]) % 5, minlength=5).tolist()
    assert steps[0] == 0
    assert all(within_bounds(step, int(wrong.sum()), 0.25) for step in steps[1:])


def test_noise_as_in_torchal_draws_from_all_classes_so_a_fifth_of_five_classes_stays_right():
    given = Symmetric(symmetric=0.5, as_torchal=True).given(TRUTH, NAMES, ("noise", 1))
    assert within_bounds(int((given != TRUTH).sum()), len(TRUTH), 0.5 * 4 / 5)


def test_flips_touch_their_classes_alone_at_their_rate():
    given = Flip(flip={"a": "c", "b": "a"}, rate=0.3).given(TRUTH, NAMES, ("noise", 1))
    for true, taken in ((0, 2), (1, 0)):
        of = given[true == TRUTH]
        assert set(of.tolist()) == {true, taken}
        assert within_bounds(int((of == taken).sum()), len(of), 0.3)
    assert torch.equal(given[TRUTH > 1], TRUTH[TRUTH > 1])


def test_a_confusion_matrix_is_what_labels_are_drawn_by():
    rows = ((0.7, 0.3, 0, 0, 0), (0, 1, 0, 0, 0), (0.2, 0.2, 0.2, 0.2, 0.2), (0, 0, 0, 0, 1), (0, 0, 0.5, 0, 0.5))
    given = Confusion(confusion=rows).given(TRUTH, NAMES, ("noise", 1))
    for true, row in enumerate(rows):
        counts = torch.bincount(given[true == TRUTH], minlength=5).tolist()
        assert all(within_bounds(count, 4000, chance) for count, chance in zip(counts, row, strict=True))


def test_thirds_that_do_not_sum_to_one_exactly_give_no_label_beyond_the_last():
    given = Confusion(confusion=(((1 / 3),) * 3,) * 3).given(
        torch.zeros(100_000, dtype=torch.int64), tuple("abc"), ("n",)
    )
    assert sorted(given.unique().tolist()) == [0, 1, 2]


@pytest.mark.parametrize("form", ["csv", "npy"])
def test_a_matrix_from_a_file_is_the_matrix_written_out(tmp_path, form):
    values = np.array([[0.9, 0.1], [0.25, 0.75]])
    file = tmp_path / f"confusion.{form}"
    np.savetxt(file, values, delimiter=",") if form == "csv" else np.save(file, values)
    assert ANY.validate_python({"confusion": str(file)}) == Confusion(confusion=values.tolist())


@pytest.mark.parametrize(
    "value",
    [
        {"symmetric": 1.5},
        {"symmetric": "10%", "rate": 1},
        {"confusion": [[0.5, 0.4], [0, 1]]},
        {"confusion": [[1, 0]]},
        {"confusion": "nowhere.csv"},
        {"flip": {}, "rate": 0.1},
        {"flip": {"a": "b"}},
        "10%",
        {"symmetric": 0.1, "touches": ["pool"]},
    ],
)
def test_what_is_no_noise_is_refused(value):
    with pytest.raises(ValidationError):
        ANY.validate_python(value)


def test_a_class_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"oracle\.noise\.flip: there is no class 'trick'; did you mean 'truck'"):
        Flip(flip={"trick": "ship"}, rate=0.1).matrix(("ship", "truck"))
    with pytest.raises(ValueError, match="has 2 rows, and there are 3 classes"):
        Confusion(confusion=((1, 0), (0, 1))).matrix(("a", "b", "c"))


# --- the oracle -------------------------------------------------------------------------------------------------------

ROWS = Partition(torch.arange(100), torch.arange(100, 19_000), torch.arange(19_000, 20_000))


def answers(**noise):
    return asked(Answers(noise=noise), TRUTH, ROWS, NAMES, ("drawn-1", "oracle")).answers


@pytest.mark.parametrize("places", [("initial",), ("queried",), ("validation",), ("initial", "queried")])
def test_noise_touches_the_labels_it_was_asked_for_and_no_others(places):
    given = answers(symmetric=1.0, touches=places)
    for place, rows in (("initial", ROWS.labelled), ("queried", ROWS.pool), ("validation", ROWS.validation)):
        assert bool((given[rows] != TRUTH[rows]).all()) == (place in places)
        assert torch.equal(given[rows], TRUTH[rows]) == (place not in places)


def test_by_default_validation_and_test_are_clean():
    noise = Symmetric(symmetric=1.0)
    assert torch.equal(answers(symmetric=1.0)[ROWS.validation], TRUTH[ROWS.validation])
    assert noisy_test(noise, TRUTH, NAMES, ("oracle",)) is TRUTH
    assert (noisy_test(Symmetric(symmetric=1.0, touches=["test"]), TRUTH, NAMES, ("oracle",)) != TRUTH).all()


def test_a_row_keeps_its_label_whenever_it_is_asked_and_however_many_are_asked_with_it():
    oracle = asked(Answers(noise={"symmetric": 0.5}), TRUTH, ROWS, NAMES, ("drawn-1", "oracle"))
    alone = torch.cat([oracle.labels(torch.tensor([row])) for row in (5, 500, 18_000)])
    assert torch.equal(alone, oracle.labels(torch.tensor([5, 500, 18_000])))
    assert torch.equal(oracle.answers, answers(symmetric=0.5))


def test_what_belongs_to_no_class_stays_so_under_noise():
    truth = TRUTH.clone()
    truth[200:300] = -1
    given = asked(Answers(noise={"symmetric": 1.0}), truth, ROWS, NAMES, ("drawn-1", "oracle"))
    assert (given.answers[200:300] == -1).all()
    assert given.told(torch.tensor([150, 250, 260, 350])).tolist() == [150, 350]


# --- prices -----------------------------------------------------------------------------------------------------------


def priced(**price) -> Oracle:
    return asked(
        Answers(price=price),
        torch.tensor([0, 1, 0, -1, 1]),
        Partition(*torch.arange(5).split([1, 3, 1])),
        ("a", "b"),
        (),
    )


def test_prices_worked_by_hand():
    oracle = priced(each=2, classes={"b": 5}, none=0.5)
    assert oracle.cost(torch.arange(5)).tolist() == [2, 5, 2, 0.5, 5]
    assert oracle.affordable(torch.tensor([1, 0, 2, 3]), 9.0).tolist() == [1, 0, 2]
    assert oracle.affordable(torch.tensor([1, 0, 2, 3]), 8.9).tolist() == [1, 0]
    assert oracle.affordable(torch.tensor([1]), 4.9).tolist() == []


def test_no_dearer_label_is_skipped_for_a_cheaper_one_behind_it():
    assert priced(each=1, classes={"b": 5}).affordable(torch.tensor([0, 1, 2]), 3.0).tolist() == [0]


def test_money_that_pays_exactly_is_not_lost_to_rounding():
    assert len(priced(each=0.1).affordable(torch.tensor([0, 1, 2]), 3 * 0.1)) == 3
    assert len(priced(each=0.1).affordable(torch.tensor([0, 1, 2]), 0.3)) == 3


def test_one_number_prices_all_answers_and_none_costs_as_much():
    assert Answers(price=3).price.of(("a", "b")).tolist() == [3, 3, 3]


@pytest.mark.parametrize("price", [0, -1, {"classes": {"a": 0}}, {"non": 1}, True, math.inf])
def test_what_is_no_price_is_refused(price):
    with pytest.raises(ValidationError):
        Answers(price=price)


def test_the_price_of_a_class_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"oracle\.price\.classes: there is no class 'c'"):
        priced(classes={"c": 1})
