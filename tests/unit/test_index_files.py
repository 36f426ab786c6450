import os
import pickle  # noqa: TID251 - hostile files are made with it, to be refused
import sys

import numpy as np
import pytest
import torch
from numpy.lib import format as npy

from torchal.data.draw import Imported, Published
from torchal.data.index_files import read, read_rows, write
from torchal.data.partition import Partition


def save_object(path, payload: bytes, n=2):
    """Write an object array's header followed by any bytes at all."""
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (n,)})
        file.write(payload)


def objects(*values):
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_object_arrays_of_integers_are_read_whatever_protocol_wrote_them(tmp_path, protocol):
    values = [0, 255, 256, 65_536, 2**31, 2**40, *range(3_000)]
    save_object(tmp_path / "a.npy", pickle.dumps(objects(*values), protocol=protocol), len(values))
    assert read_rows(tmp_path / "a.npy").tolist() == values


def test_what_numpy_itself_saves_as_objects_is_read(tmp_path):
    np.save(tmp_path / "a.npy", objects(5, 3, 8), allow_pickle=True)
    assert read_rows(tmp_path / "a.npy").tolist() == [5, 3, 8]


def test_an_empty_object_array_is_read(tmp_path):
    np.save(tmp_path / "a.npy", np.empty(0, dtype=object), allow_pickle=True)
    assert read_rows(tmp_path / "a.npy").tolist() == []


@pytest.mark.parametrize("kind", ["<i8", ">i4", "<i2", "|u1", "<u8"])
def test_plain_integers_of_any_width_and_byte_order_are_read(tmp_path, kind):
    np.save(tmp_path / "a.npy", np.array([7, 0, 3], dtype=kind))
    found = read_rows(tmp_path / "a.npy")
    assert (found.tolist(), found.dtype) == ([7, 0, 3], np.int64)


