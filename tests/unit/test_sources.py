import json
import os
import threading
import time
from io import BytesIO

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import save_file

from torchal.data import cache
from torchal.data.dataset import AnySource

LABELS = np.arange(12) % 3


def source(**fields):
    return TypeAdapter(AnySource).validate_python(fields)


def pixels(n, *shape):
    return np.random.default_rng(n).integers(0, 256, (n, *shape), dtype=np.uint8)


def encoded(array, kind="PNG", **options) -> bytes:
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def save_parquet(file, images, labels, classes=None, image="image", label="label"):
    """Write a table as the hub does; an image may be given as bytes or as an array."""
    images = [
        {"bytes": each if isinstance(each, bytes | None) else encoded(each), "path": "/etc/passwd"} for each in images
    ]
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    table = pa.table({image: pa.array(images, kind), label: labels})
    if classes:
        features = {"info": {"features": {label: {"names": classes, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    pq.write_table(table, file)


@pytest.fixture(autouse=True)
def _own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TORCHAL_DATA", raising=False)


@pytest.fixture
def folder(tmp_path):
    """Parquet files of 12 + 6 colour images in three classes."""
    (tmp_path / "shapes").mkdir()
    save_parquet(tmp_path / "shapes" / "train.parquet", pixels(12, 5, 4, 3), LABELS)
    save_parquet(tmp_path / "shapes" / "test.parquet", pixels(6, 5, 4, 3), LABELS[:6])
    return tmp_path / "shapes"


def refused(message, **fields):
    with pytest.raises(ValueError, match=message) as caught:
        source(**fields).load()
    assert "\n" not in str(caught.value)


# --- digits -----------------------------------------------------------------------------------------------------------


def test_digits_are_stretched_to_all_greys_and_divided_by_class():
    data = source(name="digits").load()
    assert (len(data.train), len(data.test), data.shape) == (1438, 359, (1, 8, 8))
    values = data.train.inputs.values
    assert (int(values.min()), int(values.max())) == (0, 255)
    assert set(values.unique().tolist()) == {round(grey * 255 / 16) for grey in range(17)}
    share = torch.bincount(data.train.labels) / torch.bincount(torch.cat([data.train.labels, data.test.labels]))
    assert float((share - 0.8).abs().max()) < 0.01


def test_the_test_side_of_digits_is_pinned_because_results_are_compared_on_it():
    assert source(name="digits").load().digest[:16] == "e34b4e33eb269cdc"


def test_the_size_of_the_test_side_can_be_set():
    assert len(source(name="digits", test=100).load().test) == 100
    refused("training side is empty", name="digits", test="100%")


# --- arrays -----------------------------------------------------------------------------------------------------------


def arrays(tmp_path, **given):
    np.savez(tmp_path / "mine.npz", **given)
    return {"name": "arrays", "path": tmp_path / "mine.npz"}


VECTORS = np.random.default_rng(0).normal(size=(12, 4))


@pytest.mark.parametrize(
    ("shape", "channels", "place"),
    [
        ((12, 5, 4), None, lambda x: x[:, None]),
        ((12, 5, 6, 3), None, lambda x: x.transpose(0, 3, 1, 2)),
        ((12, 3, 5, 6), None, lambda x: x),
        ((12, 4, 5, 3), "last", lambda x: x.transpose(0, 3, 1, 2)),
        ((12, 4, 5, 3), "first", lambda x: x),
        ((12, 7, 5, 2), "first", lambda x: x),
    ],
)
def test_channels_are_found_where_they_are_or_said_to_be(tmp_path, shape, channels, place):
    x = pixels(*shape)
    fields = arrays(tmp_path, x=x, y=LABELS, x_test=x[:3] // 2, y_test=LABELS[:3])
    data = source(**fields, channels=channels).load()
    np.testing.assert_array_equal(data.train.inputs.values.numpy(), place(x))


def test_feature_vectors_become_float32_and_labels_stay_with_them(tmp_path):
    fields = arrays(tmp_path, x=np.arange(24.0).reshape(12, 2), y=LABELS)
    data = source(**fields, test=3).load()
    assert (data.name, data.shape, len(data.test)) == ("mine", (2,), 3)
    for split in (data.train, data.test):
        first = split.inputs.values[:, 0] / 2
        assert (first.long() % 3).tolist() == split.labels.tolist()


def test_strings_are_numbered_by_the_alphabet_or_in_the_order_given(tmp_path):
    y = np.array(["b", "a", "c"] * 4)
    fields = arrays(tmp_path, x=VECTORS, y=y, x_test=VECTORS[:3] + 1, y_test=y[:3])
    assert (source(**fields).load().classes, source(**fields).load().test.labels.tolist()) == (
        ("a", "b", "c"),
        [1, 0, 2],
    )
    assert source(**fields, classes=["c", "b", "a"]).load().test.labels.tolist() == [1, 2, 0]
    refused("label 'c' is none of the classes a, b", **fields, classes=["a", "b"])


def test_integers_can_be_given_names(tmp_path):
    assert source(**arrays(tmp_path, x=VECTORS, y=LABELS), classes=["x", "y", "z"]).load().classes == ("x", "y", "z")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"x": VECTORS}, "no array 'y'; it holds x"),
        ({"x": VECTORS, "y": LABELS, "x_test": VECTORS}, "no array 'y_test'"),
        ({"x": VECTORS[:5], "y": LABELS}, "5 examples and 12 labels"),
        ({"x": VECTORS[:0], "y": LABELS[:0]}, "empty"),
        ({"x": VECTORS, "y": LABELS - 1}, "label -1 in row 0"),
        ({"x": VECTORS, "y": np.where(LABELS == 0, 10**12, LABELS)}, "label 1000000000000 in row 0"),
        ({"x": VECTORS, "y": LABELS * 2}, "class '1' has no training example"),
        ({"x": VECTORS, "y": LABELS.astype(float)}, "type float64"),
        ({"x": VECTORS, "y": LABELS[:, None]}, "2 dimensions"),
        ({"x": VECTORS, "y": LABELS > 0}, "type bool"),
        ({"x": np.where(np.arange(12)[:, None] == 7, np.nan, VECTORS), "y": LABELS}, "x: row 7 is not finite"),
        ({"x": VECTORS * 1e300, "y": LABELS}, "row 0 is not finite in float32"),
        ({"x": pixels(12, 8, 8) / 255, "y": LABELS}, "float64; scale them to 0..255"),
        ({"x": pixels(12, 4, 4, 4), "y": LABELS}, "both ends could be channels"),
        ({"x": pixels(12, 5, 5, 5), "y": LABELS}, "neither end has 1, 3 or 4 channels"),
        ({"x": np.arange(12), "y": LABELS}, r"shape \(12,\)"),
        ({"x": np.array([["a"]] * 12), "y": LABELS}, "type <U1"),
        ({"x": np.array([{}] * 12), "y": LABELS}, "cannot be read"),
        ({"x": VECTORS, "y": LABELS, "x_test": VECTORS, "y_test": LABELS}, "test examples are the training examples"),
        ({"x": VECTORS, "y": LABELS, "x_test": VECTORS[:, :2], "y_test": LABELS}, "shape .4,. and test examples .2,"),
        ({"x": VECTORS, "y": LABELS, "x_test": VECTORS + 1, "y_test": LABELS + 1}, "test side has label 3 in row 2"),
        ({"x": VECTORS, "y": LABELS, "x_test": VECTORS + 1, "y_test": LABELS.astype(str)}, "integers on the other"),
        ({"x": VECTORS, "y": LABELS, "x_test": VECTORS[:0], "y_test": LABELS[:0]}, "test side is empty"),
    ],
)
def test_arrays_that_make_no_data_set_are_refused(tmp_path, given, message):
    refused(message, **arrays(tmp_path, **given))


def test_files_that_are_missing_damaged_or_of_another_kind_are_refused(tmp_path):
    refused("no such file", name="arrays", path=tmp_path / "absent.npz")
    refused("it holds none", name="arrays", path=tmp_path)
    for name in ("a.npz", "a.safetensors"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 nothing of the kind")
        refused(f"{name}: cannot be read", name="arrays", path=tmp_path / name)
    (tmp_path / "a.csv").write_text("1,2")
    refused("neither .npz nor", name="arrays", path=tmp_path / "a.csv")
    save_file({"x": torch.zeros(3, 2, dtype=torch.bfloat16)}, tmp_path / "b.safetensors")
    refused("cannot be read", name="arrays", path=tmp_path / "b.safetensors")


def test_data_sets_in_different_files_can_be_told_apart_in_reports(tmp_path):
    assert source(name="arrays", path=tmp_path / "one.npz").label == "arrays(title=one)"
    assert source(name="hub", path=tmp_path / "two").label == "hub(title=two)"


# --- images in folders ------------------------------------------------------------------------------------------------


def test_images_in_parquet_come_out_pixel_by_pixel_in_their_order(folder):
    data = source(name="hub", path=folder).load()
    np.testing.assert_array_equal(data.train.inputs.values.numpy(), pixels(12, 5, 4, 3).transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(data.test.inputs.values.numpy(), pixels(6, 5, 4, 3).transpose(0, 3, 1, 2))
    assert data.train.labels.tolist() == LABELS.tolist()
    assert (data.name, data.classes) == ("shapes", ("0", "1", "2"))


def test_more_images_than_one_thread_takes_come_out_in_their_order(folder):
    images = pixels(1203, 5, 4, 3)
    save_parquet(folder / "train.parquet", images, np.arange(1203) % 3)
    data = source(name="hub", path=folder).load()
    np.testing.assert_array_equal(data.train.inputs.values.numpy(), images.transpose(0, 3, 1, 2))


def test_parquet_files_of_one_side_follow_each_other_by_name(folder):
    images = pixels(12, 5, 4, 3)
    (folder / "train.parquet").unlink()
    save_parquet(folder / "train-1.parquet", images[5:], LABELS[5:])
    save_parquet(folder / "train-0.parquet", images[:5], LABELS[:5])
    data = source(name="hub", path=folder).load()
    np.testing.assert_array_equal(data.train.inputs.values.numpy(), images.transpose(0, 3, 1, 2))


def test_names_of_classes_come_from_the_file_where_it_has_them(folder):
    save_parquet(folder / "train.parquet", pixels(12, 5, 4, 3), LABELS, classes=["cat", "dog", "eel"])
    assert source(name="hub", path=folder).load().classes == ("cat", "dog", "eel")


def test_labels_may_be_strings(folder):
    for name, n in (("train", 12), ("test", 6)):
        save_parquet(folder / f"{name}.parquet", pixels(n, 5, 4, 3), ["b", "a"] * (n // 2))
    data = source(name="hub", path=folder).load()
    assert (data.classes, data.test.labels.tolist()) == (("a", "b"), [1, 0] * 3)


def test_grey_size_and_normalise_do_what_they_say(folder):
    grey = source(name="hub", path=folder, grey=True, size=3).load()
    assert grey.shape == (1, 3, 3)
    plain, normalised = (source(name="hub", path=folder, normalise=each).load() for each in (False, True))
    everything = torch.arange(12)
    x = plain.train.inputs.batch(everything)
    mean, std = x.mean((0, 2, 3)), x.std((0, 2, 3), correction=0)
    expected = (x - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(normalised.train.inputs.batch(everything), expected)
    torch.testing.assert_close(normalised.test.inputs.mean, mean)


def test_whatever_changes_what_a_network_sees_changes_the_digest(folder):
    options = [{}, {"grey": True}, {"size": 3}, {"normalise": True}]
    digests = [source(name="hub", path=folder, **each).load().digest for each in options]
    save_parquet(folder / "train.parquet", pixels(12, 5, 4, 3), (LABELS + 1) % 3)
    digests.append(source(name="hub", path=folder).load().digest)
    save_parquet(folder / "train.parquet", pixels(12, 5, 4, 3), LABELS, classes=["cat", "dog", "eel"])
    digests.append(source(name="hub", path=folder).load().digest)
    assert len(set(digests)) == 6


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1"])
def test_eight_bit_images_of_every_mode_are_read(folder, mode):
    images = [Image.fromarray(each).convert(mode) for each in pixels(12, 5, 4, 3)]
    if mode == "P":
        images[0].info["transparency"] = bytes(range(16))
    data = []
    for image in images:
        buffer = BytesIO()
        image.save(buffer, "TIFF" if mode == "CMYK" else "PNG")
        data.append(buffer.getvalue())
    save_parquet(folder / "train.parquet", data, LABELS)
    assert source(name="hub", path=folder).load().shape == (3, 5, 4)


@pytest.fixture
def images(tmp_path):
    """A folder of images: three cats and two dogs to train on, one of each to test."""
    made = pixels(7, 5, 4, 3)
    for split, kind, numbers in (
        ("train", "cat", (0, 1, 2)),
        ("train", "dog", (3, 4)),
        ("test", "cat", (5,)),
        ("test", "dog", (6,)),
    ):
        (tmp_path / "pets" / split / kind).mkdir(parents=True)
        for number in numbers:
            Image.fromarray(made[number]).save(tmp_path / "pets" / split / kind / f"{number}.png")
    (tmp_path / "pets" / "train" / "cat" / "notes.txt").write_text("no image")
    return tmp_path / "pets"


def test_folders_of_images_are_read_by_class_and_name(images):
    data = source(name="hub", path=images).load()
    np.testing.assert_array_equal(data.train.inputs.values.numpy(), pixels(7, 5, 4, 3)[:5].transpose(0, 3, 1, 2))
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1]
    assert data.test.labels.tolist() == [0, 1]
    assert (data.name, data.classes) == ("pets", ("cat", "dog"))


def test_an_image_moved_to_another_class_is_noticed(images):
    before = source(name="hub", path=images).load()
    (images / "train" / "cat" / "2.png").rename(images / "train" / "dog" / "2.png")
    after = source(name="hub", path=images).load()
    assert after.train.labels.tolist() == [0, 0, 1, 1, 1]
    assert after.digest != before.digest


def test_a_test_class_that_training_lacks_is_refused(images):
    (images / "test" / "dog").rename(images / "test" / "eel")
    refused("label 'eel' is none of the classes cat, dog", name="hub", path=images)


def test_a_damaged_image_in_a_folder_is_refused_by_name(images):
    (images / "train" / "dog" / "4.png").write_bytes(b"\x89PNG broken")
    refused(r"train/dog/4\.png: is no readable image", name="hub", path=images)


PICTURES = list(pixels(12, 5, 4, 3))


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ([*PICTURES[:7], b"no image", *PICTURES[8:]], r"row 7 of .*train\.parquet: is no readable image"),
        ([*PICTURES[:7], encoded(PICTURES[7])[:60], *PICTURES[8:]], "row 7 of .* is no readable image"),
        ([*PICTURES[:7], None, *PICTURES[8:]], "row 7 of .* column 'image' is empty"),
        (
            [*PICTURES[:7], pixels(1, 6, 7, 3)[0], *PICTURES[8:]],
            "row 7 of .* is 7 x 6 pixels, and the first image 4 x 5; set dataset.size",
        ),
        ([encoded(np.full((5, 4), 900, dtype=np.uint16))] * 12, "row 0 of .* mode I;16"),
    ],
)
def test_an_image_that_cannot_be_used_is_refused_by_row(folder, pictures, message):
    save_parquet(folder / "train.parquet", pictures, LABELS)
    refused(message, name="hub", path=folder)


def test_a_row_is_counted_within_its_file(folder):
    save_parquet(folder / "train-2.parquet", [*PICTURES[:3], b"no image"], LABELS[:4])
    refused(r"row 3 of .*train-2\.parquet", name="hub", path=folder)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([*LABELS[:5], None, *LABELS[6:]], "row 5 of .* column 'label' is empty"),
        (LABELS / 2, "holds double"),
        (LABELS - 1, "label -1 in row 0"),
        (LABELS * 2, "class '1' has no training example"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(folder, labels, message):
    save_parquet(folder / "train.parquet", PICTURES, labels)
    refused(message, name="hub", path=folder)


def test_what_a_folder_lacks_is_named(folder, tmp_path):
    refused("there is no such folder", name="hub", path=tmp_path / "absent")
    refused("no column 'img'", name="hub", path=folder, image_column="img")
    refused("holds int64 and not encoded images", name="hub", path=folder, image_column="label")
    refused(r"no valid\*\.parquet", name="hub", path=folder, test="valid")
    (folder / "test.parquet").write_bytes(b"PAR1 cut off")
    refused(r"test\.parquet: is no whole parquet file", name="hub", path=folder)
    (tmp_path / "empty").mkdir()
    refused("neither a train", name="hub", path=tmp_path / "empty")


def test_an_empty_side_is_refused(folder):
    save_parquet(folder / "test.parquet", [], np.array([], dtype=np.int64))
    refused("test side is empty", name="hub", path=folder)


def test_test_images_of_another_size_are_refused(folder):
    save_parquet(folder / "test.parquet", pixels(6, 4, 4, 3), LABELS[:6])
    refused(r"shape \(3, 5, 4\) and test examples \(3, 4, 4\)", name="hub", path=folder)


def test_one_file_for_both_sides_is_refused(folder):
    (folder / "test.parquet").write_bytes((folder / "train.parquet").read_bytes())
    refused("the same file is given for both sides", name="hub", path=folder)
    with pytest.raises(ValidationError, match="train and test are both 'train'"):
        source(name="hub", path=folder, test="train")


def test_splits_and_titles_cannot_lead_out_of_their_folder(folder):
    for fields in ({"train": "../shapes/train"}, {"test": "/etc"}, {"title": ".."}, {"title": "a/b"}):
        with pytest.raises(ValidationError):
            source(name="hub", path=folder, **fields)
    with pytest.raises(ValidationError):
        source(name="cifar10", title="../x")


def test_another_data_set_under_a_presets_name_is_refused(folder):
    refused("cifar10: there is no|no column 'img'", name="cifar10", path=folder)
    refused("label|class '3'", name="mnist", path=folder)
    ten = np.arange(20) % 10
    save_parquet(folder / "train.parquet", pixels(20, 5, 4, 3), ten)
    refused("mnist: has images of 28 x 28 pixels, and those found are 4 x 5", name="mnist", path=folder)
    save_parquet(folder / "train.parquet", pixels(12, 5, 4, 3), LABELS, classes=["a", "b", "c"])
    refused("mnist: has 10 classes, and 3 were found", name="mnist", path=folder)


# --- the hub ----------------------------------------------------------------------------------------------------------


def test_an_unreachable_hub_says_which_ways_there_are(monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    refused(r"uoft-cs/cifar10.*no route\).*path: FOLDER.*\$TORCHAL_DATA/cifar10.*network", name="cifar10")


def test_a_data_set_of_the_hub_is_read_like_a_local_one(folder, monkeypatch):
    asked = []

    def load_dataset(repo, config, revision, split):
        asked.append((repo, config, revision, split))
        return datasets.Dataset.from_parquet(str(folder / f"{split}.parquet"), cache_dir=str(folder / "hub"))

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    found = source(name="hub", repo="someone/shapes", revision="v2").load()
    assert asked == [("someone/shapes", None, "v2", "train"), ("someone/shapes", None, "v2", "test")]
    assert (found.name, found.digest) == ("shapes", source(name="hub", path=folder).load().digest)


def test_a_folder_in_torchal_data_is_preferred_to_the_hub(folder, monkeypatch):
    monkeypatch.setenv("TORCHAL_DATA", str(folder.parent))
    assert len(source(name="hub", repo="someone/shapes").load().train) == 12


def test_a_hub_source_without_name_and_folder_is_refused():
    with pytest.raises(ValidationError, match="needs repo"):
        source(name="hub")


# --- the cache --------------------------------------------------------------------------------------------------------


@pytest.fixture
def counted(monkeypatch):
    """Count how often contents are put into the cache."""
    calls, save = [], cache._save
    monkeypatch.setattr(cache, "_save", lambda *args: (calls.append(1), save(*args)))
    return calls


def entry(tmp_path):
    (found,) = (tmp_path / "cache" / "decoded").iterdir()
    return found


def test_images_are_decoded_once_and_then_mapped(folder, counted):
    first, again = (source(name="hub", path=folder).load() for _ in range(2))
    assert len(counted) == 1
    assert first.digest == again.digest
    assert torch.equal(first.train.inputs.values, again.train.inputs.values)


def test_writing_into_a_data_set_leaves_the_cache(folder, counted):
    source(name="hub", path=folder).load().train.inputs.values.zero_()
    again = source(name="hub", path=folder).load()
    assert len(counted) == 1
    assert int(again.train.inputs.values.max()) > 0


def test_a_moved_folder_is_not_decoded_again(folder, counted):
    source(name="hub", path=folder).load()
    source(name="hub", path=folder.rename(folder.with_name("elsewhere"))).load()
    assert len(counted) == 1


@pytest.mark.parametrize("name", ["train.npy", "test_labels.npy", "meta.json"])
@pytest.mark.parametrize("how", ["flipped", "cut", "gone"])
def test_a_damaged_entry_is_made_again(folder, tmp_path, counted, name, how):
    before = source(name="hub", path=folder).load()
    whole = (entry(tmp_path) / name).read_bytes()
    damaged = bytearray(whole)
    damaged[-3] ^= 1
    changed = {"flipped": bytes(damaged), "cut": whole[:-9]}.get(how)
    (entry(tmp_path) / name).unlink()
    if changed is not None:
        (entry(tmp_path) / name).write_bytes(changed)
    after = source(name="hub", path=folder).load()
    assert len(counted) == 2
    assert after.digest == before.digest
    assert torch.equal(after.train.inputs.values, before.train.inputs.values)


def test_an_entry_whose_files_were_only_copied_is_kept(folder, tmp_path, counted):
    source(name="hub", path=folder).load()
    os.utime(entry(tmp_path) / "train.npy", (1, 1))
    source(name="hub", path=folder).load()
    assert len(counted) == 1


def test_processes_that_decode_at_the_same_time_agree(folder, monkeypatch):
    save = cache._save

    def slowly(*args):
        save(*args)
        time.sleep(0.1)

    monkeypatch.setattr(cache, "_save", slowly)
    found = []
    threads = [threading.Thread(target=lambda: found.append(source(name="hub", path=folder).load())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each.digest for each in found}) == 1
    assert len(found) == 4


def test_nothing_is_left_of_a_decoding_that_failed(folder, tmp_path):
    save_parquet(folder / "train.parquet", [b"no image"] * 12, LABELS)
    refused("no readable image", name="hub", path=folder)
    assert list((tmp_path / "cache").rglob("*.npy")) == []
    assert list((tmp_path / "cache" / "drafts").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named_with_the_remedy(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TORCHAL_CACHE", str(tmp_path / "file" / "cache"))
    refused("the cache cannot be written .*; set TORCHAL_CACHE", name="hub", path=folder)
