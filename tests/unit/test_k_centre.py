import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.kernels._euclid import Space
from torchal.kernels.k_centre import _check, k_centre_greedy
from torchal.rng import generator

NOTHING = torch.empty(0, 2)


def reference(points, labelled, budget):
    """The algorithm on whole numbers, where squared distances are exact."""
    centres, left, chosen = list(labelled), list(range(len(points))), []

    def squared(one, other):
        return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))

    while len(chosen) < budget:
        if centres:
            best = max(left, key=lambda n: min(squared(points[n], centre) for centre in centres))
        else:
            total = [sum(column) for column in zip(*points, strict=True)]
            best = min(left, key=lambda n: squared([len(points) * each for each in points[n]], total))
        chosen.append(best)
        left.remove(best)
        centres.append(points[best])
    return chosen


def plain(features, labelled, budget):
    """The algorithm with every distance, in float64 from differences."""
    points, nearest, chosen = features.double(), torch.full((len(features),), torch.inf, dtype=torch.float64), []
    for centre in labelled.double():
        nearest = nearest.minimum(apart(points, centre[None])[:, 0])
    for pick in range(budget):
        worth = nearest if pick or len(labelled) else -apart(points, points.mean(0, keepdim=True))[:, 0]
        chosen.append(int(worth.argmax()))
        nearest = nearest.minimum(apart(points, points[chosen[-1:]])[:, 0])
        nearest[chosen[-1]] = -1
    return chosen


def apart(left, right):
    return torch.cdist(left, right, compute_mode="donot_use_mm_for_euclid_dist")


def features(count, width=24, noise=0.5):
    """As a network makes them: rectified clusters."""
    draw = generator("features")
    means = torch.randn(10, width, generator=draw)[torch.randint(10, (count,), generator=draw)]
    return (means + noise * torch.randn(count, width, generator=draw)).relu()


def grid(count, width=3, side=5):
    return torch.randint(side, (count, width), generator=generator("grid")).float()


@pytest.fixture
def multiplied():
    """A precision of products that torch keeps for all of the process."""
    before = torch.get_float32_matmul_precision()
    yield torch.set_float32_matmul_precision
    torch.set_float32_matmul_precision(before)


coordinates = st.tuples(st.integers(-3, 3), st.integers(-3, 3))


@settings(max_examples=60)
@given(pool=st.lists(coordinates, min_size=1, max_size=12), labelled=st.lists(coordinates, max_size=4), data=st.data())
def test_every_pick_is_the_farthest_from_its_nearest_centre_with_ties_to_the_lowest_index(pool, labelled, data):
    budget = data.draw(st.integers(1, len(pool)))
    if not labelled and len(pool) not in {1, 2, 4, 8}:
        pool = pool[: 2 ** int(math.log2(len(pool)))]  # so that the mean is exact
        budget = min(budget, len(pool))
    chosen = k_centre_greedy(
        torch.tensor(pool).float(),
        torch.tensor(labelled).float().reshape(-1, 2),
        budget,
        chunk=data.draw(st.integers(1, 13)),
    )
    assert chosen.tolist() == reference(pool, labelled, budget)


def test_a_case_worked_by_hand():
    # on a line: from the centre 0 the farthest is 10; then 4 (4 from 0) beats 7 (3 from 10); then 7 (3) beats 1 (1)
    line = torch.tensor([[1.0], [4.0], [7.0], [10.0]])
    assert k_centre_greedy(line, torch.zeros(1, 1), 4).tolist() == [3, 1, 2, 0]


def test_with_nothing_labelled_the_first_pick_is_nearest_to_the_mean():
    line = torch.tensor([[0.0], [1.0], [2.0], [9.0]])  # mean 3
    assert k_centre_greedy(line, torch.empty(0, 1), 2).tolist() == [2, 3]


def test_no_copy_is_taken_while_another_point_is_left_and_none_twice():
    points = torch.tensor([[0.0, 0.0], [5.0, 0.0], [5.0, 0.0], [0.0, 5.0], [0.0, 5.0]])
    chosen = k_centre_greedy(points, torch.zeros(1, 2), 5).tolist()
    assert chosen == [1, 3, 0, 2, 4]


