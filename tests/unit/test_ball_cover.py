import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.kernels.balls import ball_cover, largest_pure_radius
from torchal.rng import generator

coordinates = st.tuples(st.integers(-3, 3), st.integers(-3, 3))


def squared(one, other):
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def reference(points, centres, square, budget):
    """The greedy on sets, by whole numbers, where squared distances are exact."""
    balls = [{m for m, y in enumerate(points) if squared(x, y) <= square} for x in points]
    bare = {n for n, x in enumerate(points) if all(squared(x, c) > square for c in centres)}
    chosen = []
    for _ in range(budget):
        left = [n for n in range(len(points)) if n not in chosen]
        if not any(balls[n] & bare for n in left):
            bare = set(range(len(points)))
        best = max(left, key=lambda n: len(balls[n] & bare))
        bare -= balls[best]
        chosen.append(best)
    return chosen


@settings(max_examples=200)
@given(
    pool=st.lists(coordinates, min_size=1, max_size=14),
    labelled=st.lists(coordinates, max_size=3),
    radius=st.sampled_from([0, 1, 2, 5]),
    data=st.data(),
)
def test_every_pick_covers_the_most_with_ties_to_the_lowest_index(pool, labelled, radius, data):
    budget = data.draw(st.integers(0, len(pool)))
    chosen = ball_cover(
        torch.tensor(pool).float(),
        torch.tensor(labelled).float().reshape(-1, 2),
        float(radius),
        budget,
        chunk=data.draw(st.integers(1, 15)),
    )
    assert chosen.tolist() == reference(pool, labelled, radius**2, budget)


def test_a_case_worked_by_hand():
    # on a line with radius 1: the ball of 1 holds three, that of 11 three, that of 5 one; then all starts again
    line = torch.tensor([[0.0], [1.0], [2.0], [5.0], [10.0], [11.0], [12.0]])
    assert ball_cover(line, line[:0], 1.0, 5).tolist() == [1, 5, 3, 0, 4]
    assert ball_cover(line, torch.tensor([[1.0]]), 1.0, 2).tolist() == [5, 3]


@pytest.mark.parametrize(("radius", "first"), [(5.0, 1), (math.nextafter(5.0, 0.0), 0)])
@pytest.mark.parametrize("away", [0.0, 1e6])
def test_a_ball_holds_its_boundary_to_the_last_bit(radius, first, away):
    points = torch.tensor([[-30.0, 0.0], [0.0, 0.0], [3.0, 4.0]]) + away
    points = torch.cat([points, points[:1] + torch.tensor([[4.0, 0.0]])])
    assert ball_cover(points[:3], points[:0], radius, 1).tolist() == [first]


def test_points_whose_distance_float32_cannot_tell_from_the_radius_are_measured():
    line = (1.0 + torch.tensor([0.0, 1e-9, 2e-9, 5e-9], dtype=torch.float64))[:, None]
    assert ball_cover(line, line[:0], 1.5e-9, 2).tolist() == [1, 3]


def test_copies_of_chosen_points_wait_for_the_next_round():
    points = torch.tensor([[0.0], [0.0], [3.0], [3.0], [3.0], [9.0]])
    assert ball_cover(points, points[:0], 0.0, 6).tolist() == [2, 0, 5, 3, 1, 4]


def test_the_chunk_changes_no_pick():
    points, centres = torch.randn(70, 3, generator=generator("a")), torch.randn(9, 3, generator=generator("b"))
    assert len({tuple(ball_cover(points, centres, 0.8, 40, chunk).tolist()) for chunk in (1, 7, 32, 1000)}) == 1


@pytest.mark.parametrize("change", [lambda x: x + 64.0, lambda x: x.flip(1), lambda x: -x])
def test_shifting_and_mirroring_all_points_change_no_pick(change):
    points = torch.randint(-8, 9, (80, 3), generator=generator("points")).float()
    for centres in (points[:4], points[:0]):
        plain = ball_cover(points[4:], centres, 5.0, 30)
        assert torch.equal(ball_cover(change(points[4:]), change(centres), 5.0, 30), plain)


