import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.kernels import lloyd as module
from torchal.kernels.lloyd import kmeans, nearest_to
from torchal.kernels.seeding import kmeanspp_points
from torchal.rng import generator


def cloud(n, width=3, seed=0):
    return torch.randn(n, width, generator=generator("cloud", seed))


@pytest.fixture
def seeded_at(monkeypatch):
    def at(*seeds):
        monkeypatch.setattr(module, "kmeanspp_points", lambda *_, **__: torch.tensor(seeds))

    return at


def lloyd(points, centroids):
    """The iterations from their definition, a cluster at a time."""
    assignment = None
    while True:
        apart = (points[:, None] - centroids[None]).square().sum(-1)
        before, assignment = assignment, apart.argmin(1)
        if before is not None and torch.equal(before, assignment):
            return assignment, centroids
        centroids = torch.stack([points[assignment == n].mean(0) for n in range(len(centroids))])


def column(*numbers):
    return torch.tensor(numbers, dtype=torch.float32)[:, None]


@pytest.mark.parametrize("clusters", [1, 2, 7])
@pytest.mark.parametrize("seed", range(3))
def test_the_clusters_are_those_of_lloyds_iterations_from_the_same_seeds(clusters, seed):
    points = cloud(120, seed=seed)
    seeds = kmeanspp_points(points, clusters, generator(seed))
    assignment, centroids = kmeans(points, clusters, generator(seed), iterations=1000)
    expected, means = lloyd(points.double(), points[seeds].double())
    assert torch.equal(assignment, expected)
    torch.testing.assert_close(centroids, means.float())


@pytest.mark.parametrize("seed", range(5))
def test_two_groups_on_a_line_are_found_from_any_seeds(seed):
    assignment, centroids = kmeans(column(0, 1, 2, 10, 11, 12), 2, generator(seed))
    assert sorted(centroids.flatten().tolist()) == [1, 11]
    assert centroids[assignment].flatten().tolist() == [1, 1, 1, 11, 11, 11]


def test_a_point_between_two_centroids_goes_to_the_lower_cluster(seeded_at):
    seeded_at(2, 0)
    assignment, centroids = kmeans(column(0, 1, 2), 2, generator())
    assert assignment.tolist() == [1, 0, 0]
    assert centroids.flatten().tolist() == [1.5, 0]


def test_an_empty_cluster_starts_anew_at_the_point_farthest_from_its_mean(seeded_at):
    # seeds 0, 0 and 1: nothing is left for the second; the third has mean 5, from which 1 and 9 are both 4 away
    seeded_at(0, 1, 2)
    assignment, centroids = kmeans(column(0, 0, 1, 5, 9), 3, generator())
    assert assignment.tolist() == [0, 0, 1, 2, 2]
    assert centroids.flatten().tolist() == [0, 1, 7]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_more_clusters_than_distinct_points_leave_some_empty(dtype):
    points = torch.tensor([[0.1, 0.2], [0.7, 0.3]], dtype=dtype).repeat(3, 1)
    assignment, centroids = kmeans(points, 5, generator())
    assert torch.equal(centroids[assignment], points)
    assert len(assignment.unique()) == 2


def test_the_chunk_changes_nothing_and_neither_does_repeating():
    points = cloud(200)
    (one, means), *others = [kmeans(points, 9, generator(), chunk=chunk) for chunk in (1, 64, 9999, 9999)]
    for assignment, centroids in others:
        assert torch.equal(assignment, one)
        assert torch.equal(centroids, means)


@pytest.mark.parametrize(("dtype", "away"), [(torch.float32, 1e5), (torch.float64, 1e10)])
def test_groups_far_from_the_origin_are_told_apart(dtype, away):
    # the squared norms are rounded to more than the squared distances
    points = column(0, 1, 2, 10, 11, 12).to(dtype) + away
    assignment, centroids = kmeans(points, 2, generator())
    assert (centroids[assignment] - away).flatten().tolist() == [1, 1, 1, 11, 11, 11]


def test_without_iterations_every_point_is_with_the_nearest_seed():
    points = cloud(50)
    assignment, centroids = kmeans(points, 4, generator(), iterations=0)
    assert torch.equal(centroids, points[kmeanspp_points(points, 4, generator())])
    assert torch.equal(assignment, torch.cdist(points, centroids).argmin(1))


def greedy(points, centroids):
    """All pairs in order of distance, each taken if both are free."""
    apart = (centroids[:, None] - points[None]).square().sum(-1).tolist()
    chosen = {}
    pairs = itertools.product(range(len(centroids)), range(len(points)))
    for centroid, point in sorted(pairs, key=lambda pair: (apart[pair[0]][pair[1]], pair)):
        if centroid not in chosen and point not in chosen.values():
            chosen[centroid] = point
    return [chosen[n] for n in range(len(centroids))]


places = st.tuples(st.integers(-3, 3), st.integers(-3, 3))


@settings(max_examples=80)
@given(pool=st.lists(places, min_size=1, max_size=15), data=st.data())
def test_the_closest_pairs_are_taken_first_with_ties_to_the_lowest(pool, data):
    centroids = data.draw(st.lists(places, min_size=1, max_size=len(pool)))
    points, centroids = torch.tensor(pool).float(), torch.tensor(centroids).float()
    assert nearest_to(points, centroids, data.draw(st.integers(1, 16))).tolist() == greedy(points, centroids)


def test_two_centroids_that_share_a_nearest_point_worked_by_hand():
    # 4 is nearest to both 3.5 and 4.25; the closer one takes it, and the other is left with 2
    assert nearest_to(column(0, 2, 4, 9), column(3.5, 4.25)).tolist() == [1, 2]


def test_the_points_nearest_to_many_centroids_are_those_of_the_greedy_pairs():
    points = cloud(300)
    _, centroids = kmeans(points, 60, generator())
    assert nearest_to(points, centroids).tolist() == greedy(points.double(), centroids.double())


def test_too_many_clusters_are_refused():
    for call in (lambda: kmeans(cloud(3), 4, generator()), lambda: nearest_to(cloud(3), cloud(4))):
        with pytest.raises(ValueError, match="clusters: 4 is not between 1 and the 3 points"):
            call()


def test_points_that_are_not_finite_are_refused():
    broken = cloud(5).index_fill(0, torch.tensor([3]), torch.nan)
    with pytest.raises(ValueError, match="rows: 1 of 5 are NaN"):
        kmeans(broken, 2, generator())
    for points, centroids in ((broken, cloud(2)), (cloud(5), broken)):
        with pytest.raises(ValueError, match="some are NaN or infinite"):
            nearest_to(points, centroids)


def test_the_arguments_are_not_changed():
    points, centroids = cloud(20).double(), cloud(4, seed=1).double()
    before = points.clone(), centroids.clone()
    kmeans(points, 4, generator())
    nearest_to(points, centroids)
    assert torch.equal(points, before[0])
    assert torch.equal(centroids, before[1])