@pytest.mark.parametrize(("dtype", "away"), [(torch.float32, 1e6), (torch.float64, 1e10)])
def test_points_far_from_the_origin_are_told_apart(dtype, away):
    # the rounding of the squared norms exceeds the squared distances, so an expansion by inner products sees only noise
    points = torch.tensor([[away, 0.0], [away + 1, 0.0], [away + 3, 0.0], [away + 7, 0.0]], dtype=dtype)
    assert k_centre_greedy(points, points[:1], 3).tolist() == [3, 2, 1]


@pytest.mark.parametrize("change", [lambda x: x + 3.0, lambda x: 4.0 * x, lambda x: x.flip(1)])
def test_shifting_scaling_and_mirroring_all_points_change_no_pick(change):
    points = torch.randn(40, 3, generator=generator("points"), dtype=torch.float64)
    labelled = torch.randn(5, 3, generator=generator("labelled"), dtype=torch.float64)
    for centres in (labelled, labelled[:0]):
        plain = k_centre_greedy(points, centres, 15)
        assert torch.equal(k_centre_greedy(change(points), change(centres), 15), plain)


def test_the_chunk_changes_no_pick():
    points, labelled = torch.randn(70, 4, generator=generator("a")), torch.randn(33, 4, generator=generator("b"))
    answers = {tuple(k_centre_greedy(points, labelled, 20, chunk).tolist()) for chunk in (1, 7, 32, 1000)}
    assert len(answers) == 1


@pytest.mark.parametrize("known", [0, 1, 600])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_many_lazy_picks_are_those_of_taking_every_distance(known, dtype):
    points = features(2500).to(dtype)
    pool, labelled = points[known:], points[:known]
    assert k_centre_greedy(pool, labelled, 450, chunk=256).tolist() == plain(pool, labelled, 450)


@pytest.mark.parametrize("known", [0, 600])
def test_so_they_are_where_nearly_all_distances_tie(known):
    pool, labelled = grid(2000)[known:], grid(2000)[:known]
    chosen = k_centre_greedy(pool, labelled, 500, chunk=128)
    assert chosen.tolist() == plain(pool, labelled, 500)


@pytest.mark.parametrize(("dtype", "noise"), [(torch.float32, 1e-4), (torch.float64, 1e-9)])
def test_so_they_are_within_clusters_too_tight_for_the_products(dtype, noise):
    draw = generator("tight")
    means = 10 * torch.randn(8, 16, generator=draw, dtype=dtype)[torch.randint(8, (1200,), generator=draw)]
    points = means + noise * torch.randn(1200, 16, generator=draw, dtype=dtype)
    assert k_centre_greedy(points[200:], points[:200], 150, chunk=64).tolist() == plain(points[200:], points[:200], 150)


def test_so_they_are_where_all_features_share_a_huge_mean():
    points = 1e6 + 8 * features(1500)  # float32 keeps sixteenths there
    assert k_centre_greedy(points[200:], points[:200], 200).tolist() == plain(points[200:], points[:200], 200)


def test_so_they_are_where_labelled_points_are_of_another_type():
    points = features(1000)
    expected = plain(points[200:], points[:200].half(), 100)
    assert k_centre_greedy(points[200:], points[:200].half(), 100).tolist() == expected


def test_so_they_are_where_torch_may_round_the_factors_of_products(multiplied):
    points = 8 * features(1200)
    expected = plain(points[200:], points[:200], 200)
    multiplied("medium")
    assert k_centre_greedy(points[200:], points[:200], 200).tolist() == expected


@pytest.mark.parametrize("precision", ["highest", "medium"])
@pytest.mark.parametrize("away", [0.0, 1e3, 1e6])
def test_squared_distances_lie_between_their_bounds(precision, away, multiplied):
    points = away + features(300, width=512)
    multiplied(precision)
    space = Space(points)
    low, high = space.place(points[:150]).bounds(space.place(points[100:]))
    squares = apart(space.scaled(points[:150]), space.scaled(points[100:])).square()
    assert (low.double() <= squares).all()
    assert (squares <= high.double()).all()


@pytest.mark.parametrize("scale", [1e-20, 1e20, 1e-38, 1e38])
def test_features_of_any_size_are_told_apart(scale):
    points = scale * (grid(300, width=2, side=90) / 90)
    assert k_centre_greedy(points[50:], points[:50], 60).tolist() == plain(points[50:], points[:50], 60)


