from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from torchal.data.draw import AnyPartition, Drawn, Imported, Published, Size, count, expand
from torchal.data.index_files import write
from torchal.data.order import held_out, stratified
from torchal.data.partition import Partition

ANY = TypeAdapter(AnyPartition)
SIZE = TypeAdapter(Size)


def labels(*counts):
    """Return labels of classes of these sizes, one class after the other."""
    return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts, dtype=torch.int64))


def drawn(number=1, labelled=10, validation=20, **fields):
    return Drawn(drawn=number, labelled=labelled, validation=validation, **fields)


# --- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "n", "rows"),
    [
        (0, 10, 0),
        (7, 10, 7),
        ("5%", 50_000, 2500),
        ("10 %", 1437, 144),
        ("0.5%", 1000, 5),
        ("50%", 3, 2),
        ("100%", 9, 9),
    ],
)
def test_a_size_is_a_count_or_per_cent_rounded_to_the_nearest(size, n, rows):
    assert count(SIZE.validate_python(size), n) == rows


def test_per_cent_is_exact_where_binary_fractions_are_not():
    assert count("0.7%", 50_000) == 350
    assert count("2.3%", 1_000_000) == 23_000


@pytest.mark.parametrize(
    "size", [-1, 2.5, 0.1, True, "5", "five%", "101%", "-5%", "100.1%", "", "%", None, [5], "\u0665%"]
)
def test_what_is_no_size_is_refused(size):
    with pytest.raises(ValidationError):
        SIZE.validate_python(size)


def test_one_size_written_in_several_ways_is_one_identity():
    assert {SIZE.validate_python(each) for each in ("5%", "5 %", "5.0%", "05%")} == {"5%"}


# --- drawn ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stratify", [False, True])
def test_a_draw_divides_all_rows_into_the_sizes_asked_for(stratify):
    found = drawn(labelled=10, validation="20%", stratified=stratify).rows(labels(30, 50, 20), 3)
    assert [len(each) for each in (found.labelled, found.pool, found.validation)] == [10, 70, 20]
    assert torch.cat([found.labelled, found.pool, found.validation]).sort().values.tolist() == list(range(100))


@pytest.mark.parametrize("stratify", [False, True])
def test_more_labelled_rows_keep_the_earlier_ones_first_and_the_validation_rows(stratify):
    some, more = (drawn(labelled=k, stratified=stratify).rows(labels(30, 50, 17, 3), 4) for k in (10, 37))
    assert more.labelled[:10].tolist() == some.labelled.tolist()
    assert more.validation.tolist() == some.validation.tolist()


@pytest.mark.parametrize("stratify", [False, True])
def test_more_validation_rows_leave_the_labelled_ones(stratify):
    some, more = (drawn(validation=k, stratified=stratify).rows(labels(30, 50, 17, 3), 4) for k in (20, 31))
    assert more.labelled.tolist() == some.labelled.tolist()
    assert set(some.validation.tolist()) < set(more.validation.tolist())


def test_the_number_of_the_draw_and_nothing_else_decides_its_order():
    first = drawn(1).rows(labels(50, 50), 2)
    assert first.digest == drawn(1).rows(labels(10, 90), 2).digest
    assert first.digest != drawn(2).rows(labels(50, 50), 2).digest


def test_a_draw_is_pinned_because_another_machine_must_repeat_it():
    assert drawn(3, 5, 5).rows(labels(20), 1).labelled.tolist() == [9, 0, 5, 13, 14]
    assert drawn(3, 5, 5, stratified=True).rows(labels(10, 10), 2).labelled.tolist() == [9, 13, 0, 14, 5]


@settings(max_examples=60)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(any), st.randoms(use_true_random=False))
def test_every_beginning_and_end_of_a_stratified_order_keeps_class_shares_within_one(counts, shuffle):
    rows = labels(*counts)
    rows = rows[torch.tensor(shuffle.sample(range(len(rows)), len(rows)))]
    order = stratified(rows, len(counts), "test")
    assert order.sort().values.tolist() == list(range(len(rows)))
    shares = np.array(counts) / len(rows)
    for length in range(len(rows) + 1):
        for part in (order[:length], order[len(rows) - length :]):
            found = torch.bincount(rows[part], minlength=len(counts)).numpy()
            assert (np.abs(found - shares * length) < 1).all()


def test_a_stratified_draw_is_random_within_classes():
    firsts = {int(drawn(k, 1, 0, stratified=True).rows(labels(500, 500), 2).labelled[0]) for k in range(1, 9)}
    assert len(firsts) > 4


def test_a_stratified_draw_of_many_rows_is_quick():
    counts = [4_999, *[5_000] * 8, 5_001]
    found = drawn(labelled=1_000, validation="10%", stratified=True).rows(labels(*counts), 10)
    assert torch.bincount(labels(*counts)[found.labelled]).tolist() == [100] * 10


def test_held_out_rows_are_stratified_and_ascending():
    kept, out = held_out(labels(60, 40), 2, 10, "test")
    assert torch.bincount(labels(60, 40)[out]).tolist() == [6, 4]
    assert sorted(kept.tolist() + out.tolist()) == list(range(100))
    assert all(one < other for each in (kept, out) for one, other in pairwise(each.tolist()))


def test_sizes_that_do_not_fit_are_refused_by_number():
    with pytest.raises(ValueError, match="80 labelled and 30 validation rows do not fit in the 100 rows"):
        drawn(labelled=80, validation="30%").rows(labels(100), 1)


def test_names_say_which_partition_it_is():
    assert drawn(3).id == "drawn-3"
    assert Published(published=4).id == "published-4"
    assert Published(published=1, validation=1000).id == "published-1-val1000"


# --- published --------------------------------------------------------------------------------------------------------


