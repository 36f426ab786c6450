"""Images decoded when they are asked for, and folders of them."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import TypeAdapter, ValidationError
from small_runs import changed

from torchal import loop
from torchal.data import examined, streamed, threads
from torchal.data.dataset import AnySource, Resident
from torchal.data.streamed import Streamed
from torchal.data.windows import boxes
from torchal.store import Store
from torchal.testing.leaks import holds

WINDOWS = torch.tensor([[0.3, 1.3, 0.1, 0.9], [0.9, 0.8, 1.0, 0.5], [0.08, 0.75, 0.4, 1.0], [1.0, 1.0, 0.0, 0.0]])


def pixels(seed, height, width):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(array, kind="PNG", mode="RGB", **options) -> bytes:
    buffer = BytesIO()
    Image.fromarray(array).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def inputs(images, size, resize, **options):
    return Streamed(images, lambda row: f"image {row}", size, resize, **options)


SIZES = [(40, 30), (17, 60), (33, 33), (9, 12), (64, 24), (50, 50), (31, 47), (8, 90)]


@pytest.fixture
def mixed():
    """Inputs of photographs of different sizes."""
    return inputs([encoded(pixels(k, *size), "JPEG") for k, size in enumerate(SIZES)], size=12, resize=16)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHAL_CACHE", str(tmp_path / "cache"))


# --- what becomes of an image -----------------------------------------------------------------------------------------


def test_the_centre_is_that_of_the_image_scaled_as_a_whole(mixed):
    for row, data in enumerate(mixed.images):
        image = Image.open(BytesIO(data))
        short = min(image.size)
        whole = image.resize(tuple(16 * side // short for side in image.size), Image.Resampling.BILINEAR)
        left, top = (round((side - 12) / 2) for side in whole.size)
        expected = np.asarray(whole.crop((left, top, left + 12, top + 12))).transpose(2, 0, 1)
        found = mixed.raw(torch.tensor([row]))[0].numpy()
        assert np.abs(found.astype(int) - expected).max() <= 1


def test_a_window_is_cut_out_of_the_image_in_its_own_size(mixed):
    found = mixed.raw(torch.arange(4), WINDOWS)
    for row, window in enumerate(WINDOWS):
        image = Image.open(BytesIO(mixed.images[row]))
        left, top, wide, high = boxes(window[None], image.height, image.width)[0].tolist()
        box = (left, top, min(left + wide, image.width), min(top + high, image.height))
        expected = np.asarray(image.resize((12, 12), Image.Resampling.BILINEAR, box)).transpose(2, 0, 1)
        np.testing.assert_array_equal(found[row].numpy(), expected)


@pytest.fixture
def both():
    """The same square images, decoded when needed and in memory."""
    arrays = [pixels(k, 16, 16) for k in range(4)]
    values = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()
    return inputs([encoded(each) for each in arrays], 16, 16), Resident(values)


def test_images_that_have_their_size_are_those_in_memory(both):
    rows = torch.tensor([3, 0, 3, 2])
    assert torch.equal(*(each.raw(rows) for each in both))
    assert torch.equal(*(each.batch(rows) for each in both))


def test_windows_are_those_of_images_in_memory_but_for_rounding(both):
    # windows that are enlarged: in making smaller, only decoding averages over pixels
    on_disk, in_memory = (each.raw(torch.arange(4), WINDOWS).int() for each in both)
    assert int((on_disk - in_memory).abs().max()) <= 2


@pytest.mark.parametrize(
    ("mode", "kind"), [("L", "JPEG"), ("CMYK", "JPEG"), ("P", "PNG"), ("RGBA", "PNG"), ("1", "PNG")]
)
def test_images_of_every_mode_become_colour(mode, kind):
    data = encoded(pixels(0, 8, 8), kind, mode)
    expected = np.asarray(Image.open(BytesIO(data)).convert("RGB")).transpose(2, 0, 1)
    np.testing.assert_array_equal(inputs([data], 8, 8).raw(torch.tensor([0]))[0].numpy(), expected)


def test_orientation_noted_in_a_photograph_is_not_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned, plain = encoded(pixels(0, 8, 12), "JPEG", exif=exif), encoded(pixels(0, 8, 12), "JPEG")
    assert turned != plain
    found = inputs([turned, plain], 8, 8).raw(torch.arange(2))
    assert torch.equal(found[0], found[1])


def test_networks_see_normalised_images():
    mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 1.0, 2.0])
    data = inputs([encoded(np.full((4, 4, 3), 51, dtype=np.uint8))], 4, 4, mean=mean, std=std)
    expected = torch.tensor([0.2, 0.0, -0.05])
    torch.testing.assert_close(data.batch(torch.tensor([0]))[0, :, 1, 2], expected)


# --- a row and its window alone ---------------------------------------------------------------------------------------

ROWS = torch.tensor([5, 0, 7, 7, 2, 1, 6, 3, 4, 0, 5])
CUTS = WINDOWS.repeat(3, 1)[:11]


@pytest.mark.parametrize("cuts", [None, CUTS], ids=["whole", "windows"])
@pytest.mark.parametrize("batch", [1, 2, 3, 11])
def test_a_row_does_not_depend_on_the_batch_it_is_in(mixed, batch, cuts):
    parts = zip(ROWS.split(batch), [None] * 11 if cuts is None else cuts.split(batch), strict=False)
    assert torch.equal(torch.cat(list(mixed.raws(parts))), mixed.raw(ROWS, cuts))


@pytest.mark.parametrize("cuts", [None, CUTS], ids=["whole", "windows"])
def test_a_row_does_not_depend_on_the_order_of_the_request(mixed, cuts):
    order = torch.tensor([4, 10, 0, 9, 2, 8, 1, 3, 7, 5, 6])
    turned = mixed.raw(ROWS[order], None if cuts is None else cuts[order])
    assert torch.equal(turned, mixed.raw(ROWS, cuts)[order])


@pytest.mark.parametrize("number", [1, 2, 7])
def test_a_row_does_not_depend_on_the_number_of_threads(mixed, monkeypatch, number):
    usual = mixed.raw(ROWS, CUTS)
    with ThreadPoolExecutor(number) as pool:
        monkeypatch.setattr(streamed, "threads", lambda: pool)
        assert torch.equal(mixed.raw(ROWS, CUTS), usual)


def test_batches_are_those_asked_for_one_by_one(mixed):
    for together, rows in zip(mixed.batches(ROWS.split(4)), ROWS.split(4), strict=True):
        assert torch.equal(together, mixed.batch(rows))


def test_no_rows_give_no_images(mixed):
    assert mixed.raw(torch.arange(0)).shape == (0, 3, 12, 12)
    assert list(mixed.raws([])) == []


# --- reading ahead ----------------------------------------------------------------------------------------------------


class Counted:
    """Images that note which of them were read, and wait where they are told to."""

    def __init__(self, number):
        self.data, self.number = encoded(pixels(0, 8, 8)), number
        self.read, self.open = [], threading.Event()
        self.open.set()

    def __len__(self):
        return self.number

    def __getitem__(self, row):
        self.open.wait(5)
        self.read.append(row)
        return self.data


def settled(images, number):
    """Wait until so many images were read, and then a little for more."""
    end = time.monotonic() + 5
    while len(images.read) < number and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(0.05)
    return sorted(images.read)


def parts(number, batch):
    return ((rows, None) for rows in torch.arange(number).split(batch))


def test_the_next_two_batches_are_decoded_while_one_is_used_and_no_more():
    images = Counted(40)
    stream = inputs(images, 8, 8).raws(parts(40, 4))
    assert images.read == []
    next(stream)
    assert settled(images, 12) == list(range(12))
    next(stream)
    assert settled(images, 16) == list(range(16))
    stream.close()


def test_a_consumer_that_stops_leaves_nothing_to_be_decoded(monkeypatch):
    images = Counted(40)
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(streamed, "threads", lambda: pool)
        stream = inputs(images, 8, 8).raws(parts(40, 4))
        next(stream)
        settled(images, 12)
        images.open.clear()
        next(stream)
        stream.close()
        images.open.set()
        assert len(settled(images, 12)) <= 13  # a thread may have begun one


def test_a_fault_in_a_thread_is_told_in_one_sentence_and_stops_the_rest(mixed):
    data = [*mixed.images[:5], b"no image", *mixed.images[6:]]
    stream = inputs(data, 12, 16).raws(parts(8, 2))
    assert [len(next(stream)) for _ in range(2)] == [2, 2]
    with pytest.raises(
        ValueError, match=r"^image 5: is no readable image \(no known format\); replace it or leave"
    ) as caught:
        next(stream)
    assert "\n" not in str(caught.value)
    assert list(stream) == []


def test_a_forked_process_starts_threads_of_its_own(monkeypatch):
    here = threads.threads()
    assert threads.threads() is here
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert threads.threads() is not here
    threads.threads().shutdown()
    threads._started.cache_clear()


def test_what_is_moved_gives_its_images_there(mixed):
    moved = mixed.to("meta")
    assert moved.home.type == "cpu"
    assert (moved.raw(ROWS).device.type, moved.raw(ROWS).shape) == ("meta", (11, 3, 12, 12))


# --- folders ----------------------------------------------------------------------------------------------------------


def save(file: Path, seed: int, kind="JPEG"):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encoded(pixels(seed, 10, 12), kind))


@pytest.fixture
def pets(tmp_path):
    """Five cats and three dogs to train on, one of each to test."""
    for kind, seeds in (("cat", range(5)), ("dog", range(5, 8))):
        for seed in seeds:
            save(tmp_path / "pets" / "train" / kind / f"{seed}.jpg", seed)
        save(tmp_path / "pets" / "val" / kind / "1.JPEG", seeds[0] + 20)
    return tmp_path / "pets"


def source(path, **fields):
    return TypeAdapter(AnySource).validate_python({"name": "folder", "path": path, "size": 8, "resize": 10, **fields})


def refused(message, path, **fields):
    with pytest.raises(ValueError, match=message) as caught:
        source(path, **fields).load()
    assert "\n" not in str(caught.value)


@pytest.fixture
def looked(monkeypatch):
    """Note how often an image is decoded to see whether it can be."""
    calls, picture = [], examined.picture
    monkeypatch.setattr(examined, "picture", lambda *args: (calls.append(1), picture(*args)))
    return calls


def test_a_folder_is_a_data_set(pets):
    data = source(pets).load()
    assert (data.name, data.classes, data.shape) == ("pets", ("cat", "dog"), (3, 8, 8))
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([0] * 5 + [1] * 3, [0, 1])
    expected = inputs([(pets / "train" / "dog" / "6.jpg").read_bytes()], 8, 10).raw(torch.tensor([0]))
    assert torch.equal(data.train.inputs.raw(torch.tensor([6])), expected)
    seen = (expected / 255 - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    torch.testing.assert_close(data.train.inputs.batch(torch.tensor([6])), seen)
    assert float(source(pets, normalise="none").load().train.inputs.batch(torch.arange(8)).min()) >= 0


def test_a_strategy_cannot_reach_labels_through_the_images(pets):
    data = source(pets).load()
    assert not holds(data.train.labels, data.train.inputs)
    assert not any("label" in name for thing in (data.train.inputs, data.train.inputs.images) for name in dir(thing))


def test_rows_follow_classes_and_then_files_by_code_point(tmp_path):
    names = ["Z/b.jpg", "a/10.jpg", "a/9.jpg", "a/B.jpg", "a/sub/1.jpg", "a-b/1.jpg", "é/1.jpg"]
    for seed, name in enumerate(reversed(names)):
        save(tmp_path / "train" / name, seed)
        save(tmp_path / "val" / name, seed + 50)
    data = source(tmp_path).load()
    assert data.train.inputs.images.names == names
    assert data.classes == ("Z", "a", "a-b", "é")
    assert data.train.labels.tolist() == [0, 1, 1, 1, 1, 2, 3]


def test_what_is_no_image_is_passed_over(pets):
    for name in ("cat/notes.txt", "cat/._0.jpg", "flat.jpg", ".hidden/1.jpg"):
        save(pets / "train" / name, 1)
    (pets / "train" / "eel").mkdir()
    data = source(pets).load()
    assert (len(data.train), data.classes) == (8, ("cat", "dog"))


def test_whatever_changes_what_a_network_sees_changes_the_digest(pets):
    before = source(pets).load().digest
    others = [source(pets, **each).load().digest for each in ({"size": 7}, {"resize": 9}, {"normalise": "none"})]
    save(pets / "train" / "cat" / "3.jpg", 99)
    others.append(source(pets).load().digest)
    (pets / "train" / "cat" / "4.jpg").rename(pets / "train" / "dog" / "4.jpg")
    others.append(source(pets).load().digest)
    for split in ("train", "val"):
        (pets / split / "cat").rename(pets / split / "bat")
    others.append(source(pets).load().digest)
    assert len({before, *others}) == 7


def test_titles_places_and_names_of_files_leave_the_digest(pets):
    before = source(pets).load().digest
    (pets / "train" / "cat" / "4.jpg").rename(pets / "train" / "cat" / "41.jpg")
    moved = pets.rename(pets.with_name("moved"))
    assert source(moved, title="other").load().digest == before


def test_images_are_read_once_until_a_file_changes(pets, looked):
    first = source(pets).load().digest
    assert len(looked) == 10
    assert source(pets, size=4).load().digest != first
    assert len(looked) == 10
    os.utime(pets / "val" / "cat" / "1.JPEG", (1, 1))
    assert source(pets).load().digest == first
    assert len(looked) == 12


def test_a_damaged_memory_is_not_believed(pets, tmp_path, looked):
    before = source(pets).load().digest
    for file in (tmp_path / "cache" / "digests").iterdir():
        file.write_text(
            file.read_text().replace('"images": 8', '"images": 9').replace('"contents": "', '"contents": "0')
        )
    assert source(pets).load().digest == before
    assert len(looked) == 20


@pytest.fixture
def damaged(pets):
    """Pets of which one cat is cut off and one dog is no image."""
    whole = (pets / "train" / "cat" / "1.jpg").read_bytes()
    (pets / "train" / "cat" / "1.jpg").write_bytes(whole[: len(whole) // 2])
    (pets / "train" / "dog" / "5.jpg").write_bytes(b"")
    return pets


def record(tmp_path):
    (found,) = (tmp_path / "cache" / "digests").glob("*.json")
    return found, json.loads(found.read_text())["found"]


def test_damaged_images_are_refused_counted_and_listed(damaged, tmp_path):
    refused(
        r"2 of 8 images of .*train cannot be used, of which the first, cat/1\.jpg, is no readable image \(.*runcated"
        r".*\); replace those that .*\.json lists, or set corrupt: skip\.$",
        damaged,
    )
    file, found = record(tmp_path)
    assert (found["images"], list(found["unreadable"])) == (8, ["cat/1.jpg", "dog/5.jpg"])
    with pytest.raises(ValueError, match=str(file)):
        source(damaged).load()


def test_skipped_images_leave_the_rows_and_are_told(damaged, capsys, looked):
    data = source(damaged, corrupt="skip").load()
    err = capsys.readouterr().err
    assert "skipped 2 of 8 images of" in err
    assert ".json lists them" in err
    assert data.train.labels.tolist() == [0] * 4 + [1] * 2
    assert data.train.inputs.images.names == [f"cat/{n}.jpg" for n in (0, 2, 3, 4)] + ["dog/6.jpg", "dog/7.jpg"]
    assert data.train.inputs.raw(torch.arange(6)).shape == (6, 3, 8, 8)
    looked.clear()
    assert source(damaged, corrupt="skip").load().digest == data.digest
    assert looked == []
    (damaged / "train" / "cat" / "1.jpg").unlink()
    (damaged / "train" / "dog" / "5.jpg").unlink()
    assert source(damaged).load().digest == data.digest


def test_a_class_or_side_that_is_skipped_whole_is_refused(pets):
    for file in (pets / "train" / "dog").iterdir():
        file.write_bytes(b"")
    refused("class 'dog' has no training example", pets, corrupt="skip")
    for kind in ("cat", "dog"):
        (pets / "val" / kind / "1.JPEG").write_bytes(b"")
    refused("val: no image can be used", pets, corrupt="skip")


def test_a_file_that_changes_or_goes_later_is_named(pets):
    data = source(pets).load()
    save(pets / "train" / "cat" / "2.jpg", 77)
    with pytest.raises(ValueError, match=r"train/cat/2\.jpg: has changed since the folder was listed"):
        data.train.inputs.raw(torch.arange(8))
    (pets / "train" / "cat" / "0.jpg").unlink()
    with pytest.raises(ValueError, match=r"train/cat/0\.jpg: cannot be read \(No such file"):
        data.train.inputs.raw(torch.arange(8))


def test_folders_that_make_no_data_set_are_refused(pets, tmp_path):
    refused("there is no folder 'train'", tmp_path)
    refused("there is no folder 'test'", pets, test="test")
    (pets / "flat").mkdir()
    save(pets / "flat" / "1.jpg", 0)
    refused(r"flat: has no image in a folder of its class, such as CLASS/1\.jpg", pets, test="flat")
    save(pets / "val" / "eel" / "1.jpg", 0)
    refused("label 'eel' is none of the classes cat, dog", pets)
    (pets / "copy").symlink_to(pets / "train")
    refused("the test images are the training images", pets, test="copy")
    (pets / "val" / "cat" / "2.jpg").symlink_to("nowhere")
    refused(r"2\.jpg: cannot be listed \(No such file", pets)


def test_options_that_contradict_each_other_are_refused(tmp_path):
    for fields, message in (
        ({"test": "train"}, "train and test are both"),
        ({"resize": 7}, "resize 7 is less than size 8"),
    ):
        with pytest.raises(ValidationError, match=message):
            source(tmp_path, **fields)


@pytest.mark.parametrize("model", [{"name": "mlp", "hidden": [8]}, {"name": "resnet8", "width": 4}])
def test_an_experiment_runs_on_a_folder_from_end_to_end(tmp_path, model):
    for split, number in (("train", 15), ("val", 4)):
        for kind in range(2):
            for k in range(number):
                save(tmp_path / "tiny" / split / f"{kind}" / f"{k}.jpg", 100 * kind + k + len(split))
    experiment = changed(
        dataset={"name": "folder", "path": tmp_path / "tiny", "size": 8, "resize": 10},
        model=model,
        strategy=["random", "coreset"],
        partition={"drawn": 1, "labelled": 8, "validation": 6},
        seed=1,
        setting={"cycles": 2, "budget": 4},
        recipe={"epochs": 2, "batch": 4, "augment": {"standard": True}},
        tuning={"scope": "fixed"},
    )
    chosen, again = [
        [loop.run(spec, Store(tmp_path / place)).model_dump_json() for spec in experiment.runs()]
        for place in ("a", "b")
    ]
    assert chosen == again
    assert all('"finished":true' in each for each in chosen)


# --- more than memory holds -------------------------------------------------------------------------------------------

NUMBER, SIZE, CAP = 5_000, 192, 256 * 2**20
GO_OVER = f"""
import os, resource, sys
from pathlib import Path
import torch
from torchal.data.sources.folder import Folder

