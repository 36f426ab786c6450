"""A store kept in order."""

import json
import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from small_runs import changed, compute, contents
from typer.testing import CliRunner

from torchal.cli import app
from torchal.digest import digest_of_file
from torchal.housekeeping import check, remove, sync, unused

pytestmark = pytest.mark.unchecked

SPEC = {"strategy": ["random"], "seed": [1], "setting": {"cycles": 2, "budget": 10}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished experiment."""
    folder = tmp_path_factory.mktemp("whole")
    compute(folder, changed(**SPEC), jobs=1)
    return folder


@pytest.fixture
def results(whole, tmp_path):
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "results"))


def entries(results: Path) -> set[str]:
    return {
        str(path.relative_to(results / "store")) for path in (results / "store").glob("*/*/") if len(path.name) == 64
    }


def test_nothing_of_a_finished_experiment_is_unused_not_even_its_trials(results):
    assert {path.parts[0] for path in map(Path, entries(results))} >= {"trial", "tune", "fit", "measure", "query"}
    assert unused(results).entries == ()


def test_what_only_a_removed_experiment_referred_to_is_found_and_removed_and_the_rest_kept(results):
    before = entries(results)
    compute(
        results,
        changed(**SPEC, name="other", recipe={"optimizer": "adam", "lr": 1e-3, "epochs": 2, "batch": 16}),
        jobs=1,
    )
    assert unused(results).entries == ()
    shutil.rmtree(results / "other")
    found = unused(results)
    assert {f"{entry.parent.name}/{entry.name}" for entry in found.entries} == entries(results) - before
    assert found.bytes > 0
    remove(results, found)
    assert entries(results) == before
    assert check(results).faults == ()


def test_an_unfinished_experiment_is_named_since_it_may_go_on_from_what_looks_unused(results):
    record = next((results / "small" / "runs").glob("*.json"))
    record.write_text(record.read_text().replace('"finished": true', '"finished": false'))
    assert unused(results).unfinished == ("small",)
    (results / "store" / "fit" / ("a" * 64)).mkdir()
    answer = CliRunner().invoke(app, ["gc", "--results", str(results), "--delete"])
    assert answer.exit_code != 0
    assert (results / "store" / "fit" / ("a" * 64)).is_dir()


def test_nothing_is_removed_while_a_process_computes(results):
    (results / "store" / "drafts").mkdir(exist_ok=True)
    with FileLock(results / "store" / "drafts" / "a-process.lock"):
        found = unused(results)
        assert found.at_work
        with pytest.raises(ValueError, match="is computing into the store"):
            remove(results, found)
    assert not unused(results).at_work


@pytest.mark.parametrize("damage", ["flip", "cut", "lose", "add"])
def test_every_kind_of_damage_is_found(results, damage):
    entry = next((results / "store" / "fit").iterdir())
    file = entry / "fit.json"
    data = file.read_bytes()
    match damage:
        case "flip":
            file.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        case "cut":
            file.write_bytes(data[:-1])
        case "lose":
            file.unlink()
        case "add":
            (entry / "more.json").write_text("{}")
    found = check(results)
    assert len(found.faults) == 1
    assert entry.name in found.faults[0]
    assert CliRunner().invoke(app, ["store", "check", "--results", str(results)]).exit_code == 1


def test_two_stores_made_one_hold_what_either_held_and_the_experiment_costs_nothing_anew(whole, tmp_path):
    half, rest = tmp_path / "half", tmp_path / "rest"
    for place, stages in ((half, ("trial", "tune")), (rest, ("fit", "measure", "query"))):
        for stage in stages:
            shutil.copytree(whole / "store" / stage, place / "store" / stage)
        shutil.copy(whole / "fingerprint.json", place)
    answer = sync(half, rest)
    assert (answer.copied, answer.there, answer.faults) == (len(entries(half)), 0, [])
    assert sync(half, rest).there == len(entries(half))
    made = []
    before = entries(rest)
    compute(rest, changed(**SPEC), jobs=1)
    made = entries(rest) - before
    assert made == set()
    assert contents(rest) == contents(whole)


def test_damaged_and_contradicting_entries_are_told_and_not_copied(results, whole, tmp_path):
    one, other = sorted((results / "store" / "fit").iterdir())[:2]
    (one / "fit.json").write_text("{}")
    digests = json.loads((other / "digests.json").read_text())
    (other / "fit.json").write_text("{}")
    (other / "digests.json").write_text(json.dumps(digests | {"fit.json": digest_of_file(other / "fit.json")}))
    target = Path(shutil.copytree(whole, tmp_path / "target"))
    shutil.rmtree(target / "store" / "fit" / one.name)
    answer = sync(results, target)
    assert len(answer.faults) == 2
    assert not (target / "store" / "fit" / one.name).exists()
    assert contents(target)[f"store/fit/{other.name}/fit.json"] == contents(whole)[f"store/fit/{other.name}/fit.json"]


def test_stores_of_other_fingerprints_are_mixed_only_if_that_is_said(results, tmp_path):
    target = Path(shutil.copytree(results, tmp_path / "target"))
    file = target / "fingerprint.json"
    file.write_text(file.read_text().replace('"threads": 1', '"threads": 7'))
    with pytest.raises(ValueError, match="--mixed"):
        sync(results, target)
    sync(results, target, mixed=True)
    assert '"threads": 1' in file.read_text()
    assert '"threads": 7' in file.read_text()


def test_a_folder_without_a_store_is_refused(tmp_path):
    for look in (unused, check, lambda place: sync(place, tmp_path / "x")):
        with pytest.raises(ValueError, match="holds no store"):
            look(tmp_path)
