"""TorchAL's folders of results become manifests, whose sets are those that TorchAL trained on."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from torchal.cli import app
from torchal.data.index_files import read_rows
from torchal.data.published import published
from torchal.host import Host
from torchal.launch import run_experiment
from torchal.migrate.sets import imported
from torchal.replay import replay

pytestmark = pytest.mark.unchecked

BUDGET = 10
CONFIG = {
    "OPTIM": {"MAX_EPOCH": 7, "TYPE": "ADAM", "BASE_LR": 0.002, "WEIGHT_DECAY": 1e-5, "MOMENTUM": 0.9},
    "TRAIN": {"BATCH_SIZE": 32, "IMBALANCED": True, "DATASET": "DIGITS"},
    "ACTIVE_LEARNING": {"NOISY_ORACLE": 0.2, "BUDGET_SIZE": BUDGET},
}


def place(root: Path, percent: float, function: str = "random", seed: int = 1, data: str = "DIGITS") -> Path:
    """Return the folder of a cycle, by the names that main_aml.py gives."""
    best = root / "best_automl_results" / "lSet_1" / f"start_{seed}" / data
    return best / str(percent) / function / "vgg_depth_16" / "vanilla"


def save(folder: Path, labelled, pool, queried) -> None:
    """Write a cycle's sets as TorchAL does, with objects in numpy arrays and the same rows in text."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("lSet", labelled), ("uSet", pool), ("activeSet", queried)):
        np.save(folder / f"{name}.npy", np.array(list(map(int, rows)), dtype=object), allow_pickle=True)
        np.savetxt(folder / f"{name}.txt", rows, fmt="%d")