torch.set_num_threads(1)
os.cpu_count = lambda: 2  # each thread's stack counts as memory
kept = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData"))
cap = 1024 * int(kept.split()[1]) + {CAP}
resource.setrlimit(resource.RLIMIT_DATA, (cap, cap))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
data = Folder(path=Path(sys.argv[1]), size={SIZE}, resize={SIZE}).load()
order = torch.randperm({NUMBER}, generator=torch.Generator().manual_seed(0))
windows = torch.tensor([0.4, 1.0, 0.3, 0.6]).expand({NUMBER}, 4)
total = seen = 0
for raw in data.train.inputs.raws(zip(order.split(128), windows.split(128))):
    seen, total = seen + len(raw), total + raw.nbytes
print(seen, total, 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux caps the memory of a process and tells its peak in KiB")
def test_five_thousand_images_are_gone_over_in_less_memory_than_they_need(tmp_path):
    files = [encoded(pixels(k, 6, 6).repeat(8, 0).repeat(8, 1), "JPEG", quality=30) for k in range(200)]
    for k in range(NUMBER):
        folder = tmp_path / "many" / "train" / f"{k % 10}"
        if k < 10:
            folder.mkdir(parents=True)
        (folder / f"{k:05}.jpg").write_bytes(files[k % 200])
    save(tmp_path / "many" / "val" / "0" / "1.jpg", 1)
    done = subprocess.run(
        [sys.executable, "-c", GO_OVER, str(tmp_path / "many")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    seen, total, grown = map(int, done.stdout.split())
    assert (seen, total) == (NUMBER, NUMBER * 3 * SIZE * SIZE)
    assert grown < CAP / 2 < total / 4
