from dataclasses import replace

import pytest
import torch

from torchal.data.dataset import Dataset, Resident, Split
from torchal.data.partition import Partition
from torchal.data.pool import Ground, Pool, known_classes, shaped
from torchal.data.selected import Selected

NAMES = ("a", "b", "c", "d")
N = 200


def data(values=None, name="made", classes=NAMES) -> Dataset:
    values = torch.arange(N * 4, dtype=torch.float32).reshape(N, 4) if values is None else values
    side = Split(Resident(values), torch.arange(len(values)) % len(classes))
    return Dataset(name, side, side, classes, f"digest of {name}")


def ground(whole=None) -> Ground:
    return Ground(whole or data(), Partition(*torch.arange(N).split([20, 140, 40])))


def made(whole=None, foreign=None, **fields) -> Ground:
    return shaped(ground(whole), Pool.model_validate(fields), foreign, ("drawn-1", "pool"))


def test_by_default_nothing_changes():
    before, after = ground(), made()
    assert after.data is not None
    assert after.rows.digest == before.rows.digest
    assert after.data.digest == before.data.digest


@pytest.mark.parametrize(
    "fields",
    [
        {"imbalance": {"long_tail": 5}},
        {"copies": {"share": "50%", "times": 2}},
        {"copies": {"share": "50%", "jitter": 0.1}},
        {"imbalance": {"step": 5}, "copies": {"share": "30%"}},
    ],
)
def test_labelled_and_validation_rows_are_never_touched_and_the_sets_stay_disjoint(fields):
    before, after = ground(), made(**fields)
    assert torch.equal(after.rows.labelled, before.rows.labelled)
    assert torch.equal(after.rows.validation, before.rows.validation)
    assert after.data.test is not None
    assert torch.equal(after.data.test.labels, before.data.test.labels)
    Partition(after.rows.labelled, after.rows.pool, after.rows.validation).check(len(after.data.train))


def test_a_thinned_pool_has_exactly_the_shape_and_keeps_its_order():
    after = made(imbalance={"long_tail": 8})
    counts = torch.bincount(after.data.train.labels[after.rows.pool]).tolist()
    assert counts == [35, 17, 8, 4]  # 35 rows of each class: 8 : 4 : 2 : 1
    assert after.rows.pool.tolist() == sorted(after.rows.pool.tolist())


def test_copies_are_exact_and_of_pool_rows_alone_with_the_labels_of_their_originals():
    after = made(copies={"share": "25%", "times": 3})
    values, labels = after.data.train.inputs.batch(torch.arange(N, len(after.data.train))), after.data.train.labels[N:]
    assert len(values) == 35 * 3
    origins = (values[:, 0] / 4).long()
    assert set(origins.tolist()) <= set(ground().rows.pool.tolist())
    assert torch.equal(torch.bincount(origins).unique(), torch.tensor([0, 3]))
    assert torch.equal(labels, origins % 4)
    assert torch.equal(after.rows.pool.sort().values, torch.cat([ground().rows.pool, torch.arange(N, N + 105)]))