def torchals(root: Path, function: str = "random", seed: int = 1, queries: int = 3, *, repeat: int = 0):
    """Write the results of a run, of whose last set nothing was trained, and return the labelled rows by cycle."""
    order = np.random.default_rng(seed).permutation(1438)
    labelled, pool = order[:30], order[30:1338]
    sizes = [labelled]
    for number in range(1, queries + 1):
        queried = pool[:BUDGET]
        if repeat:
            queried = np.concatenate([queried[:-repeat], queried[:repeat]])
        labelled, pool = np.append(labelled, queried), pool[~np.isin(pool, queried)]
        folder = place(root, 10.0 + 10 * number, function, seed)
        save(folder, labelled, pool, queried)
        (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
        if number < queries:
            (folder / "checkpoints").mkdir()
        sizes.append(labelled)
    np.save(root / "valSet.npy", np.array(list(map(int, np.sort(order[1338:]))), dtype=object), allow_pickle=True)
    return sizes


def rows_by_cycle(manifest: Path, run: int, kind: str) -> list[list[int]]:
    cycles = json.loads(manifest.read_text())["runs"][run]["cycles"]
    return [read_rows(manifest.parent / each[kind]).tolist() for each in cycles]


SMALLER = ("dataset=digits", "model={name: mlp, hidden: [8]}", "recipe.epochs=2", "tuning={scope: fixed}")


def test_sets_of_torchal_are_trained_on_again_cycle_by_cycle(tmp_path):
    theirs = torchals(tmp_path / "out")
    torchals(tmp_path / "out", "uncertainty")
    words = ["migrate", str(tmp_path / "out"), "-o", str(tmp_path / "sets"), "--json"]
    answer = json.loads(CliRunner().invoke(app, [*words, "--validation", str(tmp_path / "out" / "valSet.npy")]).stdout)
    manifest = tmp_path / "sets" / "manifest.json"
    assert (answer["manifests"], answer["runs"]) == ([str(manifest)], 2)
    assert rows_by_cycle(manifest, 0, "labelled") == [each.tolist() for each in theirs[:3]]
    again = replay(manifest, overrides=SMALLER)
    assert run_experiment(again, Host(tmp_path / "results")) == []
    records = [json.loads(file.read_text()) for file in (tmp_path / "results" / "out-replayed" / "runs").iterdir()]
    assert {record["strategy"] for record in records} == {"random", "uncertainty"}
    for record in records:
        assert [cycle["labelled"] for cycle in record["cycles"]] == [30, 40, 50]
        assert {cycle["validation"]["examples"] for cycle in record["cycles"]} == {100}


def test_the_pool_loses_what_was_queried_and_the_last_set_is_only_queried(tmp_path):
    torchals(tmp_path / "out", "coreset")
    (manifest,) = imported(tmp_path / "out", tmp_path / "sets", tmp_path / "out" / "valSet.npy").manifests
    labelled, pool, queried = (rows_by_cycle(manifest, 0, kind) for kind in ("labelled", "pool", "queried"))
    assert [len(each) for each in queried] == [BUDGET] * 3
    for number in range(2):
        assert labelled[number + 1] == labelled[number] + queried[number]
        assert set(pool[number]) - set(pool[number + 1]) == set(queried[number])
    assert set(rows_by_cycle(manifest, 0, "validation")[0]) == set(range(1438)) - set(labelled[0]) - set(pool[0])


def test_without_checkpoints_the_last_set_is_a_cycle_and_that_is_told(tmp_path):
    torchals(tmp_path / "out")
    for folder in (tmp_path / "out").rglob("checkpoints"):
        folder.rmdir()
    found = imported(tmp_path / "out", tmp_path / "sets")
    assert len(rows_by_cycle(found.manifests[0], 0, "labelled")) == 4
    assert any("no checkpoint tells" in each.why for each in found.remarks)


def test_how_torchal_trained_is_taken_from_its_configuration(tmp_path):
    torchals(tmp_path / "out")
    for number in range(5):
        trial = place(tmp_path / "out", 20.0) / f"trial-{number}"
        Path(str(trial).replace("best_automl_results", "auto_ml_results")).mkdir(parents=True)
    found = imported(tmp_path / "out", tmp_path / "tuned", tmp_path / "out" / "valSet.npy")
    tuned = json.loads(found.manifests[0].read_text())["experiment"]
    assert (tuned["name"], tuned["model"]) == ("out", "vgg16")
    assert (tuned["tuning"]["trials"], tuned["tuning"]["space"]) == (5, "paper")
    assert tuned["recipe"] == {"epochs": 7, "class_weights": "balanced", "augment": {"standard": True}}
    assert tuned["oracle"]["noise"]["symmetric"] == 0.2
    blind = imported(tmp_path / "out", tmp_path / "fixed")
    fixed = json.loads(blind.manifests[0].read_text())["experiment"]
    assert fixed["tuning"] == {"scope": "fixed"}
    got = {name: fixed["recipe"][name] for name in ("epochs", "optimizer", "lr", "weight_decay", "batch")}
    assert got == {"epochs": 7, "optimizer": "adam", "lr": 0.002, "weight_decay": 1e-5, "batch": 32}
    assert any("--validation FILE.npy" in each.why for each in blind.remarks)


def test_rows_that_a_core_set_took_twice_count_once_and_are_told(tmp_path):
    torchals(tmp_path / "out", "coreset", repeat=3)
    found = imported(tmp_path / "out", tmp_path / "sets")
    labelled = rows_by_cycle(found.manifests[0], 0, "labelled")
    assert [len(each) for each in labelled] == [30, 37, 44]
    assert all(len(set(each)) == len(each) for each in labelled)
    said = [each.what for each in found.remarks if "repeats 3 of 10 rows" in each.why]
    assert [Path(each).name for each in said] == ["activeSet.npy"] * 3


def test_published_partitions_keep_their_name_and_rows(tmp_path):
    first = published(2, 1000, 50_000)
    pool = first.pool.numpy()
    save(
        place(tmp_path / "out", 20.0, data="CIFAR10"),
        [*first.labelled.tolist(), *pool[:50]], pool[50:][::-1], pool[:50],
    )  # fmt: skip
    found = imported(tmp_path / "out", tmp_path / "sets")
    (run,) = json.loads(found.manifests[0].read_text())["runs"]
    assert run["partition"] == "published-2-val1000"
    assert rows_by_cycle(found.manifests[0], 0, "validation")[0] == first.validation.tolist()


def test_the_older_programs_folders_are_read_too_and_networks_get_manifests_of_their_own(tmp_path):
    torchals(tmp_path / "out")
    for model in ("resnet_2_depth_18", "vgg_depth_16"):
        for percent in (20.0, 30.0):
            older = tmp_path / "out" / "DIGITS" / str(percent) / "4" / model / "swa_rand_aug" / "uncertainty"
            shutil.copytree(place(tmp_path / "out", percent), older)
    found = imported(tmp_path / "out", tmp_path / "sets", tmp_path / "out" / "valSet.npy")
    names = [each.parent.name for each in found.manifests]
    assert names == [
        "DIGITS-resnet_2_depth_18-swa_rand_aug",
        "DIGITS-vgg_depth_16-swa_rand_aug",
        "DIGITS-vgg_depth_16-vanilla",
    ]
    manifest = json.loads(found.manifests[0].read_text())
    assert [(run["strategy"], run["seed"], len(run["cycles"])) for run in manifest["runs"]] == [("uncertainty", 4, 3)]
    assert manifest["experiment"]["model"] == "resnet18"
    assert manifest["experiment"]["recipe"]["augment"]["randaugment"]
    assert manifest["experiment"]["recipe"]["swa"]["epochs"] == 50


# --- what cannot be ---------------------------------------------------------------------------------------------------


def a_cycle_is_missing(root: Path) -> None:
    shutil.rmtree(place(root, 30.0))


def a_file_is_another_runs(root: Path) -> None:
    torchals(root / "other", seed=2)
    shutil.copy(place(root / "other", 30.0, seed=2) / "uSet.npy", place(root, 30.0))
    shutil.rmtree(root / "other")


def a_file_is_missing(root: Path) -> None:
    (place(root, 30.0) / "activeSet.npy").unlink()


def a_link_leads_out(root: Path) -> None:
    file = place(root, 30.0) / "uSet.npy"
    file.rename(root.parent / "uSet.npy")
    file.symlink_to(root.parent / "uSet.npy")


def a_queried_row_stays_in_the_pool(root: Path) -> None:
    folder = place(root, 20.0)
    labelled, pool, queried = (read_rows(folder / f"{name}.npy") for name in ("lSet", "uSet", "activeSet"))
    save(folder, labelled, [*pool, queried[0]], queried)


def nothing_is_there(root: Path) -> None:
    shutil.rmtree(root / "best_automl_results")


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("trap"),))


