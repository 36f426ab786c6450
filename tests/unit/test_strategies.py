"""Each strategy against its formula, written out row by row."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from torchal.data.dataset import Resident
from torchal.data.partition import Partition
from torchal.models import Classifier
from torchal.query import QueryContext, Strategy, choose
from torchal.query.network import NetworkEvidence
from torchal.rng import generator
from torchal.spec import names, resolve
from torchal.testing.fakes import FakePool


def strategy(name, **fields):
    return resolve(Strategy, name)(**fields)


def context_of(logits, budget, *, dropout=0.0, labelled=0):
    """A context whose network answers with the rows themselves (scaled by dropout, if there is any)."""
    classes = logits.shape[1]
    head = nn.Linear(classes, classes, bias=False)
    head.weight.data = torch.eye(classes)
    rows = torch.arange(len(logits))
    evidence = NetworkEvidence(
        model=Classifier(nn.Sequential(nn.Dropout(dropout)), head),
        examples=Resident(logits),
        rows=Partition(labelled=rows[:labelled], pool=rows[labelled:], validation=rows[:0]),
        where=("test",),
    )
    return QueryContext(evidence, torch.zeros(labelled, dtype=torch.int64), classes, budget, evidence.where)


def softmax(row):
    weights = [math.exp(each - max(row)) for each in row]
    return [each / sum(weights) for each in weights]


def nats(distribution):
    return -sum(p * math.log(p) for p in distribution if p > 0)


def mean(samples):
    return [sum(column) / len(samples) for column in zip(*samples, strict=True)]


def margin(distribution):
    *_, second, first = sorted(distribution)
    return first - second


PLAIN = {"uncertainty": lambda p: -max(p), "margin": lambda p: -margin(p), "entropy": nats}
SAMPLED = {
    "dbal": lambda samples: nats(mean(samples)),
    "bald": lambda samples: nats(mean(samples)) - mean([[nats(p)] for p in samples])[0],
}


def ranked(scores, budget):
    return sorted(range(len(scores)), key=lambda n: -scores[n])[:budget]


# --- against the formula ----------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 12))
def test_plain_scores_choose_what_the_formula_chooses(seed, classes, budget):
    logits = torch.randn(12, classes, generator=generator(seed)) * 3
    for name, score in PLAIN.items():
        chosen = choose(strategy(name), context_of(logits, budget)).tolist()
        assert chosen == ranked([score(softmax(row)) for row in logits.tolist()], budget), name


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(2, 6))
def test_sampled_scores_choose_what_the_formula_chooses(seed, budget, samples):
    for name, score in SAMPLED.items():
        ctx = FakePool(pool=20, budget=budget, seed=seed).context()
        rows = ctx.mc_probabilities(samples).transpose(0, 1).tolist()
        assert choose(strategy(name, samples=samples), ctx).tolist() == ranked([score(row) for row in rows], budget), (
            name
        )


def test_coreset_covers_the_embeddings_from_the_labelled_ones():
    ctx = FakePool(pool=25, labelled=6, budget=8).context()
    points, centres, chosen = ctx.embeddings.tolist(), ctx.labelled_embeddings.tolist(), []
    for _ in range(8):
        left = [n for n in range(25) if n not in chosen]
        chosen.append(max(left, key=lambda n: min(math.dist(points[n], centre) for centre in centres)))
        centres.append(points[chosen[-1]])
    assert choose(strategy("coreset"), ctx).tolist() == chosen


def test_random_takes_the_start_of_one_shuffle_that_depends_on_address_and_size_alone():
    small, large = (choose(strategy("random"), FakePool(budget=budget).context()).tolist() for budget in (5, 30))
    assert large[:5] == small
    other_network = FakePool(budget=5, sharpness=0.0, labelled=3).context()
    assert choose(strategy("random"), other_network).tolist() == small
    assert choose(strategy("random"), FakePool(budget=5, seed=1).context()).tolist() != small


def test_random_chooses_every_position_about_equally_often():
    counts = torch.zeros(10)
    ctx = FakePool(pool=10, budget=3).context()
    for trial in range(500):
        ctx.where = ("trial", trial)
        counts[choose(strategy("random"), ctx)] += 1
    assert (counts - 150).abs().max() < 5 * math.sqrt(500 * 0.3 * 0.7)


# --- worked by hand ---------------------------------------------------------------------------------------------------

THREE = torch.tensor([[0.50, 0.49, 0.01], [0.45, 0.30, 0.25], [0.40, 0.38, 0.22], [0.98, 0.01, 0.01]]).log()


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("uncertainty", [2, 1, 0, 3]),  # largest probabilities .50 .45 .40 .98
        ("margin", [0, 2, 1, 3]),  # leads .01 .15 .02 .97
        ("entropy", [2, 1, 0, 3]),  # nats .7422 1.0671 1.0673 .1119
    ],
)
def test_three_ways_to_be_unsure_rank_rows_differently(name, order):
    assert choose(strategy(name), context_of(THREE, 4)).tolist() == order


def prepared(samples, name):
    """Let a strategy meet these probabilities (samples x pool x classes)."""
    ctx = context_of(torch.zeros(len(samples[0]), 2), len(samples[0]))
    ctx._sampled["dropout", len(samples)] = torch.tensor(samples, dtype=torch.float64)
    return choose(strategy(name, samples=len(samples)), ctx).tolist()


def test_bald_prefers_sure_disagreement_and_dbal_any_unsure_mean():
    disagree, unsure, sure, mild = [1.0, 0.0], [0.5, 0.5], [1.0, 0.0], [0.6, 0.4]
    opposite, agreed, certain, milder = [0.0, 1.0], [0.5, 0.5], [1.0, 0.0], [0.8, 0.2]
    samples = [[unsure, certain, disagree, mild], [agreed, sure, opposite, milder]]
    # mutual information: 0, 0, ln 2, 0.024; entropy of the mean: ln 2, 0, ln 2, 0.611
    assert prepared(samples, "bald") == [2, 3, 0, 1]
    assert prepared(samples, "dbal") == [0, 2, 3, 1]


# --- at the limits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["uncertainty", "margin", "entropy", "dbal"])
@pytest.mark.parametrize("gap", [200.0, 2000.0])
def test_rows_the_network_is_certain_of_rank_last_and_not_first_as_nan(name, gap):
    unsure = torch.tensor([[0.2, 0.1, 0.0], [0.0, 0.3, 0.1]])
    certain = torch.tensor([[0.0, gap, gap * 3], [gap * 3, 0.0, gap]])  # whichever unit drops, the gap stays
    logits = torch.cat([certain, unsure])
    ctx = context_of(logits, 4, dropout=0.05 if name == "dbal" else 0.0)
    if name == "dbal":
        masks_that_keep = ctx.mc_probabilities(25).amax(-1).min(0).values
        assert masks_that_keep[:2].tolist() == [1.0, 1.0]
    assert set(choose(strategy(name), ctx).tolist()[:2]) == {2, 3}


@pytest.mark.parametrize("name", [*PLAIN, "dbal", "bald"])
def test_equal_scores_are_taken_from_the_lowest_position_on(name):
    ctx = FakePool(sharpness=0.0, budget=7).context()
    assert choose(strategy(name), ctx).tolist() == list(range(7))


@pytest.mark.parametrize("name", PLAIN)
def test_copies_of_a_row_are_taken_together(name):
    logits = torch.randn(5, 4, generator=generator("copies")).repeat_interleave(2, 0)
    chosen = torch.tensor(choose(strategy(name), context_of(logits, 10)).tolist()).reshape(5, 2)
    assert torch.equal(chosen[:, 0] + 1, chosen[:, 1])


def test_coreset_takes_one_of_each_before_any_copy():
    ctx = FakePool(pool=30, copies=3, budget=10).context()
    assert sorted((choose(strategy("coreset"), ctx) // 3).tolist()) == list(range(10))


@pytest.mark.parametrize("name", ["bald", "dbal"])
def test_sampling_strategies_refuse_a_network_without_dropout(name):
    with pytest.raises(ValueError, match="set the model's option 'dropout' above 0"):
        choose(strategy(name), FakePool(dropout=0.0).context())


@pytest.mark.parametrize(
    ("name", "passes"),
    [
        ("random", 0),
        ("uncertainty", 60),
        ("margin", 60),
        ("entropy", 60),
        ("coreset", 72),
        ("bald", 300),
        ("dbal", 300),
    ],
)
def test_a_strategy_sends_no_more_through_the_network_than_it_needs(name, passes):
    ctx = FakePool().context()
    choose(strategy(name, samples=5) if name in SAMPLED else strategy(name), ctx)
    assert ctx.forward_passes == passes


def test_the_published_strategies_are_all_there():
    assert {"random", "uncertainty", "margin", "entropy", "dbal", "bald", "coreset"} <= set(names("torchal.strategies"))
