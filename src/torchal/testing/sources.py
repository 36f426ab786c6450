"""What every source of data promises, as functions that raise an AssertionError where one of them breaks it."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from pydantic import TypeAdapter

from torchal.data.dataset import AnySource, Dataset, Source, Split

Check = Callable[[Source, Dataset], None]


def check_shapes(_: Source, data: Dataset) -> None:
    """Images as uint8 with channels first or feature vectors as float32, of one shape, with one int64 label each."""
    for split in _sides(data):
        values, labels = split.inputs.values, split.labels
        kind = (values.dtype, values.ndim)
        assert kind in {(torch.uint8, 4), (torch.float32, 2)}, f"values of type {kind[0]} in {kind[1]} dimensions"
        assert values.shape[1:] == data.shape, "training and test examples differ in shape"
        assert (labels.dtype, labels.ndim) == (torch.int64, 1), f"labels of type {labels.dtype}"
        assert len(values) == len(labels) == len(split) > 0, "not one label an example, or an empty side"


def check_labels(_: Source, data: Dataset) -> None:
    """Labels from 0 to one less than the number of classes, and each class with a training example."""
    for split in _sides(data):
        assert int(split.labels.min()) >= 0, "a negative label"
        assert int(split.labels.max()) < len(data.classes), "a label that is no class"
    assert bool(torch.bincount(data.train.labels, minlength=len(data.classes)).all()), "a class without an example"
    assert len(set(data.classes)) == len(data.classes), "two classes of one name"


def check_finite(_: Source, data: Dataset) -> None:
    """No NaN and no infinity."""
    assert all(bool(split.inputs.values.isfinite().all()) for split in _sides(data)), "values that are not finite"


def check_batch(_: Source, data: Dataset) -> None:
    """Batches of float32, with images in 0..1 before they are normalised, that leave the data as they were."""
    for split in _sides(data):
        before = split.inputs.values[:8].clone()
        rows = torch.arange(min(8, len(split)))
        x = split.inputs.batch(rows)
        assert x.dtype == torch.float32, f"batches of type {x.dtype}"
        if before.dtype == torch.uint8 and split.inputs.mean is None:
            assert 0 <= float(x.min()) <= float(x.max()) <= 1, "images outside 0..1"
        x.zero_()
        assert torch.equal(split.inputs.values[:8], before), "writing into a batch changes the data set"


def check_apart(_: Source, data: Dataset) -> None:
    """Training and test sides that share no memory."""
    train, test = (split.inputs.values.untyped_storage().data_ptr() for split in _sides(data))
    assert train != test, "training and test examples lie in the same memory"


def check_device(_: Source, data: Dataset) -> None:
    """A data set on the CPU, which can be moved whole."""
    assert {split.inputs.values.device.type for split in _sides(data)} == {"cpu"}, "not loaded on the CPU"
    moved = data.to("meta")
    for split in _sides(moved):
        assert split.inputs.values.device.type == split.labels.device.type == "meta", "a part stays where it was"
    assert (moved.digest, moved.classes) == (data.digest, data.classes), "moving changes what the data set is"


def check_digest(source: Source, data: Dataset) -> None:
    """The same data set on every load."""
    again = source.load()
    assert again.digest == data.digest, "a second load has another digest"
    for first, second in zip(_sides(data), _sides(again), strict=True):
        assert torch.equal(first.inputs.values, second.inputs.values), "a second load has other examples"
        assert torch.equal(first.labels, second.labels), "a second load has other labels"


def check_identity(source: Source, _: Dataset) -> None:
    """An identity that says what the data are and not where they lie."""
    identity = source.identity()
    assert not source.locations & set(identity), "the identity holds a location"
    moved = source.model_copy(update=dict.fromkeys(source.locations, Path("elsewhere")))
    assert identity == moved.identity(), "the identity changes with the place"
    json.dumps(identity, allow_nan=False)


def check_document(source: Source, _: Dataset) -> None:
    """A saved spec that reads back as the same source."""
    read: Source = TypeAdapter(AnySource).validate_python(source.document())
    assert read == source, "a saved spec reads back as another source"


CHECKS: tuple[Check, ...] = (
    check_shapes,
    check_labels,
    check_finite,
    check_batch,
    check_apart,
    check_device,
    check_digest,
    check_identity,
    check_document,
)
"""Every promise. A suite parametrises over it."""


def check_source(source: Source) -> None:
    """Check every promise of one source.

    Raises:
        AssertionError: saying which promise is broken, and how.
    """
    data = source.load()
    for check in CHECKS:
        try:
            check(source, data)
        except AssertionError as broken:
            raise AssertionError(f"{source.label}: {check.__name__}: {broken}") from broken


def _sides(data: Dataset) -> tuple[Split, Split]:
    return data.train, data.test