def test_copies_do_not_stand_at_the_end_of_the_pool_where_ties_would_find_them_last():
    pool = made(copies={"share": "50%"}).rows.pool
    assert (pool[: len(pool) // 2] >= N).any()


def test_near_copies_differ_by_noise_of_the_size_asked_for():
    after = made(copies={"share": "100%", "jitter": 0.5})
    exact = made(copies={"share": "100%"})
    rows = torch.arange(N, N + 140)
    difference = after.data.train.inputs.batch(rows) - exact.data.train.inputs.batch(rows)
    spread = data().train.inputs.batch(ground().rows.pool).std()
    assert difference.std().item() == pytest.approx(0.5 * spread.item(), rel=0.1)
    assert torch.equal(after.data.train.inputs.batch(torch.arange(N)), data().train.inputs.batch(torch.arange(N)))


def test_near_copies_of_images_are_images():
    pictures = torch.randint(0, 256, (N, 1, 4, 4), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    after = made(data(pictures), copies={"share": "50%", "jitter": 1.0})
    assert after.data.train.inputs.values.dtype == torch.uint8
    assert len(after.data.train) == N + 70


def test_other_conditions_are_other_data_and_the_same_are_the_same():
    digests = [
        made(**fields).data.digest
        for fields in (
            {},
            {"copies": {"share": "50%"}},
            {"copies": {"share": "40%"}},
            {"copies": {"share": "50%", "jitter": 0.1}},
        )
    ]
    assert len(set(digests)) == len(digests)
    assert made(copies={"share": "50%"}).data.digest == digests[1]


# --- strangers --------------------------------------------------------------------------------------------------------


def held_out(*names, **fields) -> Ground:
    pool = Pool.model_validate({"strangers": {"classes": list(names), **fields}})
    whole = known_classes(data(), pool.strangers)
    familiar = whole.train.labels >= 0
    order = torch.arange(N)
    known, strange = order[familiar], order[~familiar]
    rows = Partition(known[:20], torch.cat([known[20:-20], strange]), known[-20:])
    return shaped(Ground(whole, rows), pool, None, ("drawn-1", "pool"))


def test_classes_held_out_are_gone_from_the_test_side_and_the_others_are_numbered_anew():
    after = held_out("b").data
    assert after.classes == ("a", "c", "d")
    assert torch.equal(after.train.labels, torch.tensor([0, -1, 1, 2]).repeat(N // 4))
    assert after.test.labels.tolist() == [0, 1, 2] * (N // 4)
    kept = after.test.inputs.batch(torch.arange(len(after.test)))[:, 0] / 4
    assert torch.equal(kept.long() % 4, torch.tensor([0, 2, 3]).repeat(N // 4))


@pytest.mark.parametrize("share", [0.1, 0.25, "all"])
def test_strangers_are_the_share_of_the_pool_asked_for(share):
    after = held_out("a", share=share)
    labels = after.data.train.labels[after.rows.pool]
    strange = int((labels < 0).sum())
    assert strange == (50 if share == "all" else round(share / (1 - share) * int((labels >= 0).sum())))


def test_strangers_from_another_data_set_are_appended_and_belong_to_no_class():
    foreign = data(torch.full((60, 4), -1.0), "foreign")
    after = made(foreign=foreign, strangers={"dataset": "digits", "share": "20%"})
    added = torch.arange(N, N + 35)  # a fifth of 140 + 35
    assert len(after.data.train) == N + 35
    assert (after.data.train.labels[added] == -1).all()
    assert (after.data.train.inputs.batch(added) == -1).all()
    assert set(added.tolist()) <= set(after.rows.pool.tolist())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"strangers": {}}, "needs classes or dataset"),
        ({"strangers": {"classes": ["a"], "dataset": "digits"}}, "needs classes or dataset"),
        ({"strangers": {"dataset": "digits"}}, "share"),
        ({"strangers": {"classes": ["a"], "share": 1}}, "lower it"),
        ({"copies": {"share": 2}}, "less than or equal to 1"),
        ({"copies": {"share": 0.1, "times": 0}}, "greater than or equal to 1"),
        ({"copy": {"share": 0.1}}, "did you mean 'copies'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(fields, message):
    with pytest.raises(ValueError, match=message):
        Pool.model_validate(fields)


def test_what_the_data_cannot_give_is_refused_with_the_most_they_can():
    with pytest.raises(ValueError, match=r"ask for at most 31\.2%"):
        held_out("a", share=0.5)
    with pytest.raises(ValueError, match="there is no class 'e'"):
        held_out("e")
    with pytest.raises(ValueError, match="fewer than two classes"):
        held_out("a", "b", "c")
    with pytest.raises(ValueError, match="take one of the same shape"):
        made(foreign=data(torch.zeros(99, 5), "foreign"), strangers={"dataset": "digits", "share": 0.1})
    from_disk = replace(data(), train=Split(Selected(data().train.inputs, torch.arange(N)), data().train.labels))
    with pytest.raises(ValueError, match=r"pool\.copies\.jitter: needs data that lie in memory"):
        made(from_disk, copies={"share": 0.1, "jitter": 1})


def test_selected_rows_are_read_as_the_rows_they_stand_for():
    base = Resident(torch.arange(40, dtype=torch.uint8).reshape(10, 1, 2, 2), torch.tensor([0.5]), torch.tensor([2.0]))
    some = Selected(base, torch.tensor([7, 7, 0]))
    assert (len(some), some.shape) == (3, (1, 2, 2))
    assert torch.equal(some.batch(torch.tensor([2, 0])), base.batch(torch.tensor([0, 7])))
    parts = [torch.tensor([0]), torch.tensor([1, 2])]
    assert torch.equal(torch.cat(list(some.batches(parts))), base.batch(torch.tensor([7, 7, 0])))
    assert torch.equal(some.to("cpu").batch(torch.arange(3)), base.batch(torch.tensor([7, 7, 0])))
