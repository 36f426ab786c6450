"""The doctor finds what is wrong, says what to do, and leaves nothing behind."""

import json
import os
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement
from typer.testing import CliRunner

from torchal.cli import app
from torchal.doctor import data, devices, examine, machine, packages, place
from torchal.doctor.finding import Diagnosis, fail, ok, warn
from torchal.doctor.limits import Grant, granted
from torchal.fingerprint import fingerprint
from torchal.host import device_names
from torchal.records import FingerprintFile
from torchal.rng import exact

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


@pytest.fixture(autouse=True)
def inexact_again():
    before = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    yield
    exact(enabled=False)
    if before is None:
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


def doctor(*words) -> tuple[int, dict]:
    answer = CliRunner().invoke(app, ["doctor", "--json", *map(str, words)])
    return answer.exit_code, json.loads(answer.stdout)


def found(document: dict, about: str) -> dict:
    return next(each for each in document["findings"] if each["about"] == about)


def everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


# --- the whole --------------------------------------------------------------------------------------------------------


def test_a_healthy_machine_ends_with_0_and_nothing_is_left_where_it_looked(tmp_path):
    before = everything(tmp_path)
    code, document = doctor("--results", tmp_path / "results")
    assert (code, document["healthy"]) == (0, True)
    assert everything(tmp_path) == before
    assert {"python", "torchal", "torch", "cores", "memory", "cpu", "renaming", "locks", "space", "fingerprint"} <= {
        each["about"] for each in document["findings"]
    }


def test_whatever_is_not_well_has_a_remedy(tmp_path):
    for each in examine(tmp_path).findings:
        assert each.said, each
        assert each.outcome == "ok" or each.remedy, each


def test_a_fault_ends_with_1_and_is_shown_with_its_remedy_and_its_brackets(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "rename_fault", lambda _: "a renamed folder is copied file by file")
    code, document = doctor("--results", tmp_path)
    assert (code, found(document, "renaming")["outcome"]) == (1, "fail")
    answer = CliRunner().invoke(app, ["doctor", "--results", str(tmp_path)], env={"COLUMNS": "200"})
    assert answer.exit_code == 1
    assert "copied file by file" in answer.stdout
    assert "torchal[ray]" in answer.stdout


def test_warnings_alone_are_no_failure():
    assert Diagnosis((ok("a", "b"), warn("a", "b", "c"))).healthy
    assert Diagnosis((ok("a", "b"), warn("a", "b", "c"))).sentence == "Everything works; 1 warnings."
    assert Diagnosis((ok("a", "b"), fail("a", "b", "c"))).sentence.startswith("1 of 2")


# --- devices ----------------------------------------------------------------------------------------------------------


def test_every_device_is_named_as_the_option_names_it():
    assert device_names()[0] == "cpu"
    assert len(device_names()) == 1 + torch.cuda.device_count()


def test_a_device_that_computes_the_same_training_to_other_bytes_fails(monkeypatch):
    assert devices.look("cpu").outcome == "ok"
    real, drift = devices.fit, iter(range(100))

    def drifts(network, *rest):
        for epoch in real(network, *rest):
            with torch.no_grad():
                network.head.bias[0] += 1e-7 * next(drift)
            yield epoch

    monkeypatch.setattr(devices, "fit", drifts)
    found = devices.look("cpu")
    assert (found.outcome, "two results" in found.said) == ("fail", True)


def test_a_device_that_cannot_train_exactly_fails_with_the_reason(monkeypatch):
    def refuses(*_):
        raise RuntimeError("conv does not have a deterministic implementation\nmore")

    monkeypatch.setattr(devices, "fit", refuses)
    found = devices.look("cpu")
    assert found.outcome == "fail"
    assert found.said.endswith("fails: conv does not have a deterministic implementation")


def test_the_trained_network_depends_on_what_is_trained(monkeypatch):
    before = devices._trained("cpu")
    monkeypatch.setattr(devices, "_EXAMPLES", 32)
    assert devices._trained("cpu") != before


