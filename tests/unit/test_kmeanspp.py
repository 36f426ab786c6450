import itertools
import math
from collections import Counter

import jaxtyping
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.kernels.seeding import _check, _distances, _Rows, _Seeds, kmeanspp, kmeanspp_points
from torchal.rng import generator


def outer(left, right):
    return torch.einsum("na,nb->nab", left.double(), right.double()).flatten(1)


def rows(pool, a=3, b=4, seed=0):
    left, right = (torch.randn(pool, width, generator=generator(seed, width)) for width in (a, b))
    return left, right


def squared(points):
    return (points[:, None] - points[None]).square().sum(-1)


def law(points, budget, first=None):
    """The probability of every ordered choice, from the definition."""
    apart = squared(points.double())
    chances = {(n,): 1 / len(points) for n in range(len(points))} if first is None else {(first,): 1.0}
    for _ in range(budget - 1):
        longer = {}
        for chosen, chance in chances.items():
            nearest = apart[list(chosen)].amin(0)
            for n, share in enumerate((nearest / nearest.sum()).tolist()):
                if share:
                    longer[*chosen, n] = chance * share
        chances = longer
    return chances


def assert_follows(drawn, chances):
    """Pearson's statistic is within five standard deviations of its mean; rare outcomes are pooled."""
    seen, total = Counter(drawn), len(drawn)
    assert seen.keys() <= chances.keys()
    common = [outcome for outcome, chance in chances.items() if chance * total >= 5]
    cells = [(seen[outcome], chances[outcome] * total) for outcome in common]
    if len(common) < len(chances):
        cells.append((total - sum(cell[0] for cell in cells), total - sum(cell[1] for cell in cells)))
    statistic = sum((count - expected) ** 2 / max(expected, 1) for count, expected in cells)
    free = len(cells) - 1
    assert statistic < free + 5 * math.sqrt(2 * free)


def plain(points, budget, draw):
    """The seeding from its definition, with a pass over all points for each pick."""
    chosen = [int(torch.randint(len(points), (), generator=draw))]
    nearest = (points - points[chosen[0]]).square().sum(1)
    while len(chosen) < budget:
        chosen.append(int(torch.multinomial(nearest, 1, generator=draw)))
        nearest = nearest.minimum((points - points[chosen[-1]]).square().sum(1))
    return chosen


def potential(points, chosen):
    return float(torch.cdist(points, points[chosen]).amin(1).square().sum())


