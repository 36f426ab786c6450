"""Tables of images that are decoded when they are asked for."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from pydantic import TypeAdapter, ValidationError
from small_runs import changed

from torchal.data.dataset import AnySource
from torchal.loop import run
from torchal.store import Store
from torchal.testing.leaks import holds


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")


def jpeg(seed: int, side: int = 24) -> bytes:
    array = np.random.default_rng(seed).integers(0, 256, (side, side + seed % 5, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, "JPEG")
    return buffer.getvalue()


def write(path: Path, images: list[bytes | None], labels: list, rows: int = 3) -> None:
    table = pa.table({"image": [{"bytes": each, "path": None} for each in images], "label": labels})
    pq.write_table(table, path, row_group_size=rows)


@pytest.fixture
def folder(tmp_path) -> Path:
    place = tmp_path / "photos"
    place.mkdir()
    write(place / "train-0.parquet", [jpeg(k) for k in range(7)], ["cat", "dog"] * 3 + ["cat"])
    write(place / "train-1.parquet", [jpeg(k) for k in range(7, 12)], ["dog", "cat"] * 2 + ["dog"])
    write(place / "test.parquet", [jpeg(k) for k in range(100, 104)], ["cat", "dog"] * 2)
    return place


def source(**fields):
    small = {"name": "hub_stream", "size": 16, "resize": 18, "normalise": "none"}
    return TypeAdapter(AnySource).validate_python(small | fields)


def test_rows_are_those_of_the_files_in_order_and_decoded_as_a_folder_of_the_same_images_is(folder, tmp_path):
    data = source(path=folder).load()
    assert (len(data.train), len(data.test), data.classes, data.shape) == (12, 4, ("cat", "dog"), (3, 16, 16))
    assert data.train.labels.tolist() == [0, 1] * 3 + [0] + [1, 0] * 2 + [1]
    for side, rows in (("train", range(12)), ("val", range(100, 104))):
        for k in rows:
            name = ("cat", "dog")[int((data.train if side == "train" else data.test).labels[k % 100])]
            place = tmp_path / "files" / side / name / f"{k:03}.jpg"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(jpeg(k))
    files = source(name="folder", path=tmp_path / "files").load()
    order = data.train.labels.argsort(stable=True)
    windows = torch.tensor([[0.5, 1.0, 0.2, 0.7]]).expand(12, 4)
    for given in (None, windows):
        found = data.train.inputs.raw(order, given)
        assert torch.equal(found, files.train.inputs.raw(torch.arange(12), given))


def test_corrupt_rows_are_refused_by_name_or_skipped_and_counted(folder, capsys):
    write(folder / "train-1.parquet", [jpeg(7), b"no image", jpeg(9), jpeg(10)[:200], jpeg(11)], ["dog"] * 5)
    with pytest.raises(ValueError, match=r"2 of 12 images of .* the first, row 8, .* corrupt: skip"):
        source(path=folder).load()
    data = source(path=folder, corrupt="skip").load()
    assert "2 of 12 images" in capsys.readouterr().err
    assert len(data.train) == 10
    clean = source(path=folder, corrupt="skip").load()
    assert clean.digest == data.digest
    assert torch.equal(data.train.inputs.raw(torch.tensor([9])), clean.train.inputs.raw(torch.tensor([9])))


def test_an_empty_image_counts_as_corrupt(folder):
    write(folder / "train-1.parquet", [jpeg(7), None], ["dog"] * 2)
    with pytest.raises(ValueError, match=r"row 8"):
        source(path=folder).load()


def test_the_digest_follows_contents_and_what_is_shown_of_them_and_not_the_place(folder, tmp_path):
    digests = {source(path=folder, **fields).load().digest for fields in ({}, {"size": 15}, {"normalise": "imagenet"})}
    folder.rename(tmp_path / "elsewhere")
    assert source(path=tmp_path / "elsewhere", title="photos").load().digest in digests
    write(tmp_path / "elsewhere" / "test.parquet", [jpeg(k) for k in range(200, 204)], ["cat", "dog"] * 2)
    digests.add(source(path=tmp_path / "elsewhere").load().digest)
    assert len(digests) == 4


def test_labels_cannot_be_reached_from_the_inputs(folder):
    data = source(path=folder).load()
    assert not holds(data.train.labels, data.train.inputs)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "needs repo, a name on the hub, or path"),
        ({"repo": "a/b", "path": "c"}, "give one of them"),
        ({"path": "c", "train": "test"}, "give separate sides"),
    ],
)
def test_a_source_that_cannot_be_meant_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        source(**fields)


def test_what_is_missing_is_named(folder):
    with pytest.raises(ValueError, match=r"there is no valid\*\.parquet"):
        source(path=folder, test="valid").load()
    with pytest.raises(ValueError, match="there is no column 'picture'"):
        source(path=folder, image_column="picture").load()
    (folder / "train-0.parquet").write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(ValueError, match="cannot be read"):
        source(path=folder).load()


def test_an_experiment_runs_on_it(folder, tmp_path):
    spec = changed(
        dataset={"name": "hub_stream", "path": str(folder), "size": 8, "resize": 8},
        model={"name": "mlp", "hidden": [4]},
        strategy="coreset",
        seed=1,
        partition={"drawn": 1, "labelled": 4, "validation": 2},
        setting={"cycles": 2, "budget": 2},
        tuning={"scope": "fixed"},
        recipe={"epochs": 1, "batch": 4, "augment": {"standard": True}},
    )
    with Store(tmp_path / "store") as store:
        assert run(spec.runs()[0], store).finished


GO_OVER = """
import os, resource, sys
from pathlib import Path
import datasets, torch
from torchal.data.sources.hub_stream import HubStream

os.cpu_count = lambda: 2
torch.set_num_threads(1)
source = HubStream(path=Path(sys.argv[1]), size=96, resize=96)
source.load()

def anonymous():
    told = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in told if line.startswith("RssAnon")).split()[1])

before, most = anonymous(), 0
data = source.load()
for raw in data.train.inputs.raws((rows, None) for rows in torch.randperm(len(data.train)).split(64)):
    most = max(most, anonymous())
print(len(data.train), most - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which memory is mapped from files")
def test_a_table_larger_than_what_is_kept_of_it_is_gone_over(tmp_path):
    """Memory that is mapped from the table does not count: the system takes it back when it needs it."""
    place = tmp_path / "many"
    place.mkdir()
    distinct = [jpeg(k, 96) for k in range(50)]
    write(place / "train.parquet", [distinct[k % 50] for k in range(6000)], [k % 2 for k in range(6000)], rows=200)
    write(place / "test.parquet", distinct[:2], [0, 1])
    done = subprocess.run([sys.executable, "-c", GO_OVER, str(place)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen, grown = map(int, done.stdout.split())
    decoded, compressed = 6000 * 3 * 96 * 96, 120 * sum(map(len, distinct))
    assert seen == 6000
    assert grown < min(decoded / 4, compressed), (grown, decoded, compressed)