# --- the machine ------------------------------------------------------------------------------------------------------


def groups(folder: Path, own: str, files: dict[str, str]) -> Grant:
    (folder / "own").write_text(own)
    for name, text in files.items():
        (folder / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "root" / name).write_text(f"{text}\n")
    return granted(folder / "own", folder / "root")


def test_the_tightest_group_of_the_second_version_counts(tmp_path):
    files = {"a/b/cpu.max": "max 100000", "a/cpu.max": "150000 100000", "cpu.max": "400000 100000"}
    files |= {"a/b/memory.max": "max", "a/memory.max": "2147483648"}
    assert groups(tmp_path, "0::/a/b\n", files) == Grant(1.5, 2 << 30)


def test_the_first_version_counts_too_even_where_the_path_is_that_of_the_host(tmp_path):
    own = "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n"
    files = {
        "memory/memory.limit_in_bytes": str(3 << 30),
        "cpu,cpuacct/cpu.cfs_quota_us": "200000",
        "cpu,cpuacct/cpu.cfs_period_us": "100000",
    }
    assert groups(tmp_path, own, files) == Grant(2.0, 3 << 30)


def test_no_limit_is_read_as_none_in_either_version(tmp_path):
    files = {"memory/memory.limit_in_bytes": "9223372036854771712", "cpu/cpu.cfs_quota_us": "-1", "cpu.max": "max 1"}
    assert groups(tmp_path, "4:memory:/\n1:cpu:/\n0::/\n", files) == Grant(None, None)
    assert granted(tmp_path / "none", tmp_path) == Grant(None, None)


def test_fewer_cores_granted_than_shown_and_little_memory_are_told_with_the_jobs_that_fit():
    assert machine.processors(8, Grant(None, None)).outcome == "ok"
    assert machine.processors(8, Grant(2.5, None)).remedy == "torchal run --jobs 2"
    assert machine.processors(8, Grant(0.5, None)).remedy == "torchal run --jobs 1"
    assert machine.memory(16 << 30, Grant(None, None), 8).outcome == "ok"
    assert machine.memory(16 << 30, Grant(None, 3 << 30), 8).remedy == "torchal run --jobs 3"
    assert machine.memory(None, Grant(None, None), 8).outcome == "ok"


def test_bf16_is_told_from_the_processors_flags():
    assert "avx512_bf16" in machine.bfloat16("flags\t: fpu avx512_bf16 sse").said
    assert "fp32 is faster" in machine.bfloat16("flags\t: fpu sse").said


# --- the folder -------------------------------------------------------------------------------------------------------


def test_a_mounted_object_store_is_warned_of_though_renaming_seems_to_work(tmp_path):
    (tmp_path / "mounts").write_text(f"bucket {tmp_path} fuse.gcsfuse rw 0 0\n")
    renames, locks = place.file_system(tmp_path, tmp_path / "mounts")
    assert (renames.outcome, locks.outcome) == ("warn", "ok")
    assert "object store (fuse.gcsfuse)" in renames.said
    (tmp_path / "mounts").write_text(f"something {tmp_path} fuse rw 0 0\n")
    assert place.file_system(tmp_path, tmp_path / "mounts")[0].outcome == "warn"


