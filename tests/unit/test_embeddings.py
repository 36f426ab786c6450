import shutil

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.numpy import save_file
from small_runs import changed

from torchal.data.sources.digits import Digits
from torchal.loop import run
from torchal.models.embeddings import Embeddings
from torchal.models.mlp import Mlp
from torchal.problem import opened
from torchal.rng import generator
from torchal.store import Store
from torchal.testing.models import CHECKS
from torchal.training.fit import fresh

ROWS = {"train": 1438, "test": 359}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHAL_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def digits():
    return Digits().load()


def vectors(**changed):
    arrays = {name: torch.rand(n, 6, generator=generator(name)).numpy() for name, n in ROWS.items()}
    return arrays | changed


@pytest.fixture
def file(tmp_path):
    np.savez(tmp_path / "vectors.npz", **vectors())
    return tmp_path / "vectors.npz"


def as_npz(folder):
    np.savez(folder / "v.npz", **vectors(), unused=np.zeros(3))
    return folder / "v.npz"


def as_safetensors(folder):
    save_file(vectors(), folder / "v.safetensors")
    return folder / "v.safetensors"


def as_folder(folder):
    for name, array in vectors().items():
        np.save(folder / f"{name}.npy", array.astype(np.float64))
    return folder


@pytest.mark.parametrize("write", [as_npz, as_safetensors, as_folder])
def test_inputs_are_replaced_row_by_row_and_all_else_stays(tmp_path, digits, write):
    (tmp_path / "here").mkdir()
    data = Embeddings(path=write(tmp_path / "here")).prepare(digits)
    assert data.shape == (6,)
    for name, side, before in (("train", data.train, digits.train), ("test", data.test, digits.test)):
        rows = torch.tensor([3, 0, 200])
        assert torch.equal(side.inputs.batch(rows), torch.from_numpy(vectors()[name])[rows])
        assert torch.equal(side.labels, before.labels)
    assert data.classes == digits.classes
    assert data.name == digits.name


def test_what_results_depend_on_is_what_the_file_holds_and_not_where_it_lies(tmp_path, file, digits):
    moved, other = tmp_path / "moved" / "vectors.npz", tmp_path / "vectors2.npz"
    moved.parent.mkdir()
    shutil.copy(file, moved)
    np.savez(other, **vectors(train=vectors()["train"] + 1))
    first, again, changed = (Embeddings(path=each) for each in (file, moved, other))
    assert first.identity() == again.identity() != changed.identity()
    assert first.prepare(digits).digest == again.prepare(digits).digest != changed.prepare(digits).digest
    assert first.prepare(digits).digest != digits.digest
    assert first.label == f"embeddings(vectors.npz@{first.digest[:8]})"


def test_a_spec_read_back_is_refused_once_the_file_has_changed(file):
    written = Embeddings(path=file).document()
    fields = {name: value for name, value in written.items() if name != "name"}
    assert Embeddings.model_validate(fields).document() == written
    np.savez(file, **vectors(train=vectors()["train"] + 1))
    with pytest.raises(ValidationError, match="changed since this was written"):
        Embeddings.model_validate(fields)


def with_nan():
    array = vectors()["train"]
    array[7, 2] = np.nan
    return array


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train": np.zeros((5, 6))}, "train has 5 vectors, and the train side of digits has 1438 rows"),
        ({"test": np.zeros((5, 6))}, "test has 5 vectors, and the test side of digits has 359 rows"),
        ({"test": np.zeros((359, 7))}, "vectors of 6 numbers and test of 7"),
        ({"train": with_nan()}, "train: row 7 is not finite"),
        ({"train": np.full((1438, 6), 1e300)}, "train: row 0 is not finite"),
        ({"train": np.zeros((1438, 2, 3))}, "one vector of numbers a row"),
        ({"train": np.array(["a"])}, "one vector of numbers a row"),
        ({"train": np.array([[{}]])}, "cannot be read"),
    ],
)
def test_vectors_that_do_not_fit_the_data_set_are_refused(tmp_path, digits, changed, message):
    np.savez(tmp_path / "bad.npz", **vectors(**changed))
    with pytest.raises(ValueError, match=message):
        Embeddings(path=tmp_path / "bad.npz").prepare(digits)


def test_a_file_that_lacks_a_side_or_is_of_another_kind_is_refused_by_name(tmp_path, digits):
    np.savez(tmp_path / "half.npz", train=vectors()["train"])
    np.save(tmp_path / "train.npy", vectors()["train"])
    (tmp_path / "vectors.txt").touch()
    with pytest.raises(ValueError, match="no array 'test'"):
        Embeddings(path=tmp_path / "half.npz").prepare(digits)
    for name, message in (("absent.npz", "no such file"), ("vectors.txt", "neither"), ("", "test.npy: there is no")):
        with pytest.raises(ValidationError, match=message):
            Embeddings(path=tmp_path / name)


@pytest.mark.parametrize("hidden", [(), (32, 16)])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_head_keeps_the_promises_of_a_model(file, check, hidden):
    check(Embeddings(path=file, hidden=hidden, dropout=0.1), (512,), 3)


def test_the_head_is_the_perceptron_of_the_same_sizes_and_draws(file):
    ours, theirs = (
        fresh(model, (6,), 3, ("head",)).state_dict()
        for model in (Embeddings(path=file, hidden=(4,)), Mlp(hidden=(4,)))
    )
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_without_a_hidden_layer_the_network_is_linear():
    network = fresh(Mlp(hidden=(), dropout=0), (1, 2, 3), 4, ("linear",))
    x = torch.rand(5, 1, 2, 3, generator=generator("x"))
    assert torch.allclose(network(x), x.flatten(1) @ network.head.weight.T + network.head.bias)


def test_a_head_is_not_built_on_images_that_were_not_replaced(file):
    with pytest.raises(ValueError, match="model embeddings: its head takes vectors"):
        Embeddings(path=file).build((1, 8, 8), 10)


def test_a_run_on_embeddings_learns_from_them_and_shares_the_partition_of_the_images(file, tmp_path, digits):
    both = {
        name: split.inputs.batch(torch.arange(len(split))).flatten(1).numpy()
        for name, split in (("train", digits.train), ("test", digits.test))
    }
    np.savez(file, **both)
    spec = changed(
        model=["mlp", {"name": "embeddings", "path": str(file)}],
        strategy="margin",
        tuning={"scope": "fixed"},
        recipe={"optimizer": "adam", "lr": 1e-2, "epochs": 20, "batch": 16},
        setting={"cycles": 2, "budget": 10},
    )
    images, embedded = spec.runs()[0], spec.runs()[-1]
    assert opened(images).rows.digest == opened(embedded).rows.digest
    assert opened(embedded).data is opened(embedded).data
    with Store(tmp_path / "store") as store:
        record = run(embedded, store)
    assert record.finished
    assert record.cycles[1].test.accuracy > 0.6