class Malice:
    """Unpickled, this runs a command."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def refused(path) -> str:
    with pytest.raises(ValueError, match=r"a\.npy") as caught:
        read_rows(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("inside", [False, True])
def test_a_file_that_would_run_a_command_is_refused_and_runs_nothing(tmp_path, protocol, inside):
    marker = tmp_path / "marker"
    malice = Malice(os.system, f"touch {marker}")
    payload = pickle.dumps(objects(1, malice) if inside else malice, protocol=protocol)
    save_object(tmp_path / "a.npy", payload)
    refused(tmp_path / "a.npy")
    assert not marker.exists()
    pickle.loads(payload)  # noqa: S301 - proves that the file is as malicious as the test says
    assert marker.exists()


def test_calls_through_numpys_own_names_are_refused_and_not_made(tmp_path):
    marker = tmp_path / "marker.npy"
    for malice in (
        Malice(np.save, str(marker), np.zeros(2)),
        Malice(np.fromfile, str(tmp_path / "a.npy")),
        Malice(np.ndarray, (10**14,)),
        Malice(np.dtype, "O8"),
        Malice(getattr, np, "save"),
    ):
        for payload in (malice, objects(1, malice)):
            try:
                data = pickle.dumps(payload, protocol=2)
            except (TypeError, pickle.PicklingError):
                data = pickle.dumps(Malice(eval, "1"), protocol=2)
            save_object(tmp_path / "a.npy", data)
            refused(tmp_path / "a.npy")
    assert not marker.exists()


def test_a_pickle_that_imports_a_module_is_refused_without_importing_it(tmp_path, monkeypatch):
    (tmp_path / "hostile_module.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    save_object(tmp_path / "a.npy", b"\x80\x02chostile_module\nthing\n.")
    refused(tmp_path / "a.npy")
    assert "hostile_module" not in sys.modules


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3), "float64"),
        (np.zeros((2, 2), dtype=np.int64), "2 dimensions"),
        (np.array(3), "0 dimensions"),
        (np.array([True, False]), "bool"),
        (np.array(["a", "b"]), "<U1"),
        (np.zeros(2, dtype=[("x", int)]), "type .*x"),
        (np.zeros(2, dtype="M8[s]"), "datetime64"),
        (np.array([2**63], dtype=np.uint64), "no row"),
        (objects(1, 2.0), "not integers|instruction BINFLOAT"),
        (objects(1, "a"), "not integers"),
        (objects(1, bool(1)), "not integers"),
        (objects(1, None), "not integers"),
        (objects(1, (2,)), "not integers"),
        (objects(1, [2]), "not integers"),
        (objects(1, 2**70), "no row"),
        (objects(1, 2, 3, 4).reshape(2, 2), "2 dimensions"),
    ],
)
def test_anything_but_a_row_of_integers_is_refused_in_one_sentence(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match=message):
        read_rows(tmp_path / "a.npy")
    refused(tmp_path / "a.npy")


@pytest.mark.parametrize("kind", [np.int64, object])
def test_a_file_cut_off_anywhere_is_refused(tmp_path, kind):
    np.save(tmp_path / "whole.npy", np.arange(20).astype(kind), allow_pickle=True)
    whole = (tmp_path / "whole.npy").read_bytes()
    for length in range(0, len(whole) - 1, 3):
        (tmp_path / "a.npy").write_bytes(whole[:length])
        refused(tmp_path / "a.npy")


def test_a_damaged_pickle_is_refused_and_never_crashes(tmp_path):
    whole = pickle.dumps(objects(*range(30)), protocol=2)
    generator = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for place in generator.integers(len(whole), size=3):
            damaged[place] = generator.integers(256)
        save_object(tmp_path / "a.npy", bytes(damaged), 30)
        try:
            found = read_rows(tmp_path / "a.npy")
        except ValueError:
            continue
        assert found.dtype == np.int64
        assert found.shape == (30,)


def test_a_pickle_nested_without_end_is_refused(tmp_path):
    save_object(tmp_path / "a.npy", b"\x80\x02)" + b"\x85" * 50_000 + b".")
    refused(tmp_path / "a.npy")


def test_a_header_that_promises_other_rows_than_there_are_is_refused(tmp_path):
    save_object(tmp_path / "a.npy", pickle.dumps(objects(1, 2, 3), protocol=2), 5)
    assert "promises 5 rows and holds 3" in refused(tmp_path / "a.npy")


def test_no_file_of_another_kind_is_taken_for_an_index_file(tmp_path):
    (tmp_path / "a.npy").write_text("1 2 3")
    refused(tmp_path / "a.npy")


# --- folders ----------------------------------------------------------------------------------------------------------

MINE = Partition(torch.tensor([3, 1]), torch.tensor([0, 4]), torch.tensor([], dtype=torch.int64))


def test_what_is_written_reads_back_and_needs_no_pickle(tmp_path):
    write(tmp_path / "new", MINE, "DIGITS")
    names = sorted(file.name for file in (tmp_path / "new").iterdir())
    assert names == ["lSet_DIGITS.npy", "uSet_DIGITS.npy", "valSet_DIGITS.npy"]
    assert read(tmp_path / "new").digest == MINE.digest
    plain = np.load(tmp_path / "new" / "lSet_DIGITS.npy", allow_pickle=False)
    assert (plain.tolist(), plain.dtype) == ([3, 1], np.int64)


def test_a_folder_needs_one_file_of_each_kind(tmp_path):
    write(tmp_path, MINE, "A")
    np.save(tmp_path / "uSet_B.npy", np.arange(3))
    with pytest.raises(ValueError, match=r"exactly one uSet\*.npy, and holds uSet_A.npy, uSet_B.npy"):
        read(tmp_path)
    (tmp_path / "uSet_A.npy").unlink()
    (tmp_path / "uSet_B.npy").unlink()
    with pytest.raises(ValueError, match=r"exactly one uSet\*.npy, and holds none"):
        read(tmp_path)
    with pytest.raises(ValueError, match="no such folder"):
        read(tmp_path / "absent")


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path):
    write(tmp_path / "in", MINE, "A")
    (tmp_path / "in" / "lSet_A.npy").rename(tmp_path / "outside.npy")
    (tmp_path / "in" / "lSet_A.npy").symlink_to("../outside.npy")
    with pytest.raises(ValueError, match="leads out of its folder"):
        read(tmp_path / "in")


def test_rows_in_two_files_are_refused_by_folder(tmp_path):
    write(tmp_path, MINE, "A")
    np.save(tmp_path / "valSet_A.npy", np.array([0]))
    with pytest.raises(ValueError, match=rf"{tmp_path}.*row 0 more than once"):
        read(tmp_path)


def test_a_file_replaced_while_the_program_runs_is_read_again(tmp_path):
    write(tmp_path, MINE, "A")
    before = read(tmp_path).digest
    np.save(tmp_path / "valSet_A.npy", np.array([2]))
    assert read(tmp_path).digest != before


# --- TorchAL's own files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", ["CIFAR10", "CIFAR100"])
def test_every_published_partition_is_made_again_exactly_as_in_torchals_files(shared, dataset):
    everything = torch.zeros(50_000, dtype=torch.int64)
    folders = {f"partition_{k}": Published(published=k) for k in range(1, 6)}
    folders["val-set-1k/partition_1"] = Published(published=1, validation=1000)
    folders["val-set-2.5k/partition_1"] = Published(published=1, validation=2500)
    for folder, spec in folders.items():
        file = read(shared / "torchal_index_sets" / dataset / folder)
        made = spec.rows(everything, 10)
        for kind in ("labelled", "pool", "validation"):
            assert getattr(made, kind).tolist() == getattr(file, kind).tolist(), f"{folder} {kind}"


@pytest.mark.parametrize("dataset", ["CIFAR10", "CIFAR100"])
def test_torchals_imbalanced_partitions_are_read(shared, dataset):
    folder = shared / "torchal_index_sets" / dataset / "imbalanced" / "partition_1"
    found = Imported(imported=folder).rows(torch.zeros(50_000, dtype=torch.int64), 10)
    assert [len(each) for each in (found.labelled, found.pool, found.validation)] == [5000, 40_000, 5000]
