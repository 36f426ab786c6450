import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.kernels.k_centre import k_centre_greedy
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


coordinates = st.tuples(st.integers(-3, 3), st.integers(-3, 3))


@settings(max_examples=60, deadline=None)
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


def test_a_budget_beyond_the_pool_is_refused():
    with pytest.raises(ValueError, match="budget: 4 exceeds the 3 points"):
        k_centre_greedy(torch.zeros(3, 2), NOTHING, 4)


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
