"""Power acquisition against the formula, with the same noise."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.kernels.noise import gumbel
from torchal.query import Strategy, choose
from torchal.rng import generator
from torchal.selection import select
from torchal.spec import resolve
from torchal.testing.fakes import FakePool


def strategy(name, **fields):
    return resolve(Strategy, name)(**fields)


def nats(distribution):
    return -sum(p * math.log(p) for p in distribution if p > 0)


def bald(samples):
    mean = [sum(column) / len(samples) for column in zip(*samples, strict=True)]
    return nats(mean) - sum(nats(p) for p in samples) / len(samples)


def margin(distribution):
    *_, second, first = sorted(distribution)
    return first - second


def ranked(scores, beta, noise):
    keys = [math.log(score) + each / beta for score, each in zip(scores, noise.tolist(), strict=True)]
    return sorted(range(len(keys)), key=lambda row: -keys[row])


@settings(max_examples=100)
@given(st.integers(0, 10_000), st.integers(1, 15), st.sampled_from([0.3, 1.0, 8.0]))
def test_powermargin_ranks_by_the_formula(seed, budget, beta):
    logits = torch.randn(15, 4, generator=generator(seed), dtype=torch.float64) * 3
    scores = [1 - margin(p) for p in logits.softmax(1).tolist()]
    expected = ranked(scores, beta, gumbel(15, generator("select", seed, "power")))[:budget]
    chosen = select({"name": "powermargin", "beta": beta}, budget=budget, logits=logits, seed=seed)
    assert chosen.tolist() == expected


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(1, 20), st.sampled_from([0.3, 1.0, 8.0]))
def test_powerbald_ranks_by_the_formula(seed, budget, beta):
    ctx = FakePool(pool=20, budget=budget, seed=seed).context()
    scores = [bald(samples) for samples in ctx.mc_probabilities(5).transpose(0, 1).tolist()]
    chosen = choose(strategy("powerbald", samples=5, beta=beta), ctx).tolist()
    assert chosen == ranked(scores, beta, gumbel(20, ctx.generator("power")))[:budget]


def test_a_high_power_chooses_as_the_score_alone():
    ctx = FakePool().context()
    for power, plain in (("powerbald", "bald"), ("powermargin", "margin")):
        assert choose(strategy(power, beta=1e9), ctx).tolist() == choose(strategy(plain), ctx).tolist()


def test_rows_whose_probabilities_round_to_certainty_are_drawn_after_others_and_in_order_of_their_margins():
    logits = torch.tensor([[2000.0, 0.0], [1000.0, 0.0], [0.0, 1500.0], [0.0, 0.0]], dtype=torch.float64)
    for seed in range(20):  # scores as low as e**-2000, which no float64 holds
        assert select("powermargin", budget=4, logits=logits, seed=seed).tolist() == [3, 1, 2, 0]


def test_rows_on_which_all_samples_agree_fill_a_budget_in_random_order():
    split, agreed = [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]
    samples = torch.tensor([agreed, split, agreed, agreed, agreed]).transpose(0, 1)
    drawn = {tuple(select("powerbald", budget=4, mc_probabilities=samples, seed=seed).tolist()) for seed in range(20)}
    assert {order[0] for order in drawn} == {1}
    assert len(drawn) > 8


@pytest.mark.parametrize("name", ["powerbald", "powermargin"])
def test_noise_belongs_to_the_query(name):
    ctx = FakePool().context()
    chosen = []
    for where in (("a",), ("a",), ("b",)):
        ctx.where = where
        chosen.append(choose(strategy(name), ctx).tolist())
    assert chosen[0] == chosen[1] != chosen[2]


@pytest.mark.parametrize("beta", [0.0, -1.0])
def test_a_power_that_is_not_above_0_is_refused(beta):
    with pytest.raises(ValueError, match="strategy: beta: input should be greater than 0"):
        select({"name": "powermargin", "beta": beta}, budget=1, probabilities=[[1.0, 0.0]])