@pytest.mark.parametrize("known", [0, 40])
@pytest.mark.parametrize("shift", [7.0, 2.0**20])
def test_moving_a_grid_of_whole_numbers_changes_no_pick(known, shift):
    points = grid(256 + known)  # a power of two, so that the mean is exact
    pool, labelled = points[known:], points[:known]
    moved = k_centre_greedy(pool + shift, labelled + shift, 90)
    assert torch.equal(moved, k_centre_greedy(pool, labelled, 90))


def test_the_order_of_the_pool_changes_no_point_chosen():
    points = features(900)
    order = torch.randperm(800, generator=generator("order"))
    chosen = k_centre_greedy(points[100:], points[:100], 120)
    assert torch.equal(order[k_centre_greedy(points[100:][order], points[:100], 120)], chosen)


@pytest.mark.parametrize("known", [0, 3])
@pytest.mark.parametrize("chunk", [2, 5, 1024])
def test_the_whole_pool_is_chosen_once_with_its_copies_last(known, chunk):
    points = grid(64 + known, width=2, side=4)
    chosen = k_centre_greedy(points[known:], points[:known], 64, chunk)
    assert sorted(chosen.tolist()) == list(range(64))
    assert chosen.tolist() == plain(points[known:], points[:known], 64)


@pytest.mark.parametrize("known", [0, 1, 300])
def test_copies_alone_are_taken_in_order(known):
    assert k_centre_greedy(torch.ones(500, 8), torch.ones(known, 8), 400, chunk=32).tolist() == list(range(400))


def test_a_choice_of_one_is_the_first_of_a_choice_of_many():
    points = features(300)
    for labelled in (points[:100], points[:0]):
        one, many = (k_centre_greedy(points[100:], labelled, budget).tolist() for budget in (1, 50))
        assert one == many[:1]


def test_nothing_is_chosen_of_nothing():
    assert k_centre_greedy(torch.zeros(0, 2), NOTHING, 0).tolist() == []
    assert k_centre_greedy(torch.zeros(3, 2), NOTHING, 0).tolist() == []


def test_a_larger_budget_extends_the_choice_of_a_smaller_one():
    points = torch.randn(30, 4, generator=generator("a"))
    assert torch.equal(k_centre_greedy(points, points[:0], 25)[:9], k_centre_greedy(points, points[:0], 9))


@pytest.mark.parametrize("seed", range(5))
def test_the_radius_is_within_twice_the_optimum(seed):
    points = torch.randn(9, 2, generator=generator(seed), dtype=torch.float64)
    distances = torch.cdist(points, points)

    def radius(chosen):
        return float(distances[:, list(chosen)].amin(1).max())

    best = min(radius(chosen) for chosen in itertools.combinations(range(9), 3))
    assert radius(k_centre_greedy(points, points[:0], 3).tolist()) <= 2 * best


@pytest.mark.parametrize("budget", [-1, 4])
def test_a_budget_that_the_pool_cannot_meet_is_refused(budget):
    with pytest.raises(ValueError, match=f"budget: {budget} of 3 points; ask for 0 to that many"):
        k_centre_greedy(torch.zeros(3, 2), NOTHING, budget)


def test_sides_of_different_widths_are_refused_where_types_are_not_checked():
    with pytest.raises(ValueError, match="features, labelled: of widths 2 and 3"):
        _check(torch.zeros(3, 2), torch.zeros(3, 3), 2)


@pytest.mark.parametrize("side", [0, 1])
def test_features_that_are_not_finite_are_refused(side):
    sides = [torch.zeros(3, 2), torch.zeros(2, 2)]
    sides[side][1, 1] = torch.nan if side else torch.inf
    with pytest.raises(ValueError, match="some are NaN or infinite"):
        k_centre_greedy(*sides, 2)


def test_the_arguments_are_not_changed():
    points, labelled = (torch.randn(n, 2, generator=generator(n), dtype=torch.float64) for n in (6, 2))
    before = points.clone(), labelled.clone()
    k_centre_greedy(points, labelled, 3)
    assert torch.equal(points, before[0])
    assert torch.equal(labelled, before[1])
