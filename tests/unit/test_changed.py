"""Data, code or records that changed under results: refused or recorded, never silent."""

import json

import numpy as np
import pytest
from small_runs import changed, compute, contents

from torchal import loop, problem
from torchal.host import Host
from torchal.launch import run_experiment
from torchal.store import Event, Stage

pytestmark = pytest.mark.unchecked

SHORT = {"strategy": ["random"], "seed": [1], "setting": {"cycles": 1, "budget": 10}, "tuning": {"scope": "fixed"}}


def data(file, shift: float) -> None:
    x = np.random.default_rng(0).normal(size=(200, 5)).astype("float32") + shift
    np.savez(file, x=x, y=np.arange(200) % 4)


def forget() -> None:
    """Forget the data sets that this process has read."""
    for known in (problem._loaded, problem._prepared, problem._problem):
        known.cache_clear()


def told(spec, folder, **host) -> list[Event]:
    """Compute an experiment as a new process does, and return what a person is told besides progress."""
    events = []
    forget()
    assert run_experiment(spec, Host(folder, **host), events.append) == []
    return [event for event in events if isinstance(event, Event) and event.kind not in {"commit", "epoch"}]


def test_data_that_changed_under_the_same_path_are_refused_or_with_mixed_computed_anew_and_recorded(tmp_path):
    data(tmp_path / "x.npz", 0)
    spec = changed(**SHORT, dataset={"name": "arrays", "path": str(tmp_path / "x.npz")})
    compute(tmp_path / "results", spec)
    before = contents(tmp_path / "results")
    data(tmp_path / "x.npz", 1)
    forget()
    with pytest.raises(ValueError, match=r"dataset arrays.*: its content is not what .* was computed from.*--mixed"):
        run_experiment(spec, Host(tmp_path / "results"))
    assert contents(tmp_path / "results") == before
    events = told(spec, tmp_path / "results", mixed=True)
    assert [event.kind for event in events] == ["outdated"]
    assert "1 had results that rest on other data" in events[0].detail
    plan = json.loads((tmp_path / "results" / "small" / "plan.json").read_text())
    assert len(plan["data"]) == 2
    assert plan["runs"][0]["data"] == 1
    assert told(spec, tmp_path / "results") == []  # accepted from now on
    data(tmp_path / "x.npz", 0)
    forget()
    with pytest.raises(ValueError, match="its content is not"):
        run_experiment(spec, Host(tmp_path / "results"))


def test_a_strategy_that_the_experiment_no_longer_asks_for_is_told_since_reports_then_lack_it(tmp_path):
    both = changed(**SHORT | {"strategy": ["random", "margin"]})
    compute(tmp_path, both)
    (event,) = told(changed(**SHORT | {"strategy": ["random"]}), tmp_path)
    assert event.kind == "left out"
    assert "had margin before, no longer asked for" in event.detail
    assert told(both, tmp_path) == []


def test_the_same_data_under_another_path_are_the_same_data(tmp_path):
    for name in ("x.npz", "y.npz"):
        data(tmp_path / name, 0)
        spec = changed(**SHORT, dataset={"name": "arrays", "path": str(tmp_path / name)})
        assert told(spec, tmp_path / "results") == []


def test_another_version_of_a_stage_is_told_and_what_it_makes_computed_anew(tmp_path, monkeypatch):
    compute(tmp_path, changed(**SHORT))
    assert told(changed(**SHORT), tmp_path) == []
    monkeypatch.setattr(loop, "MEASURE", Stage("measure", loop.MEASURE.version + 1))
    assert [event.kind for event in told(changed(**SHORT), tmp_path)] == ["outdated"]
    assert len(list(tmp_path.glob("store/measure/*"))) == 2


def test_another_version_of_torchal_is_refused_or_recorded(tmp_path, monkeypatch):
    compute(tmp_path, changed(**SHORT))
    monkeypatch.setattr("torchal.fingerprint.__version__", "99.0")
    with pytest.raises(ValueError, match=r"torchal was .* and is 99\.0.*--mixed"):
        run_experiment(changed(**SHORT), Host(tmp_path))
    assert told(changed(**SHORT), tmp_path, mixed=True) == []
    accepted = json.loads((tmp_path / "fingerprint.json").read_text())["accepted"]
    assert [each["torchal"] == "99.0" for each in accepted] == [False, True]


@pytest.mark.parametrize("name", ["spec.yaml", "plan.json", "runs/*.json"])
@pytest.mark.parametrize("damaged", [lambda data: data[: len(data) // 2], lambda _: b"", lambda _: b"[1]\n"])
def test_a_record_that_is_damaged_is_written_anew_from_the_store(tmp_path, finished, name, damaged):
    (file,) = (finished / "small").glob(name)
    whole = file.read_bytes()
    file.write_bytes(damaged(whole))
    assert {event.kind for event in told(changed(**SHORT), finished)} <= {"corrupt"}
    assert file.read_bytes() == whole


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    compute(folder, changed(**SHORT))
    return folder
