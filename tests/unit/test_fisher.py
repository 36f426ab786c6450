import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import config

from torchal.kernels.fisher import SIZE_LIMIT, fisher_select, fisher_select_binary
from torchal.rng import generator

BOTH = pytest.mark.parametrize("select", [fisher_select, fisher_select_binary])


def draw(pool, labelled, classes, width, address="points"):
    """Return random arrays in the order of the arguments."""
    noise = generator(address)
    arrays = []
    for rows in (pool, labelled):
        arrays.append((2 * torch.randn(rows, classes, generator=noise, dtype=torch.float64)).softmax(-1))
        arrays.append(torch.randn(rows, width, generator=noise, dtype=torch.float64))
    return arrays


def softmax_matrix(p, z):
    """The Fisher matrix by its definition: the mean over labels of the outer product of the gradient with itself."""
    gradients = [torch.kron(torch.eye(len(p), dtype=p.dtype)[label] - p, z) for label in range(len(p))]
    return sum(p[label] * torch.outer(gradient, gradient) for label, gradient in enumerate(gradients))


def binary_matrix(p, z):
    return p.max() * (1 - p.max()) * torch.outer(z, z)


MATRIX = {fisher_select: softmax_matrix, fisher_select_binary: binary_matrix}


class Plain:
    """The algorithm on whole matrices, inverted anew for every candidate."""

    def __init__(self, select, arrays, ridge):
        pool = [MATRIX[select](p, z) for p, z in zip(*arrays[:2], strict=True)]
        labelled = [MATRIX[select](p, z) for p, z in zip(*arrays[2:], strict=True)]
        self.matrices, self.mean = pool, sum(pool + labelled) / len(pool + labelled)
        self.start = ridge * torch.eye(len(self.mean), dtype=self.mean.dtype) + sum(labelled)

    def trace(self, chosen):
        return float(torch.trace(torch.linalg.inv(self.start + sum(self.matrices[n] for n in chosen)) @ self.mean))

    def choice(self, budget, oversample):
        chosen, pool = [], len(self.matrices)
        while len(chosen) < min(oversample * budget, pool):
            now = self.trace(chosen)
            falls = {n: now - self.trace([*chosen, n]) for n in range(pool) if n not in chosen}
            largest = max(falls.values())
            chosen.append(min(n for n in falls if falls[n] >= largest - 1e-9 * abs(largest) - 1e-13))
        while len(chosen) > budget:
            now = self.trace(chosen)
            rises = [self.trace(chosen[:at] + chosen[at + 1 :]) - now for at in range(len(chosen))]
            least = min(rises)
            del chosen[max(at for at, rise in enumerate(rises) if rise <= least + 1e-9 * abs(least) + 1e-13)]
        return chosen


def points(count, classes, width):
    weights = st.lists(st.sampled_from([1, 1, 2, 5, 20]), min_size=classes, max_size=classes)
    coordinates = st.lists(st.integers(-3, 3), min_size=width, max_size=width)
    return st.lists(st.tuples(weights, coordinates), min_size=count[0], max_size=count[1])


@st.composite
def problems(draw_from):
    classes, width = draw_from(st.integers(2, 3)), draw_from(st.integers(1, 3))
    arrays = []
    for count in ((1, 8), (0, 3)):
        rows = draw_from(points(count, classes, width))
        weights = torch.tensor([weight for weight, _ in rows], dtype=torch.float64).reshape(-1, classes)
        arrays.append(weights / weights.sum(1, keepdim=True))
        arrays.append(torch.tensor([place for _, place in rows], dtype=torch.float64).reshape(-1, width))
    return arrays, draw_from(st.integers(1, len(arrays[0])))


@BOTH
@settings(max_examples=150)
@given(problem=problems(), ridge=st.sampled_from([0.01, 1.0, 7.0]), oversample=st.integers(1, 3), data=st.data())
def test_every_step_is_the_best_by_whole_inverses_with_ties_as_stated(select, problem, ridge, oversample, data):
    arrays, budget = problem
    chunk = data.draw(st.integers(1, 9))
    chosen = select(*arrays, budget, ridge=ridge, oversample=oversample, chunk=chunk)
    assert chosen.tolist() == Plain(select, arrays, ridge).choice(budget, oversample)


