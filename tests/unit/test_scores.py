import decimal
import math
from decimal import Decimal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.kernels.confidence import closeness, doubt, softmax_entropy
from torchal.kernels.information import entropy, mutual_information
from torchal.kernels.ranking import top
from torchal.rng import generator

decimal.getcontext().prec = 600


def exact_softmax(row):
    weights = [Decimal(each).exp() for each in sorted(row, reverse=True)]
    return [each / sum(weights) for each in weights]


def exact_doubt(row):
    return 1 - exact_softmax(row)[0]


def exact_margin(row):
    first, second, *_ = exact_softmax(row)
    return first - second


def exact_entropy(row):
    return -sum(p * p.ln() for p in exact_softmax(row))


logits = st.lists(
    st.lists(st.sampled_from([-300.0, -7.5, -1.0, 0.0, 0.5, 2.0, 40.0, 250.0]), min_size=3, max_size=3),
    min_size=2,
    max_size=6,
)


def assert_same_order(scores, exact):
    """Wherever the exact values differ by more than rounding, the scores differ in the same way."""
    for one, other in ((a, b) for a in range(len(exact)) for b in range(len(exact))):
        if exact[one] > exact[other] * (1 + Decimal("1e-12")):
            assert scores[one] > scores[other]
        if exact[one] == exact[other]:
            assert scores[one] == scores[other]


# --- confidence -------------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(logits)
def test_doubt_orders_rows_as_the_exact_probability_of_error_does(rows):
    assert_same_order(doubt(torch.tensor(rows)).tolist(), [exact_doubt(row) for row in rows])


@settings(max_examples=30)
@given(logits)
def test_closeness_orders_rows_against_the_exact_margin(rows):
    # as odds against the margin: differences that matter near certainty are in 1 - margin, and elsewhere in the margin
    margins = [max(exact_margin(row), Decimal("1e-500")) for row in rows]
    assert_same_order(closeness(torch.tensor(rows)).tolist(), [(1 - margin) / margin for margin in margins])


@settings(max_examples=30)
@given(logits)
def test_softmax_entropy_is_the_exact_entropy(rows):
    expected = [float(exact_entropy(row)) for row in rows]
    assert softmax_entropy(torch.tensor(rows)).tolist() == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize("score", [doubt, closeness, softmax_entropy])
def test_certain_rows_keep_their_order_where_probabilities_have_rounded_to_one(score):
    rows = torch.tensor([[0.0, -250.0, -400.0], [300.0, 0.0, 99.5], [0.0, -1.0, -2.0], [0.0, -200.0, -200.0]])
    assert rows.softmax(-1).amax(-1).eq(1).sum() == 3
    assert score(rows).argsort(descending=True).tolist() == [2, 3, 1, 0]


@pytest.mark.parametrize("score", [doubt, closeness, softmax_entropy])
def test_a_class_that_is_ruled_out_counts_nothing(score):
    with_it = score(torch.tensor([[1.0, 0.0, -math.inf]]))
    assert with_it.isfinite().all()
    torch.testing.assert_close(with_it, score(torch.tensor([[1.0, 0.0]])))


@pytest.mark.parametrize("score", [doubt, closeness, softmax_entropy])
def test_neither_the_order_of_classes_nor_a_common_shift_matters(score):
    rows = torch.randn(50, 7, generator=generator("rows"), dtype=torch.float64)
    assert torch.equal(score(rows[:, torch.tensor([3, 6, 0, 1, 5, 2, 4])]), score(rows))
    torch.testing.assert_close(score(rows.log_softmax(-1)), score(rows))


def test_two_equal_largest_logits_are_infinitely_close_whatever_the_rest():
    assert closeness(torch.tensor([[1.0, 1.0, -3.0], [2.0, 2.0, 1.9]])).tolist() == [math.inf, math.inf]


def test_cases_worked_by_hand():
    even = torch.tensor([[math.log(0.5), math.log(0.25), math.log(0.25)]], dtype=torch.float64)
    assert doubt(even).item() == pytest.approx(0)  # odds 1 to 1 against
    assert closeness(even).item() == pytest.approx(math.log(3))  # margin 1/4: odds 3 to 1 against
    assert softmax_entropy(even).item() == pytest.approx(1.5 * math.log(2))


# --- information ------------------------------------------------------------------------------------------------------


def test_entropy_of_certainty_is_zero_and_of_the_uniform_the_logarithm_of_the_classes():
    found = entropy(torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.25] * 4], dtype=torch.float64))
    assert found.tolist() == [0.0, pytest.approx(math.log(4))]


def test_two_samples_sure_of_different_classes_share_ln_two():
    assert mutual_information(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])).item() == pytest.approx(math.log(2))


def test_samples_that_agree_share_nothing_however_unsure_they_are():
    agreed = torch.tensor([[0.5, 0.5], [0.9, 0.1], [1.0, 0.0]], dtype=torch.float64).expand(3, 3, 2)
    assert mutual_information(agreed).tolist() == pytest.approx([0, 0, 0], abs=1e-15)


def test_rounding_never_makes_mutual_information_negative():
    agreed = torch.randn(1, 2000, 5, generator=generator("agreed")).softmax(-1).expand(7, -1, -1)
    assert (entropy(agreed.mean(0)) < entropy(agreed).mean(0)).any()
    assert (mutual_information(agreed) >= 0).all()


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(2, 5), st.integers(2, 4))
def test_mutual_information_is_the_sum_of_its_definition_in_any_chunk(seed, samples, classes):
    p = torch.randn(samples, 6, classes, generator=generator(seed), dtype=torch.float64).mul(3).softmax(-1)
    expected = []
    for row in range(6):
        terms = 0.0
        for t in range(samples):
            for c in range(classes):
                mean = sum(float(p[s, row, c]) for s in range(samples)) / samples
                terms += float(p[t, row, c]) / samples * math.log(float(p[t, row, c]) / mean)
        expected.append(terms)
    for chunk in (1, 4, 100):
        found = mutual_information(p, chunk)
        assert found.tolist() == pytest.approx(expected, abs=1e-12)
        assert (found >= 0).all()
        assert (found <= math.log(min(samples, classes)) + 1e-12).all()


# --- ranking ----------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.lists(st.sampled_from([-math.inf, -1.0, 0.0, 0.5, 2.0, math.inf]), min_size=1, max_size=40), st.data())
def test_the_highest_scores_come_first_and_the_lowest_index_first_among_equals(scores, data):
    k = data.draw(st.integers(0, len(scores)))
    expected = sorted(range(len(scores)), key=lambda n: (-scores[n], n))[:k]
    assert top(torch.tensor(scores), k).tolist() == expected


def test_ties_stay_in_order_in_a_large_pool():
    assert torch.equal(top(torch.zeros(100_000), 70_000), torch.arange(70_000))


def test_a_nan_score_is_refused_and_located():
    with pytest.raises(ValueError, match="1 of 3 are NaN, the first at index 1"):
        top(torch.tensor([0.0, math.nan, 1.0]), 1)


def test_more_than_there_is_is_refused():
    with pytest.raises(ValueError, match="k: 3 exceeds the 2 scores"):
        top(torch.zeros(2), 3)
