"""Every source that can be loaded without a network keeps the promises in ``torchal.testing.sources``."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from pydantic import TypeAdapter
from safetensors.numpy import save_file

from torchal.data.dataset import AnySource, Resident, Source, Split
from torchal.data.sources.arrays import Arrays
from torchal.spec import names
from torchal.testing.sources import CHECKS, check_source

PRESETS = ["cifar10", "cifar100", "fashion_mnist", "mnist", "stl10", "svhn", "tiny_imagenet"]
LABELS = np.arange(24) % 3


def source(value) -> Source:
    return TypeAdapter(AnySource).validate_python(value)


def pixels(n, *shape):
    return np.random.default_rng(n).integers(0, 256, (n, *shape), dtype=np.uint8)


def png(array) -> bytes:
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def save_parquet(file, images, labels, image="image", label="label"):
    images = [{"bytes": png(each), "path": None} for each in images]
    pq.write_table(pa.table({image: images, label: labels}), file)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TORCHAL_DATA", raising=False)


def digits(_):
    return {"name": "digits"}


def npz_vectors(folder):
    x = np.random.default_rng(0).normal(size=(24, 5))
    np.savez(folder / "mine.npz", x=x, y=LABELS.astype(str))
    return {"name": "arrays", "path": folder / "mine.npz", "test": 6}


def npz_images(folder):
    np.savez(folder / "mine.npz", x=pixels(24, 8, 8, 3), y=LABELS, x_test=pixels(9, 8, 8, 3), y_test=LABELS[:9])
    return {"name": "arrays", "path": folder / "mine.npz"}


def npy_folder(folder):
    np.save(folder / "x.npy", pixels(24, 8, 8))
    np.save(folder / "y.npy", LABELS)
    return {"name": "arrays", "path": folder}


def safetensors(folder):
    save_file({"x": pixels(24, 3, 8, 8), "y": LABELS}, folder / "mine.safetensors")
    return {"name": "arrays", "path": folder / "mine.safetensors"}


def parquet(folder):
    save_parquet(folder / "train.parquet", pixels(24, 8, 8, 3), LABELS)
    save_parquet(folder / "test.parquet", pixels(9, 8, 8, 3), LABELS[:9])
    return {"name": "hub", "path": folder}


def normalised(folder):
    return parquet(folder) | {"normalise": True, "grey": True}


def image_folder(folder):
    for split, number in (("train", 4), ("test", 2)):
        for kind in ("cat", "dog"):
            (folder / split / kind).mkdir(parents=True)
            for k, each in enumerate(pixels(number + len(kind + split), 8, 8, 3)):
                Image.fromarray(each).save(folder / split / kind / f"{kind}{k}.png")
    return {"name": "hub", "path": folder, "size": 6}


def streamed_folder(folder):
    image_folder(folder)
    return {"name": "folder", "path": folder, "test": "test", "size": 5, "resize": 6}


def streamed_plain(folder):
    return streamed_folder(folder) | {"normalise": "none"}


def streamed_table(folder):
    return parquet(folder) | {"name": "hub_stream", "size": 6, "resize": 7}


MADE = [
    digits,
    npz_vectors,
    npz_images,
    npy_folder,
    safetensors,
    parquet,
    normalised,
    image_folder,
    streamed_folder,
    streamed_plain,
    streamed_table,
]


@pytest.mark.parametrize("make", MADE)
def test_a_source_keeps_its_promises(make, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    check_source(source(make(folder)))


def test_cifar10_keeps_its_promises_on_real_images(shared, tmp_path):
    for name in ("train", "test"):
        table = pq.ParquetFile(shared / "cifar10" / f"{name}.parquet").read_row_group(0).slice(0, 200)
        pq.write_table(table, tmp_path / f"{name}.parquet")
    made = source({"name": "cifar10", "path": tmp_path})
    check_source(made)
    data = made.load()
    assert (data.name, len(data.train), len(data.test), data.shape) == ("cifar10", 200, 200, (3, 32, 32))
    assert data.classes[:2] == ("airplane", "automobile")
    assert data.train.labels[0] == 6  # the first image of CIFAR-10 is a frog


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_ready_to_use_by_name_and_with_a_folder(name, tmp_path):
    by_name, local = source(name), source({"name": name, "path": tmp_path})
    assert by_name.identity() == local.identity()
    assert by_name.label == local.label == name
    with pytest.raises(ValueError, match=str(tmp_path)):
        local.load()


def test_every_source_is_checked():
    assert set(names(Source.room)) == {"digits", "arrays", "hub", "folder", "hub_stream", *PRESETS}


# --- the checks themselves --------------------------------------------------------------------------------------------


def spoiled(data, side, **parts):
    split = getattr(data, side)
    inputs = replace(split.inputs, values=parts.get("values", split.inputs.values))
    return replace(data, **{side: Split(inputs, parts.get("labels", split.labels))})


class Wavering(Resident):
    """Gives away its own memory."""

    def batch(self, rows):
        return self.values[: len(rows)]


class Muddled(Resident):
    """Makes an example depend on its place in a batch."""

    def raw(self, rows, windows=None):
        return super().raw(rows, windows) + torch.arange(len(rows), dtype=torch.uint8)[:, None, None, None]


class Whole(Resident):
    """Gives all of an image for a window of it, and at another size."""

    def raw(self, rows, windows=None):
        values = super().raw(rows)
        return values if windows is None else values[..., 1:]


def remade(data, kind):
    return replace(data, train=Split(kind(data.train.inputs.values), data.train.labels))


BROKEN = {
    "check_shapes": lambda data: spoiled(data, "test", values=data.test.inputs.values[..., :4]),
    "check_labels": lambda data: spoiled(data, "train", labels=data.train.labels.clamp(max=8)),
    "check_finite": lambda data: spoiled(data, "train", values=torch.full((4, 3), torch.nan)),
    "check_batch": lambda data: replace(data, train=Split(Wavering(torch.ones(9, 3)), data.train.labels)),
    "check_rows": lambda data: remade(data, Muddled),
    "check_windows": lambda data: remade(data, Whole),
    "check_apart": lambda data: spoiled(data, "test", values=data.train.inputs.values[:9]),
    "check_digest": lambda data: replace(data, digest="0" * 64),
    "check_device": lambda data: replace(data, train=data.train.to("meta")),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_check_finds_what_it_is_for(name):
    check = next(each for each in CHECKS if each.__name__ == name)
    made = source("digits")
    check(made, made.load())
    with pytest.raises(AssertionError):
        check(made, BROKEN[name](made.load()))


class Telling(Arrays):
    """Tells where it lies."""

    def heading(self):
        return super().heading() | {"place": str(self.path)}


def test_an_identity_that_tells_the_place_is_found(tmp_path):
    made = Arrays(path=npz_vectors(tmp_path)["path"])
    check = next(each for each in CHECKS if each.__name__ == "check_identity")
    check(made, made.load())
    telling = Telling(path=made.path)
    with pytest.raises(AssertionError, match="changes with the place"):
        check(telling, made.load())


def test_a_broken_promise_is_reported_with_its_source_and_check(tmp_path):
    telling = Telling(path=npz_vectors(tmp_path)["path"])
    with pytest.raises(AssertionError, match=r"title=mine.*: check_identity: the identity changes"):
        check_source(telling)