def test_published_rows_are_those_of_the_seeds():
    """Rows 0, 5000 and 45000 of a Python list shuffled by numpy's legacy generator with seeds 0 and 5."""
    everything = labels(50_000)
    for number, firsts in ((1, [11841, 19977, 43726]), (5, [24166, 12807, 41021])):
        found = Published(published=number).rows(everything, 1)
        assert [int(each[0]) for each in (found.labelled, found.pool, found.validation)] == firsts


def test_small_validation_sets_are_the_end_of_the_usual_one_and_the_rest_joins_the_pool():
    usual = Published(published=2).rows(labels(50_000), 1)
    small = Published(published=2, validation=1000).rows(labels(50_000), 1)
    assert small.validation.tolist() == usual.validation[-1000:].tolist()
    assert small.pool.tolist() == usual.pool.tolist() + usual.validation[:-1000].tolist()
    assert small.labelled.tolist() == usual.labelled.tolist()


def test_the_published_division_of_imagenet_has_its_sizes():
    found = Published(published=1).rows(torch.zeros(1_281_167, dtype=torch.int64), 1)
    assert [len(each) for each in (found.labelled, found.pool, found.validation)] == [128_116, 1_024_934, 128_117]


@pytest.mark.parametrize(
    ("fields", "n", "message"),
    [
        ({"published": 1}, 1437, "CIFAR-10 and CIFAR-100 .* ImageNet .* 1437 rows"),
        ({"published": 2}, 1_281_167, "say published: 1"),
        ({"published": 1, "validation": 1000}, 1_281_167, "leave validation out"),
    ],
)
def test_a_partition_that_was_never_published_is_refused(fields, n, message):
    with pytest.raises(ValueError, match=message):
        Published(**fields).rows(torch.zeros(n, dtype=torch.int64), 1)


# --- imported ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "a", Partition(torch.tensor([3, 1]), torch.tensor([0, 4]), torch.tensor([2])), "MINE")
    return tmp_path / "a"


def test_an_imported_partition_is_known_by_content_and_not_by_place(folder):
    moved = folder.rename(folder.with_name("b"))
    write(folder, Imported(imported=moved).rows(labels(5), 1), "OTHER")
    one, other = Imported(imported=folder), Imported(imported=moved)
    assert one.identity() == other.identity()
    assert one.id == other.id == f"imported-{one.rows(labels(5), 1).digest[:8]}"
    assert str(folder) not in str(one.identity())


def test_other_rows_are_another_imported_partition(folder):
    before = Imported(imported=folder).id
    write(folder, Partition(torch.tensor([1, 3]), torch.tensor([0, 4]), torch.tensor([2])), "MINE")
    assert Imported(imported=folder).id != before


def test_an_imported_partition_of_another_data_set_is_refused(folder):
    with pytest.raises(ValueError, match="row 4"):
        Imported(imported=folder).rows(labels(4), 1)


def test_a_saved_imported_partition_reads_back_until_its_files_change(folder):
    document = Imported(imported=folder).document()
    assert ANY.validate_python(document) == Imported(imported=folder)
    write(folder, Partition(torch.tensor([1, 3]), torch.tensor([0]), torch.tensor([2])), "MINE")
    with pytest.raises(ValidationError, match="index files changed"):
        ANY.validate_python(document)


# --- YAML -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"published": 3}, Published),
        ({"drawn": 1, "labelled": 100, "validation": "10%"}, Drawn),
        ({"imported": "some/folder"}, Imported),
    ],
)
def test_the_first_key_says_which_kind_is_meant(value, kind):
    found = ANY.validate_python(value)
    assert type(found) is kind
    assert ANY.validate_python(found) is found


def test_a_partition_survives_being_saved_and_read():
    for each in (drawn(2, "5%", 30, stratified=True), Published(published=2, validation=2500)):
        assert ANY.validate_python(each.document()) == each
        assert ANY.dump_python(each, mode="json") == each.document()


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({"publised": 3}, (), "did you mean 'published'"),
        ({}, (), "drawn, published or imported"),
        ({"published": 3, "drawn": 1}, (), "keep one"),
        ("published", (), "is a mapping"),
        ({"published": 6}, ("published",), "less than or equal to 5"),
        ({"published": 1, "validation": 300}, ("validation",), "1000"),
        ({"drawn": 0, "labelled": 1, "validation": 1}, ("drawn",), "greater than or equal to 1"),
        ({"drawn": 1, "labelled": 1.5, "validation": 1}, ("labelled",), "no size"),
        ({"drawn": 1, "labelled": 1}, ("validation",), "required"),
        ({"drawn": 1, "labeled": 5, "validation": 1}, (), "did you mean 'labelled'"),
    ],
)
def test_errors_name_the_field_and_no_internal_tag(value, path, message):
    with pytest.raises(ValidationError) as caught:
        ANY.validate_python(value)
    assert [fault["loc"] for fault in caught.value.errors()] == [path]
    assert message in caught.value.errors()[0]["msg"]


def test_a_list_of_numbers_stands_for_a_list_of_partitions():
    short = {"drawn": [1, 2], "labelled": 10, "validation": 20}
    assert expand(short) == [{**short, "drawn": 1}, {**short, "drawn": 2}]
    assert expand([{"published": [1, 3]}, {"published": 5}]) == [{"published": k} for k in (1, 3, 5)]
    assert expand({"imported": ["a", "b"]}) == [{"imported": "a"}, {"imported": "b"}]


def test_what_is_no_shorthand_is_left_for_validation_to_judge():
    made = Published(published=1)
    assert expand([made, "nonsense", {"published": []}, {"published": 2}]) == [
        made,
        "nonsense",
        {"published": []},
        {"published": 2},
    ]
