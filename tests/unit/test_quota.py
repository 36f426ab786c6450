"""Even shares, and draws of shares."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.kernels.quota import quotas, stratified
from torchal.rng import generator

groups_of = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=6)


def one_by_one(available, budget, already):
    given = [0] * len(available)
    for _ in range(budget):
        open_ = [group for group in range(len(available)) if given[group] < available[group]]
        given[min(open_, key=lambda group: (given[group] + already[group], group))] += 1
    return given


@settings(max_examples=300)
@given(groups_of, st.data())
def test_shares_are_those_of_giving_units_one_by_one_to_the_lowest(groups, data):
    available, already = (list(column) for column in zip(*groups, strict=True))
    budget = data.draw(st.integers(0, sum(available)))
    shares = quotas(torch.tensor(available), budget, torch.tensor(already))
    assert shares.tolist() == one_by_one(available, budget, already)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=4), st.data())
def test_no_other_shares_are_more_even(groups, data):
    available, already = (list(column) for column in zip(*groups, strict=True))
    budget = data.draw(st.integers(0, sum(available)))
    ways = itertools.product(*(range(most + 1) for most in available))

    def unevenness(shares):
        return sum((share + has) ** 2 for share, has in zip(shares, already, strict=True))

    best = min(unevenness(shares) for shares in ways if sum(shares) == budget)
    assert unevenness(quotas(torch.tensor(available), budget, torch.tensor(already)).tolist()) == best


@pytest.mark.parametrize(
    ("available", "budget", "already", "shares"),
    [
        ([10, 10, 10], 7, None, [3, 2, 2]),
        ([1, 10, 10], 9, None, [1, 4, 4]),
        ([10, 10, 10], 6, [4, 0, 1], [0, 4, 2]),  # totals 4, 4, 3: of the tie at 3 the lower group has the last one
        ([10, 0, 10], 4, [9, 0, 9], [2, 0, 2]),
        ([10**12, 10**12], 10**12 + 1, None, [5 * 10**11 + 1, 5 * 10**11]),
        ([3, 2], 5, None, [3, 2]),
        ([], 0, None, []),
    ],
)
def test_shares_worked_by_hand(available, budget, already, shares):
    already = None if already is None else torch.tensor(already)
    assert quotas(torch.tensor(available, dtype=torch.int64), budget, already).tolist() == shares


@pytest.mark.parametrize(
    ("available", "budget", "already", "sentence"),
    [
        ([1, 2], 4, [0, 0], "budget: 4 of 3 available; ask for 0 to that many"),
        ([1, 2], -1, [0, 0], "budget: -1 of 3 available"),
        ([1, -2], 0, [0, 0], "some counts are negative"),
        ([1, 2], 1, [0, -1], "some counts are negative"),
    ],
)
def test_shares_that_cannot_be_given_are_refused(available, budget, already, sentence):
    with pytest.raises(ValueError, match=sentence):
        quotas(torch.tensor(available), budget, torch.tensor(already))


@settings(max_examples=100)
@given(st.lists(st.integers(0, 4), max_size=30), st.lists(st.integers(0, 5), min_size=5, max_size=5))
def test_each_group_gives_its_share_or_all_it_has(groups, shares):
    chosen = stratified(torch.tensor(groups, dtype=torch.int64), torch.tensor(shares), generator("draw")).tolist()
    assert len(set(chosen)) == len(chosen)
    given = [groups[row] for row in chosen]
    assert given == sorted(given)
    assert [given.count(group) for group in range(5)] == [
        min(share, groups.count(group)) for group, share in enumerate(shares)
    ]


def test_every_row_of_a_group_is_drawn_about_equally_often():
    groups, counts = torch.tensor([0, 1, 0, 1, 1, 0, 1, 1]), torch.zeros(8)
    for trial in range(600):
        counts[stratified(groups, torch.tensor([1, 2]), generator("trial", trial))] += 1
    expected = torch.tensor([200.0, 240.0])[groups]
    assert (counts - expected).abs().max() < 5 * 12


def test_a_row_of_a_group_without_a_share_is_refused():
    with pytest.raises(ValueError, match="groups: a row is in group 3, and there are 2 shares"):
        stratified(torch.tensor([0, 3]), torch.tensor([1, 1]), generator("draw"))
