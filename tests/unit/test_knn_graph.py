import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.kernels.nearest import knn_graph, neighbours
from torchal.rng import generator

coordinates = st.tuples(st.integers(-3, 3), st.integers(-3, 3))


def squared(one, other):
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def reference(query, points, k, without=None):
    """Sorted on whole numbers, where squared distances are exact."""
    return sorted((squared(query, x), n) for n, x in enumerate(points) if n != without)[:k]


def agree(found, expected):
    distances, indices = found
    assert indices.tolist() == [[n for _, n in row] for row in expected]
    squares = torch.tensor([[float(square) for square, _ in row] for row in expected], dtype=torch.float64)
    assert torch.allclose(distances.square(), squares.view_as(distances), rtol=1e-14, atol=0)


@settings(max_examples=100)
@given(points=st.lists(coordinates, min_size=1, max_size=40), data=st.data())
def test_the_graph_is_that_of_sorting_all_distances_with_ties_to_the_lowest_index(points, data):
    k = data.draw(st.integers(0, len(points) - 1))
    found = knn_graph(torch.tensor(points).float(), k, chunk=data.draw(st.integers(1, 41)))
    agree(found, [reference(x, points, k, without=n) for n, x in enumerate(points)])


@settings(max_examples=100)
@given(points=st.lists(coordinates, min_size=1, max_size=40), queries=st.lists(coordinates, min_size=1, max_size=9))
def test_so_are_the_neighbours_of_other_queries(points, queries):
    k = min(5, len(points))
    found = neighbours(torch.tensor(queries).float(), torch.tensor(points).float(), k, chunk=4)
    agree(found, [reference(x, points, k) for x in queries])


def test_a_case_worked_by_hand():
    line = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    distances, indices = knn_graph(line, 2)
    assert indices.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert distances.tolist() == [[1, 3], [1, 2], [2, 3], [4, 6]]


def test_copies_are_neighbours_at_distance_zero_and_a_point_is_not_its_own():
    distances, indices = knn_graph(torch.ones(6, 3), 2)
    assert distances.tolist() == [[0.0, 0.0]] * 6
    assert indices.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 1]]


@pytest.mark.parametrize("points", [torch.ones(300, 3), torch.arange(300.0)[:, None] % 2])
def test_more_ties_than_are_measured_at_first_are_still_settled_by_index(points):
    agree(knn_graph(points, 3), [reference(x, points.tolist(), 3, n) for n, x in enumerate(points.tolist())])


@pytest.mark.parametrize(("dtype", "away"), [(torch.float32, 2.0**20), (torch.float64, 1e10)])
def test_points_far_from_the_origin_are_told_apart(dtype, away):
    points = torch.randint(0, 9, (120, 3), generator=generator("far")).to(dtype)
    for plain, far in zip(knn_graph(points, 7), knn_graph(points + away, 7), strict=True):
        assert torch.equal(plain, far)


def test_differences_below_the_rounding_of_float32_are_ordered():
    # two clusters far apart, each so tight that no float32 product sees inside
    line = torch.linspace(0, 1e-7, 60, dtype=torch.float64)
    points = torch.cat([line, line + 1.0])[torch.randperm(120, generator=generator("order"))][:, None]
    _, indices = knn_graph(points, 4)
    expected = (points - points.T).abs().fill_diagonal_(torch.inf).sort(dim=1, stable=True)
    assert torch.equal(indices, expected.indices[:, :4])


@pytest.mark.parametrize("width", [1, 5, 200])
def test_distances_are_those_from_differences(width):
    points = torch.randn(150, width, generator=generator("points"))
    full = torch.cdist(points.double(), points.double(), compute_mode="donot_use_mm_for_euclid_dist")
    distances, indices = knn_graph(points, 20, chunk=32)
    expected = full.fill_diagonal_(torch.inf).sort(dim=1, stable=True)
    assert torch.equal(indices, expected.indices[:, :20])
    assert torch.allclose(distances, expected.values[:, :20], rtol=1e-14, atol=0)


def test_scale_and_order_change_the_graph_only_in_name():
    points = torch.randn(50, 4, generator=generator("points"), dtype=torch.float64)
    order = torch.randperm(50, generator=generator("order"))
    distances, indices = knn_graph(points, 6)
    scaled, same = knn_graph(1e30 * points, 6)
    assert torch.equal(same, indices)
    assert torch.allclose(scaled, 1e30 * distances)
    assert torch.equal(order[knn_graph(points[order], 6)[1]], indices[order])


def test_the_chunk_changes_nothing():
    points = torch.randn(70, 4, generator=generator("points"))
    first, *others = [knn_graph(points, 20, chunk) for chunk in (1, 7, 1000)]
    assert all(torch.equal(a, b) for other in others for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("k", [3, -1])
def test_more_neighbours_than_there_are_are_refused(k):
    with pytest.raises(ValueError, match=f"k: {k} neighbours where a point has 2 others"):
        knn_graph(torch.zeros(3, 2), k)


@pytest.mark.parametrize("k", [4, 0])
def test_so_they_are_for_queries(k):
    with pytest.raises(ValueError, match=f"k: {k} neighbours of 3 points"):
        neighbours(torch.zeros(1, 2), torch.zeros(3, 2), k)


def test_features_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="some are NaN or infinite"):
        knn_graph(torch.tensor([[0.0], [torch.nan]]), 1)
