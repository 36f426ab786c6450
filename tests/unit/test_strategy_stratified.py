"""Random strategies that spread the budget over strata."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.query import Strategy, choose
from torchal.rng import generator
from torchal.selection import select
from torchal.spec import resolve
from torchal.testing.fakes import FakePool


def one_hot(labels, classes=4):
    return torch.eye(classes)[torch.tensor(labels)]


def even(sizes, budget):
    shares = [0] * len(sizes)
    for _ in range(budget):
        left = [group for group, size in enumerate(sizes) if shares[group] < size]
        shares[min(left, key=lambda group: shares[group])] += 1
    return shares


@settings(max_examples=200)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=25), st.data())
def test_predicted_classes_are_chosen_as_evenly_as_they_can_be(labels, data):
    budget = data.draw(st.integers(1, len(labels)))
    chosen = select("class_stratified_random", budget=budget, logits=one_hot(labels))
    given = [labels[row] for row in chosen]
    assert [given.count(label) for label in range(4)] == even([labels.count(label) for label in range(4)], budget)


def test_clusters_are_chosen_as_evenly_as_they_can_be():
    centres = torch.tensor([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    group = torch.tensor([0] * 20 + [1] * 2 + [2] * 8)
    points = centres[group] + torch.randn(30, 2, generator=generator("points"))
    asked = {"name": "cluster_stratified_random", "clusters": 3}
    for seed in range(10):
        chosen = select(asked, budget=12, embeddings=points, seed=seed)
        assert group[chosen].bincount().tolist() == [5, 2, 5]


def test_rows_are_drawn_anew_at_every_address():
    for name in ("class_stratified_random", "cluster_stratified_random"):
        ctx, answers = FakePool().context(), []
        for where in (("a",), ("a",), ("b",)):
            ctx.where = where
            answers.append(choose(resolve(Strategy, name)(), ctx).tolist())
        assert answers[0] == answers[1] != answers[2], name


def test_more_clusters_than_rows_are_one_for_each():
    points = torch.arange(6.0)[:, None]
    chosen = select({"name": "cluster_stratified_random", "clusters": 500}, budget=6, embeddings=points)
    assert sorted(chosen.tolist()) == list(range(6))