@BOTH
@pytest.mark.parametrize("labelled", [0, 6])
def test_long_series_of_corrections_keep_to_whole_inverses(select, labelled):
    arrays = draw(30, labelled, 3, 4)
    assert select(*arrays, 9, ridge=0.05).tolist() == Plain(select, arrays, 0.05).choice(9, 2)


def test_a_case_worked_by_hand():
    # One dimension and p = 1/2, so that a point is z^2 / 4 of information: 1, 4, 9, 1. Whatever the rest, adding the
    # larger lowers F / M more: 9 first, then 4. Of the two, 4 is missed less.
    half, line = torch.full((4, 2), 0.5), torch.tensor([[2.0], [4.0], [6.0], [-2.0]])
    none = half[:0], line[:0]
    assert fisher_select_binary(half, line, *none, 1).tolist() == [2]
    assert fisher_select_binary(half, line, *none, 4).tolist() == [2, 1, 0, 3]


def test_a_choice_between_directions_worked_by_hand():
    # Information 1 along each of two axes, shared by 3 points and 1 point: F = diag(3, 1) / 4. With ridge 1 the first
    # point along an axis halves that axis's share of the trace, 3/4 or 1/4; the second takes off a third of the half.
    # So the falls are 3/8 for the first axis, then 1/8 for its second point and for the other axis: the lower index.
    half, axes = torch.full((4, 2), 0.5), 2.0 * torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    assert fisher_select_binary(half, axes, half[:0], axes[:0], 2, oversample=1).tolist() == [0, 1]
    flipped = fisher_select_binary(half, axes.flip(0), half[:0], axes[:0], 2, oversample=1)
    assert flipped.tolist() == [0, 1]  # now these are both along the first axis
    # With a point along the first axis labelled, F = diag(4, 1) / 5 and M = diag(2, 1): a second one lowers 4/10 to
    # 4/15, that is by 2/15, and one along the other axis lowers 1/5 to 1/10. In the backward step too the first stays.
    known = half[:1], axes[:1]
    assert fisher_select_binary(half, axes, *known, 1).tolist() == [0]


def test_a_point_of_which_the_network_is_sure_tells_nothing():
    sure = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.4, 0.3, 0.3]])
    places = torch.tensor([[9.0, 0.0], [0.0, 9.0], [1.0, 0.0]])
    for select in (fisher_select, fisher_select_binary):
        assert select(sure, places, sure[:0], places[:0], 2).tolist() == [2, 0]  # then all tell nothing: the lowest


def test_with_two_classes_the_binary_choice_is_the_exact_one_with_half_the_ridge():
    for seed in range(4):
        arrays = draw(40, 5, 2, 3, address=seed)
        assert torch.equal(fisher_select(*arrays, 8, ridge=2.0), fisher_select_binary(*arrays, 8, ridge=1.0))


@BOTH
def test_removing_lowers_the_trace_below_that_of_adding_alone_or_leaves_it_for_most_pools(select):
    better = 0
    for seed in range(8):
        arrays = draw(12, 0, 3, 2, address=seed)
        plain = Plain(select, arrays, 0.1)
        alone, both = (plain.trace(select(*arrays, 4, ridge=0.1, oversample=each).tolist()) for each in (1, 2))
        best = min(plain.trace(chosen) for chosen in itertools.combinations(range(12), 4))
        assert best - 1e-12 <= both <= 1.2 * best
        better += both <= alone + 1e-12
    assert better >= 4


@BOTH
def test_copies_are_taken_lowest_first_whatever_the_chunk(select):
    arrays = draw(7, 0, 3, 4)
    copied = [each.repeat(5, 1) for each in arrays[:2]]
    for chunk in (1, 3, 64):
        chosen = select(*copied, *arrays[2:], 10, chunk=chunk).tolist()
        assert chosen == [n for n in chosen if all(earlier in chosen for earlier in range(n % 7, n, 7))]


@BOTH
def test_the_chunk_changes_no_pick(select):
    arrays = [each.float() for each in draw(70, 20, 3, 4)]
    assert len({tuple(select(*arrays, 20, chunk=chunk).tolist()) for chunk in (1, 7, 32, 1000)}) == 1


