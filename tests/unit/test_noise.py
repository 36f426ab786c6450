"""Gumbel noise, and draws by powers of scores."""

import itertools
import math

import pytest
import torch

from torchal.kernels.noise import gumbel, powered
from torchal.rng import generator


def drawn(scores, beta, k, seed=0):
    return (
        powered(torch.tensor(scores, dtype=torch.float64).log(), beta, generator("draw", seed))
        .argsort(descending=True)[:k]
        .tolist()
    )


def test_noise_has_the_distribution_it_is_named_after():
    noise = gumbel(100_000, generator("gumbel")).sort().values
    assert noise.isfinite().all()
    expected = (-(-noise).exp()).exp()  # the distribution function at each sample
    step = torch.arange(1, len(noise) + 1) / len(noise)
    assert (expected - step).abs().max() < 1.95 / math.sqrt(len(noise))  # Kolmogorov-Smirnov at one in a thousand


def test_noise_belongs_to_its_generator_and_a_longer_draw_starts_alike():
    short, long = gumbel(50, generator("a")), gumbel(100, generator("a"))
    assert torch.equal(short, long[:50])
    assert not torch.equal(short, gumbel(50, generator("b")))


def test_the_lowest_uniform_number_gives_finite_noise(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda n, **_: torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64))
    noise = gumbel(2, generator("edge"))
    assert noise.isfinite().all()
    assert noise[0] < -3.6
    assert noise[1] > 36


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_sets_are_drawn_as_often_as_draws_one_by_one_without_replacement_would(beta):
    scores, trials = [0.1, 0.2, 0.3, 0.4, 0.0], 3000
    weights = [score**beta for score in scores[:4]]
    counts: dict[tuple[int, ...], int] = {}
    for trial in range(trials):
        first = tuple(drawn(scores, beta, 2, trial))
        counts[first] = counts.get(first, 0) + 1
    assert sum(counts.values()) == trials
    for one, other in itertools.permutations(range(4), 2):
        chance = weights[one] / sum(weights) * weights[other] / (sum(weights) - weights[one])
        deviation = math.sqrt(trials * chance * (1 - chance))
        assert abs(counts.pop((one, other), 0) - trials * chance) < 4.5 * deviation
    assert counts == {}  # the score of 0 is never among them


def test_scores_of_zero_come_last_each_once_in_random_order():
    scores = [0.0, 0.5, 0.0, 1e-300, 0.0, 0.0]
    orders = {tuple(drawn(scores, 1.0, 6, seed)) for seed in range(40)}
    assert all(set(order[:2]) == {1, 3} and set(order[2:]) == {0, 2, 4, 5} for order in orders)
    assert len({order[2:] for order in orders}) > 10


def test_a_high_power_ranks_scores_that_underflow_and_a_low_one_is_uniform():
    log_scores = torch.tensor([-1e5, -1e5 + 1, -3e5, -9e4], dtype=torch.float64)
    assert powered(log_scores, 1e6, generator("high")).tolist() == [1, 2, 0, 3]
    firsts = [drawn([1.0, 1e-3, 1e3], 1e-9, 1, seed)[0] for seed in range(900)]
    assert all(abs(firsts.count(row) - 300) < 70 for row in range(3))


def test_what_cannot_be_ranked_is_refused():
    with pytest.raises(ValueError, match="scores: 1 of 2 are NaN, the first at index 1"):
        powered(torch.tensor([0.0, math.nan]), 1.0, generator("x"))
    for beta in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=f"beta: {beta} is not above 0; take 1"):
            powered(torch.zeros(2), beta, generator("x"))
