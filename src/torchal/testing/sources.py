"""What every source of data promises, as functions that raise an AssertionError where one of them breaks it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from pydantic import TypeAdapter
from torch import Tensor

from torchal.data.dataset import AnySource, Dataset, Inputs, Resident, Source, Split

Check = Callable[[Source, Dataset], None]

_CHUNK = 256
"""Examples looked at together, since all of them may be more than memory holds."""


def check_shapes(_: Source, data: Dataset) -> None:
    """Images as uint8 with channels first or feature vectors as float32, of one shape, with one int64 label each."""
    for split in _sides(data):
        values, labels = _first(split.inputs), split.labels
        kind = (values.dtype, values.ndim)
        assert kind in {(torch.uint8, 4), (torch.float32, 2)}, f"values of type {kind[0]} in {kind[1]} dimensions"
        assert values.shape[1:] == split.inputs.shape == data.shape, "training and test examples differ in shape"
        assert (labels.dtype, labels.ndim) == (torch.int64, 1), f"labels of type {labels.dtype}"
        assert len(split.inputs) == len(labels) == len(split) > 0, "not one label an example, or an empty side"


def check_labels(_: Source, data: Dataset) -> None:
    """Labels from 0 to one less than the number of classes, and each class with a training example."""
    for split in _sides(data):
        assert int(split.labels.min()) >= 0, "a negative label"
        assert int(split.labels.max()) < len(data.classes), "a label that is no class"
    assert bool(torch.bincount(data.train.labels, minlength=len(data.classes)).all()), "a class without an example"
    assert len(set(data.classes)) == len(data.classes), "two classes of one name"


def check_finite(_: Source, data: Dataset) -> None:
    """No NaN and no infinity."""
    for split in _sides(data):
        assert all(bool(raw.isfinite().all()) for raw in _all(split.inputs)), "values that are not finite"


def check_batch(_: Source, data: Dataset) -> None:
    """Batches of float32, with images in 0..1 before they are normalised, that leave the data as they were."""
    for split in _sides(data):
        before = _first(split.inputs)
        x = split.inputs.batch(_rows(split.inputs))
        assert x.dtype == torch.float32, f"batches of type {x.dtype}"
        if before.dtype == torch.uint8 and getattr(split.inputs, "mean", None) is None:
            assert 0 <= float(x.min()) <= float(x.max()) <= 1, "images outside 0..1"
        x.zero_()
        assert torch.equal(_first(split.inputs), before), "writing into a batch changes the data set"


def check_rows(_: Source, data: Dataset) -> None:
    """Examples that are the same alone, among others, in another order, and read one part after the other."""
    for split in _sides(data):
        rows, together = _rows(split.inputs), _first(split.inputs)
        turned = split.inputs.raw(rows.flip(0))
        assert torch.equal(turned.flip(0), together), "an example depends on its place in a batch"
        parts = list(split.inputs.raws((row, None) for row in rows.split(1)))
        assert torch.equal(torch.cat(parts), together), "an example depends on what is read with it"


def check_windows(_: Source, data: Dataset) -> None:
    """Windows of images that have the usual size and depend on their image and place alone."""
    for split in _sides(data):
        if len(data.shape) != 3:
            continue
        rows, values = _rows(split.inputs), _first(split.inputs)
        windows = torch.tensor([[0.3, 1.2, 0.0, 1.0], [1.0, 1.0, 0.5, 0.5]]).repeat(len(rows), 1)[: len(rows)]
        cut = split.inputs.raw(rows, windows)
        assert (cut.shape, cut.dtype) == (values.shape, values.dtype), f"windows of shape {cut.shape}, {cut.dtype}"
        turned = split.inputs.raw(rows.flip(0), windows.flip(0))
        assert torch.equal(turned.flip(0), cut), "a window depends on its place in a batch"


def check_apart(_: Source, data: Dataset) -> None:
    """Training and test sides that are not the same examples and share no memory."""
    train, test = (split.inputs for split in _sides(data))
    few = min(len(train), len(test), _CHUNK)
    first, second = (inputs.raw(torch.arange(few)) for inputs in (train, test))
    assert not torch.equal(first, second), "training and test begin with the same examples"
    if isinstance(train, Resident) and isinstance(test, Resident):
        places = {inputs.values.untyped_storage().data_ptr() for inputs in (train, test)}
        assert len(places) == 2, "training and test examples lie in the same memory"


def check_device(_: Source, data: Dataset) -> None:
    """A data set on the CPU, which can be moved whole."""
    for split in _sides(data):
        places = {split.inputs.home.type, _first(split.inputs).device.type, split.labels.device.type}
        assert places == {"cpu"}, "not loaded on the CPU"
    moved = data.to("meta")
    for split in _sides(moved):
        places = {_first(split.inputs).device.type, split.labels.device.type}
        assert places == {"meta"}, "a part stays where it was"
    assert (moved.digest, moved.classes) == (data.digest, data.classes), "moving changes what the data set is"


def check_digest(source: Source, data: Dataset) -> None:
    """The same data set on every load."""
    again = source.load()
    assert again.digest == data.digest, "a second load has another digest"
    for first, second in zip(_sides(data), _sides(again), strict=True):
        assert torch.equal(first.labels, second.labels), "a second load has other labels"
        same = (torch.equal(*pair) for pair in zip(_all(first.inputs), _all(second.inputs), strict=True))
        assert all(same), "a second load has other examples"


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
    check_rows,
    check_windows,
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


def _rows(inputs: Inputs) -> Tensor:
    return torch.arange(min(8, len(inputs)))


def _first(inputs: Inputs) -> Tensor:
    return inputs.raw(_rows(inputs))


def _all(inputs: Inputs) -> Iterator[Tensor]:
    return inputs.raws((rows, None) for rows in torch.arange(len(inputs)).split(_CHUNK))
