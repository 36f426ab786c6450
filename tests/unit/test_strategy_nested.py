"""Strategies that hold another one."""

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


# --- subsample --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["margin", "coreset", "random", "powermargin", "bald", "class_balanced"])
def test_a_subsample_of_the_whole_pool_chooses_as_the_strategy_alone(name):
    alone = choose(strategy(name), FakePool().context())
    assert torch.equal(choose(strategy("subsample", strategy=name), FakePool().context()), alone)


def test_the_best_of_the_drawn_rows_are_chosen_in_their_order():
    ctx = FakePool(budget=5).context()
    drawn = torch.randperm(60, generator=ctx.generator("subsample 20"))[:20].tolist()
    best = [row for row in choose(strategy("margin"), FakePool(budget=60).context()).tolist() if row in drawn]
    assert choose(strategy("subsample", size=20), ctx).tolist() == best[:5]


def test_only_drawn_rows_go_through_the_network():
    ctx = FakePool(budget=5).context()
    choose(strategy("subsample", size=20), ctx)
    assert ctx.forward_passes == 20


def test_a_budget_above_the_size_draws_as_many_rows():
    ctx = FakePool(budget=30).context()
    drawn = torch.randperm(60, generator=ctx.generator("subsample 3"))[:30]
    assert choose(strategy("subsample", size=3), ctx).sort().values.tolist() == drawn.sort().values.tolist()


def test_a_subsample_of_a_subsample_draws_every_row_about_equally_often():
    inner = strategy("subsample", size=5, strategy="random")
    outer, counts = strategy("subsample", size=10, strategy=inner), torch.zeros(20)
    for seed in range(400):
        counts[select(outer, budget=2, embeddings=torch.zeros(20, 1), seed=seed)] += 1
    assert (counts - 40).abs().max() < 5 * 6


# --- class-balanced ---------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(0, 6))
def test_rows_are_the_best_of_each_class_and_classes_as_even_as_they_can_be(seed, n, known):
    logits = torch.randn(n + known, 3, generator=generator(seed), dtype=torch.float64)
    labels = torch.randint(3, (known,), generator=generator(seed, "labels"))
    budget = int(torch.randint(1, n + 1, (1,), generator=generator(seed, "budget")))
    margins = (-logits.softmax(1).topk(2).values.diff(dim=1)[:, 0]).tolist()
    predicted, have = logits.argmax(1).tolist(), labels.bincount(minlength=3).tolist()
    expected = set()
    for _ in range(budget):
        open_ = {predicted[row] for row in range(known, n + known) if row not in expected}
        label = min(open_, key=lambda each: (have[each], each))
        rows = [row for row in range(known, n + known) if predicted[row] == label and row not in expected]
        expected.add(min(rows, key=lambda row: margins[row]))
        have[label] += 1
    chosen = select("class_balanced", budget=budget, logits=logits, labelled=range(known), labels=labels)
    assert set(chosen.tolist()) == expected


def test_classes_that_labels_lack_are_served_first():
    sure = torch.eye(3)[[0, 0, 1, 1, 2, 2]]
    chosen = select(
        "class_balanced", budget=3, logits=torch.cat([sure, sure[:3]]), labelled=[6, 7, 8], labels=[0, 2, 0]
    )
    assert chosen.tolist() == [2, 3, 4]  # two of class 1, which has none, then one of class 2, which has one


def test_classes_draw_independently_of_each_other():
    labels = torch.arange(2).repeat_interleave(10)
    asked = {"name": "class_balanced", "strategy": "random"}
    drawn = [select(asked, budget=2, logits=torch.eye(2)[labels], labels=[], seed=seed).tolist() for seed in range(40)]
    assert all(first < 10 <= second for first, second in drawn)
    assert sum(first == second - 10 for first, second in drawn) < 15


def test_labels_are_asked_for_by_name():
    with pytest.raises(ValueError, match="labels: the strategy asks for them; give labels="):
        select("class_balanced", budget=1, probabilities=[[0.5, 0.5]])


# --- as specs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fields", "label"),
    [
        ("subsample", {}, "subsample"),
        ("subsample", {"strategy": "margin", "size": 10_000}, "subsample"),
        ("subsample", {"strategy": "bald", "size": 500}, "subsample(strategy=bald, size=500)"),
        ("class_balanced", {"strategy": "entropy"}, "class_balanced(strategy=entropy)"),
    ],
)
def test_reports_name_both_strategies(name, fields, label):
    made = strategy(name, **fields)
    assert made.label == label
    assert strategy(name, **{key: value for key, value in made.identity().items() if key != "name"}) == made


def test_the_claim_to_choose_alike_in_any_order_is_that_of_the_strategy_inside():
    assert strategy("class_balanced").order_free
    assert not strategy("class_balanced", strategy="random").order_free


@pytest.mark.parametrize("name", ["subsample", "class_balanced"])
def test_a_wrong_name_inside_is_refused_with_the_nearest(name):
    with pytest.raises(ValueError, match="strategy: unknown name 'blad'; did you mean 'bald'"):
        select({"name": name, "strategy": "blad"}, budget=1, probabilities=[[0.5, 0.5]])