def test_a_folder_that_cannot_be_written_fails(tmp_path, monkeypatch):
    def refuses(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(place.tempfile, "TemporaryDirectory", refuses)
    (found,) = place.file_system(tmp_path)
    assert (found.outcome, "Permission denied" in found.said) == ("fail", True)


def test_little_space_is_warned_of(tmp_path, monkeypatch):
    assert place.room(tmp_path).outcome == "ok"
    monkeypatch.setattr(place, "_ROOM", 1 << 60)
    assert place.room(tmp_path).outcome == "warn"


def test_results_under_another_fingerprint_are_told_and_those_under_this_one_are_not(tmp_path):
    exact()
    here = fingerprint("cpu", 3)
    assert place.compared([here], ["cpu"]) == []
    assert place.compared([here.model_copy(update={"torch": "1.6.0"}), here], ["cpu"]) == []
    other = here.model_copy(update={"torch": "1.6.0"})
    assert place.compared([other], ["cpu"]) == [f"torch was 1.6.0 and is {torch.__version__}"]
    (tmp_path / "fingerprint.json").write_text(FingerprintFile(accepted=(other,)).text())
    assert found(doctor("--results", tmp_path)[1], "fingerprint")["outcome"] == "warn"


def test_a_damaged_fingerprint_fails_and_does_not_end_the_examination(tmp_path):
    (tmp_path / "fingerprint.json").write_text('{"accepted": 1}')
    code, document = doctor("--results", tmp_path)
    assert (code, found(document, "fingerprint")["outcome"]) == (1, "fail")


def test_entries_and_experiments_are_counted_without_rubbish(tmp_path):
    for name in ("fit/a", "fit/b", "query/c", "drafts/d", "failed/e", "unfinished/fit"):
        (tmp_path / "store" / name).mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "plan.json").write_text("{}")
    assert place._there(tmp_path).said == f"3 entries, 1 experiments in {tmp_path}"


# --- data -------------------------------------------------------------------------------------------------------------


def test_data_at_hand_are_named_and_a_folder_that_is_none_is_warned_of(tmp_path, monkeypatch):
    (tmp_path / "cifar10").mkdir()
    monkeypatch.setenv("TORCHAL_DATA", str(tmp_path))
    monkeypatch.setenv("TORCHAL_CACHE", str(tmp_path / "cache"))
    assert [each.said for each in data.looks()] == [
        f"{tmp_path} holds cifar10",
        f"{tmp_path / 'cache'} holds 0 decoded data sets, 0 bytes",
    ]
    monkeypatch.setenv("TORCHAL_DATA", str(tmp_path / "none"))
    assert data.looks()[0].outcome == "warn"


# --- packages ---------------------------------------------------------------------------------------------------------

WANTED = [
    Requirement(each) for each in ("torch>=2.6", "nothing-of-this-name>=3; extra == 'far'", "ray>=2; extra == 'x'")
]


def test_every_optional_part_of_the_package_is_said_to_be_for_something():
    assert set(PROJECT["optional-dependencies"]) <= set(packages.PURPOSES)


def test_parts_and_packages_come_from_the_installed_metadata_and_not_from_a_list(monkeypatch):
    monkeypatch.setattr(packages, "requires", lambda _: [str(each) for each in WANTED])
    monkeypatch.setattr(packages, "metadata", lambda _: type("M", (), {"get_all": lambda *_: ["far", "x"]}))
    assert [each.about for each in packages.looks()] == ["packages", "torchal[far]", "torchal[x]"]


def test_an_optional_part_that_is_not_there_is_no_fault_and_told_how_to_have():
    absent, unnamed = packages.optional("far", WANTED), packages.optional("x", WANTED)
    assert (absent.outcome, absent.remedy) == ("ok", "pip install 'torchal[far]', if you want it")
    assert unnamed.said == "there"


@pytest.mark.parametrize(("line", "words"), [("torch>=99", "and >=99 is needed"), ("nothing-of-this-name", "absent")])
def test_a_needed_package_that_is_old_or_absent_fails_with_what_to_install(line, words):
    found = packages.needed([Requirement(line), *WANTED])
    assert found.outcome == "fail"
    assert words in found.said
    assert found.remedy == f"pip install '{line}'"


def test_a_part_with_a_package_of_another_version_is_warned_of():
    assert packages.optional("x", [Requirement("torch>=99; extra == 'x'")]).outcome == "warn"


def test_torchal_that_was_never_installed_is_told(monkeypatch):
    def absent(_):
        raise PackageNotFoundError

    monkeypatch.setattr(packages, "requires", absent)
    (found,) = packages.looks()
    assert (found.outcome, "never installed" in found.said) == ("warn", True)
