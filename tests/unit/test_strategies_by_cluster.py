"""Strategies that cluster, bisect or switch, each against its rule written out."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.kernels.middle import central
from torchal.kernels.typical import typicality
from torchal.query import Strategy, choose
from torchal.rng import generator
from torchal.selection import select
from torchal.spec import resolve
from torchal.testing.fakes import FakePool


def strategy(name, **fields):
    return resolve(Strategy, name)(**fields)


def blobs(centres, each, seed=0, spread=0.05):
    """Points on the unit circle around some angles."""
    noise = spread * torch.randn(len(centres) * each, generator=generator(seed, "blobs"), dtype=torch.float64)
    angles = torch.tensor(centres, dtype=torch.float64).repeat_interleave(each) + noise
    return torch.stack([angles.cos(), angles.sin()], 1)


# --- typicality and TypiClust -----------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(points=st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=1, max_size=9), k=st.integers(1, 4))
def test_typicality_is_one_over_the_mean_distance_to_the_nearest_others(points, k):
    k_used = min(k, len(points) // 2)
    expected = []
    for n, point in enumerate(points):
        apart = sorted(math.dist(point, other) for m, other in enumerate(points) if m != n)[:k_used]
        mean = sum(apart) / k_used if k_used else 0.0
        expected.append(1 / mean if mean else math.inf)
    assert typicality(torch.tensor(points).double(), k).tolist() == pytest.approx(expected)


def test_typiclust_takes_the_most_typical_row_of_each_cluster_without_a_label_the_largest_first():
    # three clusters of 12, 9 and 6 rows; the first has a label
    points = torch.cat([blobs([0.0], 12), blobs([2.0], 9, seed=1), blobs([4.0], 6, seed=2)])
    chosen = select("typiclust", budget=2, embeddings=points, labelled=[0]).tolist()
    inside = [list(range(12, 21)), list(range(21, 27))]
    expected = [rows[int(typicality(points[rows]).argmax())] for rows in inside]
    assert chosen == expected


def test_typiclust_goes_round_again_when_the_budget_exceeds_the_clusters_and_leaves_out_what_it_chose():
    points = torch.cat([blobs([0.0], 8), blobs([3.0], 6, seed=1)])
    chosen = select({"name": "typiclust", "clusters": 2}, budget=4, embeddings=points).tolist()
    first, second = list(range(8)), list(range(8, 14))
    assert [row in first for row in chosen] == [True, False, True, False]
    left = [row for row in first if row != chosen[0]]
    assert chosen[2] == left[int(typicality(points[left]).argmax())]
    assert len(set(chosen)) == 4
    assert chosen[1] in second


def test_typiclust_asks_clusters_of_fewer_than_five_rows_last():
    points = torch.cat([blobs([0.0], 4), blobs([2.0], 5, seed=1)])
    known = torch.cat([points, blobs([2.0], 1, seed=2)])  # the larger cluster has a label, the small one none
    chosen = select({"name": "typiclust", "clusters": 2}, budget=2, embeddings=known, labelled=[9]).tolist()
    assert [row in range(4, 9) for row in chosen] == [True, False]


def test_typiclust_depends_on_its_seed_alone():
    points = torch.randn(60, 3, generator=generator("typiclust"))
    draws = [select("typiclust", budget=8, embeddings=points, seed=seed).tolist() for seed in (1, 1, 2)]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


# --- TCM --------------------------------------------------------------------------------------------------------------


def test_tcm_switches_from_one_strategy_to_the_other_when_labels_are_many():
    few, many = FakePool(labelled=19), FakePool(labelled=20)  # with four classes
    switching = strategy("tcm", labels_per_class=5)
    assert choose(switching, few.context()).tolist() == choose(strategy("typiclust"), few.context()).tolist()
    assert choose(switching, many.context()).tolist() == choose(strategy("margin"), many.context()).tolist()


def test_tcm_reports_what_its_parts_can_do_and_cost():
    inside = strategy("tcm", before={"name": "qbc", "members": 4}, after="batchbald")
    assert (inside.trainings, inside.most(10)) == (4, 6)
    assert inside.label == "tcm(before=qbc(members=4), after=batchbald)"
    assert not strategy("tcm").order_free
    assert strategy("tcm", before="margin", after="entropy").order_free


# --- Cluster-Margin ---------------------------------------------------------------------------------------------------


def test_cluster_margin_takes_the_smallest_margin_of_each_cluster_from_the_smallest_cluster_up():
    # the four rows of smallest margin lie in clusters of one and of three
    points = torch.tensor([[0.0], [10.0], [10.1], [10.2], [0.1], [50.0]])
    lead = torch.tensor([0.04, 0.03, 0.01, 0.02, 0.9, 0.8])
    probabilities = torch.stack([(1 + lead) / 2, (1 - lead) / 2], 1)
    chosen = select({"name": "cluster_margin", "factor": 2}, budget=2, embeddings=points, probabilities=probabilities)
    assert chosen.tolist() == [0, 2]
    more = select({"name": "cluster_margin", "factor": 1}, budget=4, embeddings=points, probabilities=probabilities)
    assert sorted(more.tolist()) == [0, 1, 2, 3]


def test_cluster_margin_never_leaves_its_candidates():
    for seed in range(20):
        points = torch.randn(30, 4, generator=generator(seed, "z"))
        probabilities = torch.randn(30, 3, generator=generator(seed, "p")).double().softmax(1)
        ordered = probabilities.sort(1, descending=True).values
        candidates = set((ordered[:, 0] - ordered[:, 1]).argsort()[:12].tolist())
        chosen = select(
            {"name": "cluster_margin", "factor": 3}, budget=4, embeddings=points, probabilities=probabilities
        )
        assert set(chosen.tolist()) <= candidates
        assert int(chosen[0]) in candidates


# --- candidates that are spread by k-means ----------------------------------------------------------------------------


def linear(classes=3, width=4):
    weight = torch.randn(classes, width, generator=generator("head"), dtype=torch.float64).float()
    return weight, torch.zeros(classes)


def given_by(points, head):
    return {"embeddings": points, "logits": points @ head[0].T + head[1], "head": head}


def test_the_middle_of_each_cluster_is_chosen():
    points = torch.tensor([[0.0], [1.0], [2.0], [10.0], [11.0], [12.5]])
    assert sorted(central(points, 2, generator("c")).tolist()) == [1, 4]


def test_dropquery_chooses_rows_whose_class_changes_in_most_samples():
    head = linear()
    points = torch.randn(80, 4, generator=generator("points")) * torch.linspace(0.1, 3, 80)[:, None]
    made = strategy("dropquery", samples=5, rate=0.5)
    seen = {}

    def changes(ctx):
        seen["ctx"] = ctx
        return type(made)._changes(made, ctx)

    object.__setattr__(made, "_changes", changes)
    chosen = select(made, budget=6, **given_by(points, head)).tolist()
    ctx = seen["ctx"]
    drawn = torch.rand(5, 4, generator=ctx.generator("dropout")) >= 0.5
    plain = (points @ head[0].T).argmax(1)
    expected = torch.stack([((points * (2.0 * mask)) @ head[0].T).argmax(1) != plain for mask in drawn]).sum(0)
    assert torch.equal(changes(ctx), expected)
    assert len(expected[expected > 2.5]) >= 6
    assert all(expected[row] > 2.5 for row in chosen)


def test_dropquery_with_too_few_candidates_takes_the_most_changed_and_then_the_least_sure():
    head = (torch.eye(2), torch.zeros(2))
    points = torch.tensor([[9.0, 0.1], [1.0, 0.9], [1.0, 0.2], [5.0, 1.0]])
    chosen = select({"name": "dropquery", "rate": 1e-6}, budget=2, **given_by(points, head)).tolist()
    assert sorted(chosen) == [1, 2]  # nothing is dropped, so nothing changes


@settings(max_examples=150)
@given(seed=st.integers(0, 10**6), reach=st.sampled_from([0.05, 0.2, 1.0]))
def test_alfamix_counts_the_classes_towards_which_the_prediction_flips(seed, reach):
    head = linear()
    points = torch.randn(20, 4, generator=generator(seed, "z"))
    labels = torch.tensor([0, 1, 2, 0, 1])
    made = strategy("alfamix", reach=reach)
    seen = {}
    original = type(made)._flips
    object.__setattr__(made, "_flips", lambda ctx: seen.setdefault("flips", original(made, ctx)))
    select(made, budget=3, labelled=range(5), labels=labels, **given_by(points, head))
    expected = []
    for point in points[5:]:
        z = point.clone().requires_grad_()
        logits = head[0] @ z
        predicted = int(logits.argmax())
        torch.nn.functional.cross_entropy(logits[None], torch.tensor([predicted])).backward()
        flips = 0
        for label in range(3):
            anchor = points[:5][labels == label].mean(0)
            alpha = reach * (anchor - z.detach()).norm() * z.grad / z.grad.norm() / (anchor - z.detach())
            mixed = alpha * anchor + (1 - alpha) * z.detach()
            flips += int((head[0] @ mixed).argmax()) != predicted
        expected.append(flips)
    assert seen["flips"].tolist() == expected


# --- GALAXY -----------------------------------------------------------------------------------------------------------


def bisected(scores, labels, budget):
    """The rule on one class's order, with predictions for labels of what is chosen."""
    known = len(labels)
    truth = dict(enumerate(labels)) | {}
    predicted = scores.argmax(1).tolist()
    orders = []
    for label in range(scores.shape[1]):
        rest = torch.cat([scores[:, :label], scores[:, label + 1 :]], 1).amax(1)
        orders.append((scores[:, label] - rest).argsort(stable=True).tolist())
    chosen = []
    while len(chosen) < budget:
        paths = []
        for label, order in enumerate(orders):
            marked = [place for place, row in enumerate(order) if row in truth]
            for left, right in itertools.pairwise(marked):
                ends = [truth[order[place]] == label for place in (left, right)]
                if right - left > 1 and ends[0] != ends[1]:
                    paths.append((right - left, label, left, order[(left + right) // 2]))
        if not paths:
            break
        row = min(paths)[3]
        chosen.append(row)
        truth[row] = predicted[row]
    top_two = scores.softmax(1).sort(1, descending=True).values
    unsure = (top_two[:, 0] - top_two[:, 1]).argsort(stable=True).tolist()
    return chosen + [row for row in unsure if row not in truth and row >= known][: budget - len(chosen)]


@settings(max_examples=150)
@given(seed=st.integers(0, 10**6), classes=st.integers(2, 4), known=st.integers(0, 5), budget=st.integers(1, 9))
def test_galaxy_bisects_the_shortest_path_between_opposite_labels(seed, classes, known, budget):
    scores = torch.randn(14, classes, generator=generator(seed, "f"), dtype=torch.float64)
    labels = torch.randint(classes, (known,), generator=generator(seed, "y")).tolist()
    chosen = select("galaxy", budget=budget, logits=scores, labelled=range(known), labels=np.array(labels, dtype=int))
    # of equally short paths ours takes the leftmost of the lowest class, as the reference does
    expected = bisected(scores, labels, budget)
    assert chosen.tolist() == expected


def test_galaxy_halves_the_stretch_between_two_labels():
    # one order of two classes: rows 0 and 1 are labelled at the ends, nine rows lie between them
    lead = torch.tensor([-5.0, 5.0, -4.0, -3.0, -2.0, -1.0, 0.5, 1.5, 2.5, 3.5, 4.5])
    logits = torch.stack([lead, -lead], 1)
    chosen = select("galaxy", budget=3, logits=logits, labelled=[0, 1], labels=[1, 0]).tolist()
    # the middle of 11 places is place 5, row 6 (+0.5): predicted class 0; then between -5 and +0.5: place 2, row 3
    assert chosen[:2] == [6, 3]
