import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.kernels.herding import facility_location
from torchal.rng import generator


@pytest.fixture(params=["kept", "computed anew"], autouse=True)
def _similarities(request, monkeypatch):
    """Every test runs with all similarities kept, and with none."""
    if request.param != "kept":
        monkeypatch.setattr("torchal.kernels.herding.KEPT", 0)


coordinates = st.tuples(st.integers(-3, 3), st.integers(-3, 3))


def similarity(one, other, radius):
    return math.exp(-sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) / radius**2)


def reference(points, centres, weights, budget, radius):
    """Every gain taken anew for every pick, with sums that do not depend on the order of their terms."""
    covered = [max((similarity(x, c, radius) for c in centres), default=0.0) for x in points]
    chosen, left = [], list(range(len(points)))
    for _ in range(budget):
        gains = {
            n: math.fsum(
                w * max(similarity(x, points[n], radius) - old, 0)
                for x, w, old in zip(points, weights, covered, strict=True)
            )
            for n in left
        }
        floor = max(gains.values()) - 1e-12 * sum(weights)
        best = next(n for n in left if gains[n] >= floor)
        covered = [max(old, similarity(x, points[best], radius)) for x, old in zip(points, covered, strict=True)]
        chosen.append(best)
        left.remove(best)
    return chosen


def drawn(pool, labelled=0, width=3, purpose="points"):
    points = torch.randn(pool + labelled, width, generator=generator(purpose), dtype=torch.float64)
    return points[labelled:], points[:labelled], torch.rand(pool, generator=generator("weights"), dtype=torch.float64)


@settings(max_examples=200)
@given(
    pool=st.lists(st.tuples(coordinates, st.integers(0, 3)), min_size=1, max_size=12),
    labelled=st.lists(coordinates, max_size=3),
    radius=st.sampled_from([0.5, 1.0, 2.5]),
    data=st.data(),
)
def test_every_pick_is_that_of_the_greedy_that_takes_all_gains_anew_with_ties_to_the_lowest_index(
    pool, labelled, radius, data
):
    points, weights = zip(*pool, strict=True)
    budget = data.draw(st.integers(0, len(points)))
    chosen = facility_location(
        torch.tensor(points).float(),
        torch.tensor(labelled).float().reshape(-1, 2),
        torch.tensor(weights).float(),
        budget,
        radius,
        chunk=data.draw(st.integers(1, 13)),
    )
    assert chosen.tolist() == reference(points, labelled, weights, budget, radius)


@pytest.mark.parametrize("radius", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("labelled", [0, 7])
@pytest.mark.parametrize("chunk", [4, 64])
def test_so_do_points_that_are_not_on_a_grid(radius, labelled, chunk):
    points, centres, weights = drawn(70, labelled)
    chosen = facility_location(points, centres, weights, 20, radius, chunk)
    assert chosen.tolist() == reference(points.tolist(), centres.tolist(), weights.tolist(), 20, radius)


def test_a_case_worked_by_hand():
    # on a line, radius 1: of 0, 1 and 2 the middle has 1 + 2/e; then 9 adds 1 and either end 1 - 1/e
    line = torch.tensor([[0.0], [1.0], [2.0], [9.0]])
    assert facility_location(line, line[:0], torch.ones(4), 4, 1.0).tolist() == [1, 3, 0, 2]


def test_a_weight_draws_the_choice_to_its_point():
    line = torch.tensor([[0.0], [1.0], [2.0], [9.0]])
    assert facility_location(line, line[:0], torch.tensor([1.0, 1.0, 1.0, 2.0]), 2, 1.0).tolist() == [3, 1]
    assert facility_location(line, line[:0], torch.tensor([0.0, 0.0, 3.0, 1.0]), 2, 1.0).tolist() == [2, 3]


def test_what_a_labelled_point_covers_is_worth_little():
    line = torch.tensor([[0.0], [1.0], [2.0], [9.0]])
    assert facility_location(line, torch.tensor([[1.0]]), torch.ones(4), 1, 1.0).tolist() == [3]


def test_when_only_copies_of_what_is_chosen_are_left_the_lowest_indices_follow():
    points = torch.tensor([[0.0], [5.0], [5.0], [0.0], [0.0], [5.0]])
    assert facility_location(points, points[:0], torch.ones(6), 6, 1.0, chunk=2).tolist() == [0, 1, 2, 3, 4, 5]


def test_points_alone_in_their_neighbourhood_come_by_weight_then_index_whatever_the_chunk():
    line = 100 * torch.arange(20.0)[:, None]
    weights = torch.tensor([1.0, 2.0] * 10)
    expected = [*range(1, 20, 2), *range(0, 20, 2)]
    for chunk in (1, 3, 100):
        assert facility_location(line, line[:0], weights, 20, 1.0, chunk).tolist() == expected


def test_weights_of_zero_leave_the_lowest_indices():
    points, centres, weights = drawn(9, 2)
    assert facility_location(points, centres, 0 * weights, 4, 1.0, chunk=2).tolist() == [0, 1, 2, 3]


def test_the_chunk_changes_no_pick():
    points, centres, weights = drawn(70, 33)
    answers = {tuple(facility_location(points, centres, weights, 40, 1.0, c).tolist()) for c in (1, 7, 32, 1000)}
    assert len(answers) == 1


@pytest.mark.parametrize("change", [lambda x: x + 3.0, lambda x: x + 1e6, lambda x: x.flip(1), lambda x: -x])
def test_shifting_and_mirroring_all_points_change_no_pick(change):
    points, centres, weights = drawn(60, 5)
    for some in (centres, centres[:0]):
        plain = facility_location(points, some, weights, 25, 1.0)
        assert torch.equal(facility_location(change(points), change(some), weights, 25, 1.0), plain)


def test_features_in_float32_with_a_huge_shared_mean_are_told_apart():
    grid = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0))
    weights = torch.arange(1.0, 17.0)
    plain = facility_location(grid, grid[:0], weights, 16, 1.0)
    assert torch.equal(facility_location(grid + 2.0**20, grid[:0], weights, 16, 1.0), plain)


