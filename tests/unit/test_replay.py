"""Index sets go out with a manifest and come in again, whoever chose them."""

import json
import shutil

import numpy as np
import pytest
import yaml
from small_runs import contents

from torchal.cli import main
from torchal.data.index_files import read_rows
from torchal.experiment import ExperimentSpec
from torchal.export import export_index
from torchal.host import Host
from torchal.launch import run_experiment
from torchal.replay import replay

pytestmark = pytest.mark.unchecked

SPEC = {
    "name": "t",
    "dataset": "digits",
    "model": {"name": "mlp", "hidden": [8]},
    "strategy": ["random", "margin"],
    "partition": {"drawn": [1, 2], "labelled": 20, "validation": {"scale": 0.5}},
    "seed": [1, 2],
    "setting": {"budget": [10, 20]},
    "recipe": {"optimizer": "adam", "epochs": 2},
    "tuning": {"trials": 2, "scope": "first_seed"},
    "oracle": {"noise": {"symmetric": 0.2}},
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    experiment = ExperimentSpec.model_validate(SPEC)
    assert run_experiment(experiment, Host(folder / "results")) == []
    export_index(experiment, folder / "results", folder / "sets")
    return folder


def nll(cycle) -> float:
    return cycle["test"]["nll"]


def test_what_was_exported_is_trained_again_to_the_same_networks_without_computing_any(tmp_path, exported):
    shutil.copytree(exported / "results", tmp_path / "results")
    before = {name for name in contents(tmp_path / "results") if name.startswith("store/fit/")}
    again = replay(exported / "sets" / "manifest.json")
    assert run_experiment(again, Host(tmp_path / "results")) == []
    assert {name for name in contents(tmp_path / "results") if name.startswith("store/fit/")} == before
    scores = []
    for name in ("t", "t-replayed"):
        records = [json.loads(file.read_text()) for file in (tmp_path / "results" / name / "runs").iterdir()]
        rows = [[each["strategy"], each["partition"], each["seed"], *map(nll, each["cycles"])] for each in records]
        scores.append(sorted(rows))
    assert scores[0] == scores[1]
    assert len(scores[0]) == 8


def test_the_manifest_names_every_file_with_its_digest_and_only_those(exported):
    manifest = json.loads((exported / "sets" / "manifest.json").read_text())
    kinds = ("labelled", "pool", "validation", "queried")
    named = {cycle[kind] for run in manifest["runs"] for cycle in run["cycles"] for kind in kinds if cycle[kind]}
    written = {str(file.relative_to(exported / "sets")) for file in (exported / "sets").rglob("*.npy")}
    assert named == written
    assert all(len(cycle["digests"]) >= 3 for run in manifest["runs"] for cycle in run["cycles"])
    assert {run["dataset"] for run in manifest["runs"]} != {""}


def test_exported_sets_grow_by_what_was_queried_and_validate_as_they_did(exported):
    for run in json.loads((exported / "sets" / "manifest.json").read_text())["runs"]:
        sets = [
            {kind: read_rows(exported / "sets" / cycle[kind]) for kind in ("labelled", "pool", "validation")}
            for cycle in run["cycles"]
        ]
        assert [len(each["labelled"]) for each in sets] == [20, 30, 50]
        assert [len(each["validation"]) for each in sets] == [10, 15, 25]
        queried = read_rows(exported / "sets" / run["cycles"][0]["queried"])
        assert np.array_equal(sets[1]["labelled"], np.concatenate([sets[0]["labelled"], queried]))


def test_a_file_that_changed_is_refused_by_its_digest(tmp_path, exported):
    shutil.copytree(exported / "sets", tmp_path / "sets")
    file = next((tmp_path / "sets").rglob("lSet_DIGITS.npy"))
    np.save(file, np.load(file)[::-1].copy())
    with pytest.raises(ValueError, match="is not the file that was written"):
        run_experiment(replay(tmp_path / "sets" / "manifest.json"), Host(tmp_path / "results"))


# --- sets that came about elsewhere -----------------------------------------------------------------------------------


def by_hand(folder, cycles, fields=None) -> dict:
    for number, (labelled, validation) in enumerate(cycles):
        np.save(folder / f"l{number}.npy", np.asarray(labelled, dtype=np.int64))
        np.save(folder / f"v{number}.npy", np.asarray(validation, dtype=np.int64))
    files = [{"labelled": f"l{number}.npy", "validation": f"v{number}.npy"} for number in range(len(cycles))]
    experiment = {name: SPEC[name] for name in ("dataset", "model", "recipe")} | {"tuning": {"scope": "fixed"}}
    run = {"strategy": "somebody's", "partition": "theirs", "cycles": files} | (fields or {})
    manifest = {"experiment": {"name": "theirs", **experiment}, "runs": [run]}
    (folder / "theirs.yaml").write_text(yaml.safe_dump(manifest))
    return manifest


def test_sets_that_no_strategy_here_chose_are_trained_on_cycle_by_cycle(tmp_path, capsys, monkeypatch):
    by_hand(tmp_path, [(range(30), range(90, 100)), (range(20, 60), range(95, 120))])  # theirs need not grow
    where = ("--results", str(tmp_path / "results"), "--jobs", "1")
    command = ["torchal", "replay", str(tmp_path / "theirs.yaml"), *where]
    monkeypatch.setattr("sys.argv", [*command, "--set", "recipe.epochs=1"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    (file,) = (tmp_path / "results" / "theirs-replayed" / "runs").iterdir()
    record = json.loads(file.read_text())
    assert (record["strategy"], record["partition"], record["finished"]) == ("somebody's", "theirs", True)
    assert [(cycle["labelled"], cycle["validation"]["examples"]) for cycle in record["cycles"]] == [(30, 10), (40, 25)]
    assert all(cycle["recipe"]["epochs"] == 1 for cycle in record["cycles"])


def test_torchals_published_sets_are_replayed_and_come_out_as_they_went_in(tmp_path, shared):
    """Round trip: files to manifest, to a run on data of their size, and out again to the same rows."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50_100, 4)).astype(np.float32)
    y = np.arange(50_100) % 10
    np.savez(tmp_path / "rows.npz", x=x[:-100], y=y[:-100], x_test=x[-100:], y_test=y[-100:])
    sets = shared / "torchal_index_sets" / "CIFAR10"
    names = ["imbalanced/partition_1", "val-set-1k/partition_1", "partition_3"]
    runs = []
    for place, name in enumerate(names):
        shutil.copytree(sets / name, tmp_path / str(place))
        files = {kind: f"{place}/{prefix}_CIFAR10.npy" for kind, prefix in KINDS.items()}
        runs.append({"strategy": "random", "partition": name.replace("/", "-"), "cycles": [files]})
    experiment = {
        "name": "published",
        "dataset": {"name": "arrays", "path": str(tmp_path / "rows.npz")},
        "model": {"name": "mlp", "hidden": [4]},
        "recipe": {"epochs": 1, "batch": 512},
        "tuning": {"scope": "fixed"},
    }
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump({"experiment": experiment, "runs": runs}))
    again = replay(tmp_path / "manifest.yaml")
    assert run_experiment(again, Host(tmp_path / "results")) == []
    export_index(again, tmp_path / "results", tmp_path / "out")
    written = json.loads((tmp_path / "out" / "manifest.json").read_text())["runs"]
    assert len(written) == 3
    for run, name in zip(written, names, strict=True):
        assert run["partition"] == name.replace("/", "-")
        for kind, prefix in KINDS.items():
            theirs = read_rows(sets / name / f"{prefix}_CIFAR10.npy")
            assert np.array_equal(np.load(tmp_path / "out" / run["cycles"][0][kind]), theirs)


KINDS = {"labelled": "lSet", "pool": "uSet", "validation": "valSet"}


@pytest.mark.parametrize(
    ("cycles", "changes", "message"),
    [
        ([(range(5), range(3, 8))], {}, "theirs, cycle 0: a partition holds row 3 more than once"),
        ([(range(5), range(5, 8)), ([1438], [])], {}, "holds row 1438, and the training side has rows 0 to 1437"),
        ([([], range(5))], {}, "nothing is labelled"),
        ([(range(5), range(5, 8))], {"cycles": []}, "at least 1"),
        ([(range(5), range(5, 8))], {"cycles": [{"labelled": "../x.npy"}]}, "no file below the manifest's folder"),
        ([(range(5), range(5, 8))], {"cycles": [{"labelled": "/etc/passwd"}]}, "no file below the manifest's folder"),
        ([(range(5), range(5, 8))], {"cycles": [{"lSet": "l0.npy"}]}, "labelled"),
    ],
)
def test_sets_that_cannot_be_are_refused_in_a_sentence(tmp_path, cycles, changes, message):
    by_hand(tmp_path, cycles, changes)
    with pytest.raises(ValueError, match=message):
        run_experiment(replay(tmp_path / "theirs.yaml"), Host(tmp_path / "results"))


def test_a_pool_with_rows_of_its_own_making_cannot_be_replayed(tmp_path):
    manifest = by_hand(tmp_path, [(range(5), range(5, 8))])
    manifest["experiment"]["pool"] = {"copies": {"share": 0.5}}
    (tmp_path / "theirs.yaml").write_text(yaml.safe_dump(manifest))
    with pytest.raises(ValueError, match="no index set can name"):
        replay(tmp_path / "theirs.yaml")