def a_pickle_is_a_program(root: Path) -> None:
    np.save(place(root, 20.0) / "lSet.npy", np.array([Trap()], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (a_cycle_is_missing, "40.0.*labelled rows do not follow from the cycle before.*is a cycle missing"),
        (a_file_is_another_runs, "30.0.*rows of the pool do not follow"),
        (a_file_is_missing, "activeSet.npy: is no file in"),
        (a_link_leads_out, "uSet.npy: is no file in"),
        (a_queried_row_stays_in_the_pool, "20.0.*rows of the pool do not follow"),
        (nothing_is_there, "holds no set of a run of TorchAL"),
        (a_pickle_is_a_program, "an index file is a one-dimensional"),
    ],
)
def test_sets_that_cannot_be_are_refused_and_nothing_is_written(tmp_path, monkeypatch, spoil, message):
    monkeypatch.chdir(tmp_path)
    torchals(tmp_path / "out")
    spoil(tmp_path / "out")
    with pytest.raises(ValueError, match=message):
        imported(tmp_path / "out", tmp_path / "sets")
    assert not (tmp_path / "sets").exists()
    assert not (tmp_path / "trap").exists()


def test_the_validation_set_of_another_partition_is_refused(tmp_path):
    torchals(tmp_path / "out")
    np.save(tmp_path / "other.npy", read_rows(place(tmp_path / "out", 20.0) / "uSet.npy")[:5])
    with pytest.raises(ValueError, match="labels or pools rows of the validation set"):
        imported(tmp_path / "out", tmp_path / "sets", tmp_path / "other.npy")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    torchals(tmp_path / "out")
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "mine").touch()
    with pytest.raises(ValueError, match="has something in it already"):
        imported(tmp_path / "out", tmp_path / "sets")
