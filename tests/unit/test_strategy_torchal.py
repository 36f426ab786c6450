"""TorchAL's lesser strategies, each against its rule written out."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.query import Strategy, choose
from torchal.rng import generator
from torchal.selection import select
from torchal.spec import resolve
from torchal.testing.fakes import FakePool


def strategy(name, **fields):
    return resolve(Strategy, name)(**fields)


# --- mix --------------------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(st.integers(0, 10_000), st.integers(1, 12), st.data())
def test_mix_takes_the_least_confident_half_and_the_most_confident_rest(seed, n, data):
    budget = data.draw(st.integers(1, n))
    logits = torch.randn(n, 3, generator=generator(seed), dtype=torch.float64) * 3
    confidence = logits.softmax(1).amax(1).tolist()
    ranked = sorted(range(n), key=lambda row: confidence[row])
    expected = ranked[: budget // 2] + ranked[::-1][: budget - budget // 2]
    assert select("uncertainty_mix", budget=budget, logits=logits).tolist() == expected


def test_mix_worked_by_hand_and_ties_go_to_the_lowest_rows_on_both_sides():
    even, sure = [0.5, 0.5], [0.9, 0.1]
    assert select("uncertainty_mix", budget=5, probabilities=[even, sure, even, sure, even]).tolist() == [0, 2, 1, 3, 4]
    assert select("uncertainty_mix", budget=1, probabilities=[even, sure]).tolist() == [1]


def test_mix_tells_saturated_rows_apart():
    logits = torch.tensor([[800.0, 0.0], [0.0, 1e5], [900.0, 0.0], [0.0, 700.0]])
    assert select("uncertainty_mix", budget=2, logits=logits).tolist() == [3, 1]


# --- bins -------------------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(st.integers(1, 40), st.integers(1, 12), st.data())
def test_bins_give_their_share_each_from_the_most_confident_on(n, bins, data):
    budget = data.draw(st.integers(1, n))
    logits = torch.stack([torch.randperm(n, generator=generator(n, bins)).double(), torch.full((n,), -9.0)], 1)
    chosen = select({"name": "uncertainty_bins", "bins": bins}, budget=budget, logits=logits)
    places = [n - 1 - int(logits[row, 0]) for row in chosen]
    cuts = min(bins, n)
    share = math.ceil(budget / cuts)
    bin_of = [place * cuts // n for place in places]
    sizes = [sum(place * cuts // n == each for place in range(n)) for each in range(cuts)]
    assert max(sizes) - min(sizes) <= 1
    expected = [each for each, size in enumerate(sizes) for _ in range(min(size, share))][:budget]
    assert bin_of == expected


def test_bins_draw_by_logits_and_not_by_probabilities():
    logits = torch.tensor([[50.0, 49.0], [10.0, -10.0]])  # the first row has the higher logit and is the less sure
    assert select({"name": "uncertainty_bins", "bins": 2}, budget=1, logits=logits).tolist() == [0]


def test_bins_draw_every_row_of_a_bin_about_equally_often():
    logits, counts = torch.arange(12.0).flip(0)[:, None], torch.zeros(12)
    for seed in range(400):
        asked = {"name": "uncertainty_bins", "bins": 3}
        counts[select(asked, budget=3, logits=logits, seed=seed)] += 1
    assert (counts - 100).abs().max() < 5 * math.sqrt(400 * 0.25 * 0.75)


# --- centre of gravity ------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(st.integers(0, 10_000), st.integers(1, 10), st.integers(0, 4))
def test_centre_of_gravity_takes_the_farthest_from_the_mean_of_all_rows(seed, n, known):
    points = torch.randn(n + known, 2, generator=generator(seed), dtype=torch.float64)
    mean = [sum(column) / len(points) for column in points.T.tolist()]
    far = {row: math.dist(points[row].tolist(), mean) for row in range(known, n + known)}
    chosen = select("centre_of_gravity", budget=n, embeddings=points, labelled=range(known)).tolist()
    assert sorted(chosen) == sorted(far)
    assert all(far[first] >= far[then] - 1e-12 for first, then in pairwise(chosen))  # two rows alone are equally far


def test_centre_of_gravity_heeds_labelled_rows():
    line = [[0.0], [1.0], [5.0], [30.0]]  # with 30 the mean is 9, without it 2
    assert select("centre_of_gravity", budget=3, embeddings=line, labelled=[3]).tolist() == [0, 1, 2]
    assert select("centre_of_gravity", budget=3, embeddings=line[:3]).tolist() == [2, 0, 1]


def test_centre_of_gravity_tells_points_far_from_the_origin_apart():
    points = torch.tensor([[1e7, 0.0], [1e7 + 1, 0.0], [1e7 + 3, 0.0], [1e7 + 7, 0.0]])  # mean 1e7 + 2.75
    assert select("centre_of_gravity", budget=4, embeddings=points).tolist() == [3, 0, 1, 2]


@pytest.mark.parametrize(
    ("name", "passes"), [("uncertainty_mix", 60), ("uncertainty_bins", 60), ("centre_of_gravity", 72)]
)
def test_one_pass_is_enough(name, passes):
    ctx = FakePool().context()
    choose(strategy(name), ctx)
    assert ctx.forward_passes == passes