def test_an_order_of_the_points_changes_the_picks_only_in_name():
    points, centres, weights = drawn(60, 5)
    order = torch.randperm(60, generator=generator("order"))
    plain = facility_location(points, centres, weights, 25, 1.0)
    assert torch.equal(order[facility_location(points[order], centres, weights[order], 25, 1.0)], plain)


def test_scaling_the_weights_or_points_and_radius_together_changes_no_pick():
    points, centres, weights = drawn(60, 5)
    plain = facility_location(points, centres, weights, 25, 1.0)
    assert torch.equal(facility_location(points, centres, 1e9 * weights, 25, 1.0), plain)
    assert torch.equal(facility_location(1e-3 * points, 1e-3 * centres, weights, 25, 1e-3), plain)


def test_a_larger_budget_extends_the_choice_of_a_smaller_one():
    points, centres, weights = drawn(30)
    whole = facility_location(points, centres, weights, 30, 1.0)
    assert sorted(whole.tolist()) == list(range(30))
    assert torch.equal(facility_location(points, centres, weights, 9, 1.0), whole[:9])


def test_a_pool_wider_than_a_slice_is_summed_whole(monkeypatch):
    points, centres, weights = drawn(50, 4)
    plain = facility_location(points, centres, weights, 20, 1.0)
    monkeypatch.setattr("torchal.kernels.herding.SLICE", 7)
    assert torch.equal(facility_location(points, centres, weights, 20, 1.0), plain)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": 4}, "budget: 4 exceeds the 3 points"),
        ({"budget": -1}, "budget: -1"),
        ({"radius": 0.0}, "radius: 0.0 is no positive number"),
        ({"radius": math.nan}, "radius: nan"),
        ({"radius": 1e-200}, "radius: 1e-200 is too small"),
        ({"points": torch.tensor([[0.0], [math.nan], [1.0]])}, "features: some are NaN"),
        ({"centres": torch.tensor([[math.inf]])}, "features: some are NaN"),
        ({"weights": torch.tensor([0.0, -1.0, 1.0])}, "weights: the lowest is -1.0"),
        ({"weights": torch.tensor([0.0, math.nan, 1.0])}, "weights: the lowest is nan"),
    ],
)
def test_bad_input_is_refused_by_name(change, message):
    line = torch.arange(3.0)[:, None]
    good = {"points": line, "centres": line[:0], "weights": torch.ones(3), "budget": 2, "radius": 1.0}
    with pytest.raises(ValueError, match=message):
        facility_location(**(good | change))


def test_the_arguments_are_not_changed():
    arguments = drawn(6, 2)
    before = [each.clone() for each in arguments]
    facility_location(*arguments, 3, 1.0)
    assert all(torch.equal(one, other) for one, other in zip(arguments, before, strict=True))
