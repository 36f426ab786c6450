"""Strategies that choose a batch as a whole, each against its formula written out row by row."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.kernels.calibration import best_temperature, calibration_error
from torchal.kernels.information import entropy, mutual_information
from torchal.query import Strategy
from torchal.rng import generator
from torchal.selection import select
from torchal.spec import resolve


def pool(seed, rows=8, width=3, classes=3):
    embeddings = torch.randn(rows, width, generator=generator(seed, "z"), dtype=torch.float64)
    logits = 2 * torch.randn(rows, classes, generator=generator(seed, "l"), dtype=torch.float64)
    return embeddings, logits.softmax(1)


def unit(rows):
    return [[x / math.hypot(*row) for x in row] for row in rows.tolist()]


# --- BADGE ------------------------------------------------------------------------------------------------------------


def gradients(embeddings, probabilities):
    """The gradient embeddings, materialised."""
    errors = probabilities - torch.nn.functional.one_hot(probabilities.argmax(1), probabilities.shape[1])
    return (errors[:, :, None] * embeddings[:, None]).flatten(1)


def test_badge_starts_at_the_largest_gradient():
    for seed in range(20):
        embeddings, probabilities = pool(seed)
        first = select("badge", budget=1, embeddings=embeddings, probabilities=probabilities)
        assert first.tolist() == [int(gradients(embeddings, probabilities).norm(dim=1).argmax())]


@pytest.mark.unchecked
def test_badge_draws_the_second_row_in_proportion_to_its_squared_distance_from_the_first():
    embeddings, probabilities = pool(3, rows=5)
    g = gradients(embeddings, probabilities)
    first = int(g.norm(dim=1).argmax())
    law = (g - g[first]).square().sum(1)
    law = law / law.sum()
    draws = 500
    seconds = [
        int(select("badge", budget=2, embeddings=embeddings, probabilities=probabilities, seed=seed)[1])
        for seed in range(draws)
    ]
    found = np.bincount(seconds, minlength=5) / draws
    law = law.numpy()
    spread = np.sqrt(law * (1 - law) / draws)
    assert (np.abs(found - law) <= 4 * spread + 1e-12).all()


def test_badge_has_no_centre_at_the_origin_so_rows_that_the_network_is_certain_of_are_drawn_too():
    # a certain row's gradient is 0, that of the origin; were the origin a centre, no certain row would be drawn
    embeddings = torch.tensor([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0], [6.0, 5.0]])
    probabilities = torch.tensor([[0.5, 0.5], [0.5, 0.5], [1.0, 0.0], [1.0, 0.0]])
    thirds = [
        int(select("badge", budget=3, embeddings=embeddings, probabilities=probabilities, seed=n)[2]) for n in range(40)
    ]
    assert {2, 3} & set(thirds)  # the origin is no centre: it is as far from the others as they are from it
    twice = select("badge", budget=4, embeddings=embeddings, probabilities=probabilities)
    assert sorted(twice.tolist()) == [0, 1, 2, 3]


# --- herding ----------------------------------------------------------------------------------------------------------


def check_herded(chosen, rows, labelled, weights, radius):
    """Each adds as much as any other would, but for rounding."""
    points = unit(rows)
    centres = [points[n] for n in labelled]
    everything = [n for n in range(len(points)) if n not in labelled]

    def covered(at):
        return sum(
            weights[n] * max((math.exp(-(math.dist(points[n], c) ** 2) / radius**2) for c in at), default=0.0)
            for n in everything
        )

    for place, row in enumerate(chosen):
        before = [*centres, *(points[c] for c in chosen[:place])]
        worth = {n: covered([*before, points[n]]) for n in everything if n not in chosen[:place]}
        assert worth[row] == pytest.approx(max(worth.values()), rel=1e-11)


@settings(max_examples=150)
@given(seed=st.integers(0, 10**6), known=st.integers(0, 3), radius=st.sampled_from([0.3, 1.0, 2.0]))
def test_maxherding_adds_the_row_that_covers_most(seed, known, radius):
    embeddings, _ = pool(seed)
    chosen = select({"name": "maxherding", "radius": radius}, budget=3, embeddings=embeddings, labelled=range(known))
    check_herded(chosen.tolist(), embeddings, list(range(known)), [1.0] * 8, radius)


def test_uherding_weighs_rows_by_their_margin_and_adapts_its_radius_to_the_labelled_rows():
    embeddings, probabilities = pool(5)
    labelled = [0, 1, 2]  # too few to calibrate: all rows count the same
    points = unit(embeddings)
    radius = min(math.dist(points[a], points[b]) for a, b in itertools.combinations(labelled, 2))
    chosen = select(
        "uherding", budget=3, embeddings=embeddings, probabilities=probabilities, labelled=labelled, labels=[0, 1, 2]
    )
    check_herded(chosen.tolist(), embeddings, labelled, [1.0] * 8, radius)


def test_uherding_prefers_what_the_network_is_unsure_of(monkeypatch):
    embeddings, probabilities = pool(6, rows=14)
    labelled, labels = list(range(6)), [0, 1, 2, 0, 1, 2]
    temperature = 2.0
    monkeypatch.setattr("torchal.strategies.uherding.best_temperature", lambda *_: temperature)
    flat = (probabilities.log() / temperature).softmax(1).sort(1, descending=True).values
    weights = (1 - (flat[:, 0] - flat[:, 1])).tolist()
    points = unit(embeddings)
    radius = min(math.dist(points[a], points[b]) for a, b in itertools.combinations(labelled, 2))
    chosen = select(
        "uherding", budget=4, embeddings=embeddings, probabilities=probabilities, labelled=labelled, labels=labels
    )
    check_herded(chosen.tolist(), embeddings, labelled, weights, radius)


# --- calibration ------------------------------------------------------------------------------------------------------


def test_the_calibration_error_is_the_mean_gap_between_confidence_and_accuracy_by_bin():
    probabilities = torch.tensor([[0.95, 0.05], [0.85, 0.15], [0.55, 0.45], [0.25, 0.75]], dtype=torch.float64)
    labels = torch.tensor([0, 1, 0, 1])
    # two bins: all four lie above 1/2: |(0.95 - 1) + (0.85 - 0) + (0.55 - 1) + (0.75 - 1)| / 4
    assert calibration_error(probabilities, labels, bins=2) == pytest.approx(0.1 / 4)
    # with ten bins, each is alone in its own
    assert calibration_error(probabilities, labels, bins=10) == pytest.approx((0.05 + 0.85 + 0.45 + 0.25) / 4)


def test_the_temperature_found_undoes_the_one_put_in():
    logits = torch.randn(4000, 3, generator=generator("calibrated"), dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator("outcomes"))[:, 0]
    assert 2**-0.5 <= best_temperature(logits, labels) <= 2**0.5
    assert 8 * 2**-0.5 <= best_temperature(8 * logits, labels) <= 8 * 2**0.5


# --- ProbCover --------------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(seed=st.integers(0, 10**6), known=st.integers(0, 3), radius=st.sampled_from([0.2, 0.5, 1.0]))
def test_probcover_takes_the_ball_with_the_most_rows_not_covered(seed, known, radius):
    embeddings, _ = pool(seed, rows=10)
    points = unit(embeddings)
    rows = range(known, 10)
    near = {n: {m for m in rows if math.dist(points[n], points[m]) <= radius} for n in range(10)}
    covered = set().union(*(near[n] for n in range(known)))
    expected = []
    while len(expected) < 2:
        left = [n for n in rows if n not in expected]
        best = max(left, key=lambda n: len(near[n] - covered))
        if not near[best] - covered:
            covered = set()
            best = max(left, key=lambda n: len(near[n] - covered))
        expected.append(best)
        covered |= near[best]
    chosen = select({"name": "probcover", "radius": radius}, budget=2, embeddings=embeddings, labelled=range(known))
    assert chosen.tolist() == expected


def test_probcover_without_classes_or_radius_says_what_to_set():
    with pytest.raises(ValueError, match="probcover: the number of classes is not known; set its radius"):
        select("probcover", budget=1, embeddings=pool(0)[0])


def test_probcover_finds_a_radius_that_keeps_groups_apart():
    angles = torch.tensor([0.0, 0.1, 0.2, 1.5, 1.6, 1.7])
    embeddings = torch.stack([angles.cos(), angles.sin()], 1)
    chosen = select({"name": "probcover", "groups": 2}, budget=2, embeddings=embeddings)
    assert sorted(chosen.tolist()) == [1, 4] or {row // 3 for row in chosen.tolist()} == {0, 1}


# --- BAIT -------------------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(seed=st.integers(0, 10**6), known=st.integers(0, 3), form=st.sampled_from(["binary", "full"]))
def test_bait_adds_the_row_by_which_the_trace_falls_most(seed, known, form):
    embeddings, probabilities = pool(seed, rows=7, width=2)

    def fisher(n):
        p, z = probabilities[n], embeddings[n]
        if form == "binary":
            return float(p.max() * (1 - p.max())) * torch.outer(z, z)
        return torch.kron(torch.diag(p) - torch.outer(p, p), torch.outer(z, z))

    each = [fisher(n) for n in range(7)]
    whole = sum(each) / 7
    matrix = torch.eye(len(whole), dtype=torch.float64) + sum(each[:known], torch.zeros_like(whole))
    traces = {n: float(torch.trace(torch.linalg.inv(matrix + each[n]) @ whole)) for n in range(known, 7)}
    chosen = select(
        {"name": "bait", "form": form, "oversample": 1},
        budget=1,
        embeddings=embeddings,
        probabilities=probabilities,
        labelled=range(known),
    )
    assert traces[int(chosen[0])] == pytest.approx(min(traces.values()), rel=1e-9)


# --- BatchBALD --------------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(seed=st.integers(0, 10**6))
def test_batchbald_adds_the_row_that_tells_most_beside_those_before(seed):
    said = torch.rand(4, 5, 2, generator=generator(seed), dtype=torch.float64).pow(2)
    said /= said.sum(-1, keepdim=True)

    def information(rows):
        joint = [
            torch.stack([said[:, row, label] for row, label in zip(rows, labels, strict=True)]).prod(0).mean()
            for labels in itertools.product(range(2), repeat=len(rows))
        ]
        return float(entropy(torch.stack(joint))) - float(entropy(said[:, list(rows)]).sum(1).mean())

    chosen = select("batchbald", budget=3, mc_probabilities=said).tolist()
    for n in range(3):
        best = max(information((*chosen[:n], row)) for row in range(5) if row not in chosen[:n])
        assert information(chosen[: n + 1]) == pytest.approx(best, abs=1e-10)
    assert chosen[0] == int(mutual_information(said).argmax())


def test_batchbald_refuses_a_batch_with_too_many_labellings_before_anything_is_trained():
    strategy = resolve(Strategy, "batchbald")
    assert strategy().most(10) == 6  # 10^5 labellings of the first five are within 2^18, those of six are not
    assert strategy(configurations=100).most(10) == 3
    assert strategy(draws=50).most(10) is None
    said = torch.full((2, 9, 10), 0.1)
    assert len(select("batchbald", budget=6, mc_probabilities=said)) == 6
    with pytest.raises(ValueError, match=r"budget: 7 needs 10\^6 labellings.*at most 6"):
        select("batchbald", budget=7, mc_probabilities=said)
    assert len(select({"name": "batchbald", "draws": 20}, budget=8, mc_probabilities=said)) == 8