def test_a_larger_budget_extends_the_choice_of_a_smaller_one():
    points = torch.randn(30, 3, generator=generator("points"))
    whole = ball_cover(points, points[:0], 1.0, 30)
    assert sorted(whole.tolist()) == list(range(30))
    assert torch.equal(ball_cover(points, points[:0], 1.0, 9), whole[:9])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((1.0, 4), "budget: 4 exceeds the 3 points"), ((-1.0, 2), "radius: -1.0"), ((math.nan, 2), "radius: nan")],
)
def test_bad_numbers_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ball_cover(torch.zeros(3, 2), torch.zeros(0, 2), *arguments)


@pytest.mark.parametrize("side", [0, 1])
def test_features_that_are_not_finite_are_refused(side):
    sides = [torch.zeros(3, 2), torch.zeros(2, 2)]
    sides[side][1, 1] = torch.nan if side else torch.inf
    with pytest.raises(ValueError, match="some are NaN or infinite"):
        ball_cover(*sides, 1.0, 2)


def share(points, groups, radius):
    distances = torch.cdist(points.double(), points.double(), compute_mode="donot_use_mm_for_euclid_dist")
    return float(((distances > radius) | (groups[:, None] == groups)).all(1).double().mean())


@pytest.mark.parametrize("purity", [0.5, 0.95, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_no_larger_radius_is_pure_enough(purity, seed):
    points = torch.randn(60, 2, generator=generator(seed))
    groups = (points[:, 0] > 0).long() + 2 * (points[:, 1] > 0.5).long()
    radius = largest_pure_radius(points, groups, purity, chunk=16)
    assert share(points, groups, radius) >= purity
    assert share(points, groups, math.nextafter(radius, math.inf)) < purity


def test_a_radius_worked_by_hand():
    # nearest strangers of 0, 1, 4 and 9 in groups 0, 0, 1, 1 are 4, 3, 3 and 8 away
    line, groups = torch.tensor([[0.0], [1.0], [4.0], [9.0]]), torch.tensor([0, 0, 1, 1])
    assert [largest_pure_radius(line, groups, purity) for purity in (0.25, 0.5, 0.75, 1.0)] == [
        math.nextafter(limit, 0.0) for limit in (8.0, 4.0, 3.0, 3.0)
    ]


def test_a_share_that_rounds_up_asks_for_no_point_more():
    line = torch.arange(20.0)[:, None] ** 2
    groups = torch.arange(20) // 10
    clear = sorted((min(abs(float(a - b)) for b in line[(groups != g)]) for a, g in zip(line, groups, strict=True)))
    for count in range(1, 21):
        assert largest_pure_radius(line, groups, count / 20) == math.nextafter(clear[20 - count], 0.0)


def test_the_cover_agrees_that_balls_of_the_pure_radius_are_pure():
    points = torch.tensor([[0.0], [1.0], [4.0]])
    radius = largest_pure_radius(points, torch.tensor([0, 0, 1]), 1.0)
    assert ball_cover(points, points[:0], radius, 2).tolist() == [0, 2]
    assert ball_cover(points, points[:0], math.nextafter(radius, 9.0), 1).tolist() == [1]


def test_where_strangers_are_copies_no_radius_is_pure():
    assert largest_pure_radius(torch.zeros(4, 2), torch.tensor([0, 0, 1, 1])) == 0.0


@pytest.mark.parametrize(
    ("groups", "purity", "message"),
    [([0, 0, 0], 0.9, "groups: 1 of them"), ([0, 1, 1], 0.0, "purity: 0.0"), ([0, 1, 1], 1.5, "purity: 1.5")],
)
def test_what_has_no_pure_radius_is_refused(groups, purity, message):
    with pytest.raises(ValueError, match=message):
        largest_pure_radius(torch.randn(3, 2, generator=generator("points")), torch.tensor(groups), purity)
