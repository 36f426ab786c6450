import hashlib
import struct

import pytest
import torch

from torchal.data.partition import Partition


def rows(*values):
    return torch.tensor(values, dtype=torch.int64)


def partition(labelled=(4, 2), pool=(7, 0, 5, 1), validation=(3, 6)):
    return Partition(rows(*labelled), rows(*pool), rows(*validation))


def test_acquired_rows_join_the_labelled_in_their_order_and_the_pool_keeps_its_own():
    after = partition().acquire(rows(5, 7))
    assert after.labelled.tolist() == [4, 2, 5, 7]
    assert after.pool.tolist() == [0, 1]
    assert after.validation.tolist() == [3, 6]


def test_acquiring_leaves_the_partition_it_started_from():
    before = partition()
    before.acquire(rows(0))
    assert (before.labelled.tolist(), before.pool.tolist()) == ([4, 2], [7, 0, 5, 1])


def test_acquiring_nothing_and_everything_works():
    assert partition().acquire(rows()).digest == partition().digest
    assert partition().acquire(rows(1, 5, 0, 7)).pool.tolist() == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((5, 5), "the same row twice"),
        ((4,), "row 4, which is not"),
        ((0, 3), "row 3"),
        ((99,), "row 99"),
        ((-1,), "-1"),
    ],
)
def test_repeats_and_rows_outside_the_pool_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        partition().acquire(rows(*wrong))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"labelled": (4, 4)}, "row 4 more than once"),
        ({"labelled": (7,)}, "row 7 more than once"),
        ({"validation": (4,)}, "row 4 more than once"),
        ({"pool": (6,)}, "row 6 more than once"),
        ({"pool": (-2, 8)}, "row -2"),
    ],
)
def test_overlaps_repeats_and_negative_rows_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        partition(**fields)


def test_any_of_the_sets_may_be_empty():
    assert len(Partition(rows(), rows(), rows()).labelled) == 0
    Partition(rows(), rows(), rows()).check(0)


def test_a_row_that_the_training_side_lacks_is_refused():
    partition().check(8)
    with pytest.raises(ValueError, match="row 7, and the training side has rows 0 to 6"):
        partition().check(7)


def test_the_digest_tells_orders_and_boundaries_apart():
    digests = {
        partition().digest,
        partition(labelled=(2, 4)).digest,
        partition(pool=(0, 7, 5, 1)).digest,
        partition(labelled=(4,), pool=(2, 7, 0, 5, 1)).digest,
        partition(pool=(7, 0, 5), validation=(1, 3, 6)).digest,
    }
    assert len(digests) == 5
    assert partition().digest == partition().digest


def test_the_digest_is_pinned_because_stored_results_are_found_by_it():
    numbers = struct.pack("<11q", 2, 4, 2, 4, 2, 7, 0, 5, 1, 3, 6)  # three lengths, then the rows
    assert partition().digest == hashlib.sha256(numbers).hexdigest()