@BOTH
def test_the_order_of_points_only_moves_the_picks_and_that_of_classes_and_dimensions_changes_none(select):
    arrays = draw(40, 10, 4, 3)
    chosen = select(*arrays, 8)
    order = torch.randperm(40, generator=generator("order"))
    assert torch.equal(order[select(arrays[0][order], arrays[1][order], *arrays[2:], 8)], chosen)
    back = arrays[2].flip(0), arrays[3].flip(0)
    assert torch.equal(select(*arrays[:2], *back, 8), chosen)
    assert torch.equal(select(*(each.flip(1) for each in arrays), 8), chosen)


@BOTH
def test_embeddings_scaled_with_the_root_of_the_ridge_change_no_pick(select):
    arrays = draw(40, 10, 3, 3)
    scaled = [arrays[0], 10 * arrays[1], arrays[2], 10 * arrays[3]]
    assert torch.equal(select(*scaled, 8, ridge=100.0), select(*arrays, 8))


@BOTH
def test_the_whole_pool_can_be_asked_for_and_one_point_and_none(select):
    arrays = draw(9, 3, 3, 2)
    assert sorted(select(*arrays, 9, oversample=5).tolist()) == list(range(9))
    assert select(*arrays, 1, oversample=1).tolist() == Plain(select, arrays, 1.0).choice(1, 1)
    assert select(*arrays, 0).tolist() == []


@BOTH
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": 6}, "budget: 6 exceeds the 5 points"),
        ({"oversample": 0}, "oversample: 0 adds fewer points"),
        ({"ridge": 0.0}, "ridge: 0.0 is below"),
        ({"ridge": -1.0}, "ridge: -1.0 is below"),
        ({"ridge": math.nan}, "ridge: nan is below"),
        ({"ridge": 1e-7}, "ridge: 1e-07 is below .* raise it or scale the embeddings down"),
        ({"embeddings": torch.full((5, 2), math.inf)}, "embeddings: some are NaN or infinite"),
        ({"labelled_embeddings": torch.full((3, 2), math.nan)}, "embeddings: some are NaN or infinite"),
        ({"probabilities": torch.ones(5, 3)}, "probabilities: some rows are no distributions"),
        ({"labelled_probabilities": torch.full((3, 3), math.nan)}, "probabilities: some rows are no distributions"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(select, change, message):
    names = ("probabilities", "embeddings", "labelled_probabilities", "labelled_embeddings")
    arguments = dict(zip(names, draw(5, 3, 3, 2), strict=True)) | {"budget": 2}
    with pytest.raises(ValueError, match=message):
        select(**arguments | change)


def test_sizes_whose_matrices_are_too_large_are_refused_with_what_to_do():
    rows, wide = torch.full((3, 10), 0.1), torch.ones(3, SIZE_LIMIT // 10 + 1)
    with pytest.raises(ValueError, match=r"601 dimensions of 10 classes .* 6010 x 6010, beyond 6000; .*_binary"):
        fisher_select(rows, wide, rows[:0], wide[:0], 1)


@BOTH
def test_the_arguments_are_not_changed(select):
    arrays = draw(9, 3, 3, 2)
    before = [each.clone() for each in arrays]
    select(*arrays, 4)
    assert all(map(torch.equal, arrays, before))


@BOTH
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embeddings": torch.zeros(4, 2)}, "embeddings: 4 rows for 5 rows of probabilities"),
        (
            {"labelled_embeddings": torch.zeros(3, 1)},
            "labelled: 3 classes and 1 dimensions, where the pool has 3 and 2",
        ),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused_where_types_are_not_checked(select, change, message):
    names = ("probabilities", "embeddings", "labelled_probabilities", "labelled_embeddings")
    arguments = dict(zip(names, draw(5, 3, 3, 2), strict=True)) | {"budget": 2}
    config.update("jaxtyping_disable", value=True)
    try:
        with pytest.raises(ValueError, match=message):
            select(**arguments | change)
    finally:
        config.update("jaxtyping_disable", value=False)
