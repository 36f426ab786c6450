"""What is recorded of a query for reports: counts, accuracy, map and pictures."""

import numpy as np
import pytest
import torch
from PIL import Image
from small_runs import changed, compute
from torch import nn

from torchal.data.dataset import Resident
from torchal.query.arrays import ArrayEvidence
from torchal.records import QueryRecord, ViewRecord
from torchal.viewing import PICTURES, SAMPLE, SHOWN, THUMBNAILS, VIEW, seen, view

WHERE = ("partition", 1, "cycle", 0)


def images(n: int, channels: int = 3, side: int = 5) -> Resident:
    generator = torch.Generator().manual_seed(n)
    return Resident(torch.randint(0, 256, (n, channels, side, side), generator=generator, dtype=torch.uint8))


def evidence(n: int, width: int = 4, classes: int = 3, scale: float = 1.0) -> ArrayEvidence:
    generator = torch.Generator().manual_seed(n)
    given = {
        "logits": torch.randn(n, classes, generator=generator),
        "embeddings": scale * torch.randn(n, width, generator=generator),
    }
    return ArrayEvidence(torch.arange(n), torch.arange(0), WHERE, given, nn.Linear(width, classes))


def told(some: ArrayEvidence, chosen: torch.Tensor, labels: torch.Tensor) -> ViewRecord:
    return ViewRecord(pool=0, counts=(), pictured=(), **seen(some, chosen, labels, WHERE))


def test_counts_are_those_of_the_labels_bought_and_strangers_are_in_no_class(tmp_path):
    record = view(tmp_path, images(9), 9, torch.tensor([3, 1, 4, 5]), torch.tensor([2, 0, -1, 2]), 4)
    assert record.counts == (1, 0, 2, 0)
    assert record.pictured == (2, 0, -1, 2)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_the_first_rows_in_the_order_in_which_they_were_chosen(tmp_path, channels):
    inputs, rows = images(40, channels), torch.arange(39, 0, -1)
    record = view(tmp_path, inputs, 40, rows, torch.zeros(39, dtype=torch.int64), 2)
    with Image.open(tmp_path / THUMBNAILS) as file:
        strip = np.asarray(file).reshape(5, PICTURES, 5, -1)
    for number, row in enumerate(rows[:PICTURES].tolist()):
        assert (strip[:, number] == inputs.values[row].permute(1, 2, 0).numpy()).all()
    assert len(record.pictured) == PICTURES


def test_large_pictures_are_made_small_and_keep_their_shape(tmp_path):
    wide = Resident(torch.zeros(2, 3, 100, 200, dtype=torch.uint8))
    view(tmp_path, wide, 2, torch.arange(2), torch.zeros(2, dtype=torch.int64), 2)
    with Image.open(tmp_path / THUMBNAILS) as strip:
        assert strip.size == (2 * 64, 32)


def test_vectors_and_images_of_five_bands_have_no_pictures(tmp_path):
    for inputs in (Resident(torch.zeros(4, 3)), images(4, channels=5)):
        record = view(tmp_path, inputs, 4, torch.arange(3), torch.zeros(3, dtype=torch.int64), 2)
        assert record.pictured == ()
        assert not (tmp_path / THUMBNAILS).exists()


def test_accuracy_on_what_was_bought_is_that_of_a_loop_that_leaves_strangers_out():
    some, chosen = evidence(50), torch.tensor([7, 3, 20, 41, 8])
    labels = torch.tensor([0, 1, -1, 2, 0])
    predicted = some.given["logits"].argmax(1)
    right = [int(predicted[p]) == int(y) for p, y in zip(chosen, labels, strict=True) if y >= 0]
    assert told(some, chosen, labels).accuracy == pytest.approx(sum(right) / len(right))
    assert told(some, chosen, torch.full((5,), -1)).accuracy is None


def test_the_map_is_the_plane_of_most_variance_of_the_pool():
    some, chosen = evidence(60, width=6), torch.arange(30, 50)
    found = told(some, chosen, torch.zeros(20, dtype=torch.int64)).map
    x = some.given["embeddings"].double().numpy()
    values, axes = np.linalg.eigh(np.cov(x, rowvar=False))
    assert found.explained == pytest.approx(values[-2:].sum() / values.sum())
    expected = (x[30:50] - x.mean(0)) @ axes[:, [-1, -2]]
    got = np.array(found.chosen)[:, :2]
    np.testing.assert_allclose(np.abs(got), np.abs(expected), atol=1e-4)
    assert len(found.pool) == 60


def test_strategies_with_the_same_network_are_drawn_on_the_same_map():
    some, labels = evidence(900), torch.zeros(3, dtype=torch.int64)
    one, other = (told(some, torch.tensor(chosen), labels).map for chosen in ([1, 2, 3], [800, 7, 9]))
    assert one.pool == other.pool
    assert len(one.pool) == SAMPLE
    assert one.chosen != other.chosen


def test_a_map_holds_but_the_first_rows_chosen():
    found = told(evidence(900), torch.arange(900), torch.zeros(900, dtype=torch.int64)).map
    assert len(found.chosen) == SHOWN


@pytest.mark.parametrize(("n", "width"), [(1, 4), (3, 1), (2, 5)])
def test_tiny_pools_and_one_feature_have_a_map_too(n, width):
    found = told(evidence(n, width=width), torch.arange(n), torch.zeros(n, dtype=torch.int64)).map
    assert np.isfinite(np.array([*found.pool, *found.chosen])).all()
    assert 0 <= found.explained <= 1 + 1e-12


def test_equal_embeddings_lie_on_one_point():
    found = told(evidence(10, scale=0.0), torch.arange(4), torch.zeros(4, dtype=torch.int64)).map
    assert {dot[:2] for dot in (*found.pool, *found.chosen)} == {(0.0, 0.0)}


def test_a_network_that_diverged_has_no_map_and_stops_nothing():
    some = evidence(10, scale=float("nan"))
    assert told(some, torch.arange(4), torch.zeros(4, dtype=torch.int64)).map is None


def test_every_query_of_a_run_has_a_view_which_is_not_counted_as_the_strategys_effort(tmp_path):
    compute(tmp_path, changed(strategy=["random"], seed=[1], setting={"cycles": 2, "budget": 10}), jobs=1)
    (entry,) = (tmp_path / "store" / "query").iterdir()
    shown, asked = ViewRecord.read(entry / VIEW), QueryRecord.read(entry / "query.json")
    assert sum(shown.counts) == len(asked.rows) == 10
    assert asked.forward_passes == asked.effort.evaluated == 0
    assert len(shown.map.chosen) == 10