@pytest.fixture
def unchecked(monkeypatch):
    """Leave shapes unchecked where a call is repeated a thousand times: that takes most of its time, and others do."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.mark.unchecked
@pytest.mark.parametrize("origin", [False, True])
def test_every_ordered_choice_is_as_likely_as_its_definition_says(unchecked, origin):
    left, right = rows(5, 2, 3)
    if origin:  # a saturated softmax: a point like any other, and no centre until it is drawn
        left[2] = 0
    draw = generator("draws", origin)
    drawn = [tuple(kmeanspp(left, right, 3, draw).tolist()) for _ in range(1500)]
    assert_follows(drawn, law(outer(left, right), 3))


@pytest.mark.unchecked
def test_rows_of_very_different_norms_follow_the_law_after_a_given_first(unchecked):
    left, right = rows(9)
    left *= torch.logspace(0, -1.5, 9)[:, None]
    draw = generator("draws")
    drawn = [tuple(kmeanspp(left, right, 3, draw, first=4).tolist()) for _ in range(1500)]
    assert_follows(drawn, law(outer(left, right), 3, first=4))


@pytest.mark.unchecked
def test_the_last_of_many_picks_follow_the_law(unchecked):
    # of two tight pairs and scattered points, what is left for the last two picks depends on all before them
    points = torch.tensor([[0.0, 0.0], [0.5, 0.0], [4.0, 0.0], [4.0, 0.5], [0.0, 4.0], [4.0, 4.0]])
    draw = generator("draws")
    left_out = [frozenset(range(6)) - set(kmeanspp_points(points, 4, draw).tolist()) for _ in range(1000)]
    chances = Counter()
    for chosen, chance in law(points, 4).items():
        chances[frozenset(range(6)) - set(chosen)] += chance
    assert_follows(left_out, chances)


@pytest.mark.unchecked
def test_a_case_worked_by_hand(unchecked):
    # on a line, from 0: the squared distances 1 and 9 of 1 and 3 give 1 to 9
    line, draw = torch.tensor([[0.0], [1.0], [3.0]]), generator("draws")
    second = [kmeanspp_points(line, 2, draw, first=0).tolist()[1] for _ in range(1000)]
    assert_follows(second, {1: 0.1, 2: 0.9})


def test_many_picks_reach_the_potential_of_the_plain_form():
    left, right = rows(400, 3, 8)
    left *= torch.logspace(0, -2, 400)[:, None]
    points = outer(left, right)
    ours = torch.tensor([potential(points, kmeanspp(left, right, 80, generator(n))) for n in range(60)])
    theirs = torch.tensor([potential(points, plain(points, 80, generator("plain", n))) for n in range(60)])
    error = (ours.var() / 60 + theirs.var() / 60).sqrt()
    assert abs(ours.mean() - theirs.mean()) < 3.5 * error


def test_distances_agree_with_those_of_the_built_rows():
    left, right = rows(40)
    near = left[:10] * (1 + 1e-7), right[:10] * (1 - 3e-7)
    left, right = torch.cat([left.double(), near[0].double()]), torch.cat([right.double(), near[1].double()])
    one = _Rows.of(left, right)
    expected = squared(outer(left, right))
    torch.testing.assert_close(_distances(one, one), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e-12])
def test_copies_are_at_distance_0_and_never_drawn_while_another_row_is_left(scale):
    left, right = rows(1, 10, 64)
    left, right = (scale * left).repeat(300, 1), right.repeat(300, 1)
    left[7] *= 1 + 1e-6  # nearer than the rounding of its squared norm, so that products alone see only noise
    copies = _Rows.of(left[:7], right[:7])
    assert not _distances(copies, copies).any()
    for seed in range(5):
        assert 7 in kmeanspp(left, right, 2, generator(seed)).tolist()


def test_when_only_copies_are_left_they_are_drawn_uniformly(unchecked):
    points, draw = torch.tensor([[0.0], [0.0], [0.0], [5.0]]), generator("draws")
    drawn = [tuple(kmeanspp_points(points, 3, draw, first=3).tolist()) for _ in range(800)]
    assert_follows(drawn, {(3, *pair): 1 / 6 for pair in itertools.permutations(range(3), 2)})


def test_rows_at_the_origin_count_as_copies_of_one_point():
    left, right = rows(200, 10, 16)
    left[20:] = 0
    chosen = kmeanspp(left, right, 60, generator("draws")).tolist()
    assert set(range(20)) <= set(chosen[:21])
    assert len(set(chosen)) == 60


@pytest.mark.parametrize("least", [1e-60, 1e-155, 1e-300])
def test_probabilities_so_sure_that_their_squares_underflow_are_drawn_once(least):
    left, right = rows(60)
    chosen = kmeanspp(least * left.double(), right, 50, generator("draws"))
    assert len(chosen.unique()) == 50


whole = st.integers(-3, 3).map(float)


@settings(max_examples=60)
@given(pool=st.lists(st.tuples(*[whole] * 4), min_size=1, max_size=30), data=st.data())
def test_no_row_comes_twice_and_distinct_rows_come_first(pool, data):
    sides = torch.tensor(pool)
    left, right = sides[:, :2], sides[:, 2:]
    budget, first = data.draw(st.integers(1, len(pool))), data.draw(st.none() | st.integers(0, len(pool) - 1))
    chosen = kmeanspp(left, right, budget, generator(data.draw(st.integers(0, 9))), first, data.draw(st.integers(1, 9)))
    assert len(set(chosen.tolist())) == budget
    assert first in {None, int(chosen[0])}
    built = outer(left, right)
    distinct = len(built.unique(dim=0))
    assert len(built[chosen].unique(dim=0)) == min(budget, distinct)


def test_the_chunk_changes_no_pick():
    left, right = rows(700)
    answers = {tuple(kmeanspp(left, right, 300, generator("draws"), chunk=chunk).tolist()) for chunk in (1, 64, 9999)}
    assert len(answers) == 1


def test_no_distance_exceeds_its_bound_and_refreshed_bounds_are_the_distances():
    left, right = rows(60)
    seeds, draw = _Seeds(left, right, first=0, budget=12, chunk=16), generator("draws")
    while seeds.count < 12:
        seeds.draw(draw)
    expected = squared(outer(left, right))[seeds.chosen].amin(0)
    assert (seeds.bounds >= expected * (1 - 1e-9)).all()
    assert not seeds.bounds[seeds.chosen[1:]].any(), "a drawn row is not proposed again"
    seeds.refresh()
    torch.testing.assert_close(seeds.bounds, expected, rtol=1e-6, atol=0)


def test_the_whole_pool_and_a_single_row_can_be_drawn():
    left, right = rows(300)
    assert sorted(kmeanspp(left, right, 300, generator("draws")).tolist()) == list(range(300))
    draw = generator("draws")
    assert_follows([int(kmeanspp(*rows(4), 1, draw)) for _ in range(400)], dict.fromkeys(range(4), 0.25))


def test_the_draws_are_the_generators_alone_and_the_arguments_stay():
    left, right = rows(50)
    before, stream = (left.clone(), right.clone()), torch.get_rng_state()
    first, second = (kmeanspp(left, right, 20, generator("draws")) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), stream)
    assert torch.equal(left, before[0])
    assert torch.equal(right, before[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"budget": 4}, "budget: 4 is not between 1 and the 3 rows"),
        ({"budget": 0}, "budget: 0 is not between 1 and the 3 rows"),
        ({"first": 3}, "first: 3 is not one of the 3 rows"),
        ({"right": torch.ones(3, 2).index_fill(0, torch.tensor([1]), torch.nan)}, "rows: 1 of 3 are NaN.* at index 1"),
        ({"left": torch.full((3, 2), torch.inf)}, "rows: 3 of 3 are NaN, infinite"),
        ({"left": torch.full((3, 2), 1e150, dtype=torch.float64)}, "rows: 3 of 3 .* too large"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(arguments, message):
    sound = {"left": torch.ones(3, 2), "right": torch.ones(3, 2), "budget": 2, "generator": generator("draws")}
    with pytest.raises(ValueError, match=message):
        kmeanspp(**sound | arguments)


def test_sides_of_different_lengths_are_refused_where_types_are_not_checked():
    with pytest.raises(ValueError, match="left, right: 2 and 3 rows"):
        _check(torch.ones(2, 2), torch.ones(3, 2), 2, None)
