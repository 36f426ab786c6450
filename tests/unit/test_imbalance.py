from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from torchal.data.draw import Drawn
from torchal.data.imbalance import AnyImbalance, LongTail, Step, Torchal, firsts

ANY = TypeAdapter(AnyImbalance)
PUBLISHED = (1154, 878, 678, 533, 427, 351, 295, 255, 225, 204)


def test_the_papers_curve_gives_the_published_counts_of_cifar10():
    assert Torchal(torchal=True).counts(5000, 10) == PUBLISHED


def test_the_papers_curve_gives_the_published_ends_of_cifar100():
    counts = Torchal(torchal=True).counts(5000, 100)
    assert (counts[0], counts[-1], sum(counts)) == (132, 28, 5000)
    assert list(counts) == sorted(counts, reverse=True)


def test_the_published_index_set_of_cifar10_has_the_counts_of_its_curve(shared):
    from pyarrow import parquet

    from torchal.data.index_files import read

    labels = torch.tensor(
        parquet.read_table(shared / "cifar10" / "train.parquet", columns=["label"])["label"].to_pylist()
    )
    rows = read(shared / "torchal_index_sets" / "CIFAR10" / "imbalanced" / "partition_1").labelled
    assert tuple(torch.bincount(labels[rows]).tolist()) == Torchal(torchal=True).counts(len(rows), 10) == PUBLISHED


def test_counts_worked_by_hand():
    assert LongTail(long_tail=4).counts(70, 3) == (40, 20, 10)  # 4 : 2 : 1
    assert Step(step=10, minority=0.5).counts(22, 4) == (10, 10, 1, 1)
    assert Step(step=3, minority=0.25).counts(10, 4) == (3, 3, 3, 1)
    assert LongTail(long_tail=1).counts(10, 3) == (4, 3, 3)  # equal remainders: the first class


@pytest.mark.parametrize("shape", [LongTail(long_tail=50), Step(step=7, minority=0.3), Torchal(torchal=True)])
@given(total=st.integers(0, 3000), classes=st.integers(1, 30))
def test_counts_have_the_size_asked_for_and_never_rise(shape, total, classes):
    counts = shape.counts(total, classes)
    assert sum(counts) == total
    assert all(after <= before for before, after in pairwise(counts))


def test_the_largest_counts_of_a_shape_are_those_that_the_rows_allow():
    assert LongTail(long_tail=4).most((100, 30, 40)) == (60, 30, 15)
    with pytest.raises(ValueError, match="leaves class 1 without a row"):
        LongTail(long_tail=1000).most((100, 100))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_firsts_are_those_that_a_walk_along_the_order_would_take(labels, shuffle):
    order = list(range(len(labels)))
    shuffle.shuffle(order)
    counts = tuple(shuffle.randint(0, labels.count(c)) for c in range(4))
    left, taken, others = list(counts), [], []
    for row in order:
        wanted = left[labels[row]] > 0
        left[labels[row]] -= wanted
        (taken if wanted else others).append(row)
    found, rest = firsts(torch.tensor(order), torch.tensor(labels), counts)
    assert (found.tolist(), rest.tolist()) == (taken, others)


def test_more_rows_than_a_class_has_are_refused():
    with pytest.raises(ValueError, match="asks for 2 rows of class 1, and there are 1"):
        firsts(torch.arange(3), torch.tensor([0, 0, 1]), (1, 2))


def test_an_imbalanced_labelled_set_has_its_counts_and_leaves_validation_as_it_was():
    labels = torch.arange(1000) % 10
    plain = Drawn(drawn=1, labelled=200, validation=100).rows(labels, 10)
    tailed = Drawn(drawn=1, labelled=200, validation=100, imbalance="torchal").rows(labels, 10)
    assert tuple(torch.bincount(labels[tailed.labelled]).tolist()) == Torchal(torchal=True).counts(200, 10)
    assert torch.equal(tailed.validation, plain.validation)
    assert torch.equal(torch.cat([tailed.labelled, tailed.pool, tailed.validation]).sort().values, torch.arange(1000))


def test_a_labelled_set_whose_first_class_is_too_small_for_its_curve_is_refused():
    labels = torch.arange(1000) % 10
    with pytest.raises(ValueError, match=r"partition drawn-1: imbalance: asks for 115 rows of class 0.*lower labelled"):
        Drawn(drawn=1, labelled=500, validation=100, imbalance="torchal").rows(labels, 10)


@pytest.mark.parametrize("value", ["torchle", {"long_tale": 3}, {"long_tail": 0.5}, {"step": 2, "long_tail": 3}, 7])
def test_what_is_no_imbalance_is_refused(value):
    with pytest.raises(ValidationError):
        ANY.validate_python(value)


def test_a_spec_is_read_back_from_what_is_saved_of_it():
    for value in ("torchal", {"long_tail": 3}, {"step": 2, "minority": "40%"}):
        found = ANY.validate_python(value)
        assert ANY.validate_python(found.document()) == found
