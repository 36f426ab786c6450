"""Whenever a run is stopped and called again, every file but the sidecars comes out as if it had not been."""

import json

import pytest
from small_runs import SMALL, changed, compute, contents

from torchal.host import Host
from torchal.launch import run_experiment
from torchal.store import Event, Store


class Stopped(BaseException):
    """Stands for the end of the process."""


def unchanged(path, text) -> bool:
    return path.is_file() and path.read_text() == text


@pytest.fixture
def stop_at(monkeypatch):
    """Make the store stop the program before or after its n-th commit of an entry or a file."""
    real = {"_commit": Store._commit, "write": Store.write}
    state = {"left": 0, "moment": "before"}

    def stopping(name):
        def method(self, *arguments):
            if name == "write" and unchanged(*arguments):
                return
            state["left"] -= 1
            if state["left"] == 0 and state["moment"] == "before":
                raise Stopped
            real[name](self, *arguments)
            if state["left"] == 0:
                raise Stopped

        return method

    for name in real:
        monkeypatch.setattr(Store, name, stopping(name))
    return lambda left, moment: state.update(left=left, moment=moment)


def test_the_experiment_that_is_stopped_has_pruned_trials_and_three_cycles(undisturbed):
    trials = [json.loads(data) for name, data in undisturbed.items() if name.endswith("trial.json")]
    assert any(trial["state"] == "pruned" for trial in trials)
    assert SMALL["setting"]["cycles"] == 3


@pytest.mark.parametrize(("moment", "nth"), [("after", 1), ("before", 2)])
def test_stopped_at_every_commit_and_called_again_each_time_nothing_differs(tmp_path, stop_at, moment, nth):
    """Each call comes one commit further: it is stopped after its first commit, or before its second."""
    stops, spec = 0, changed(seed=1, strategy={"name": "bald", "samples": 3})
    compute(tmp_path / "undisturbed", spec)
    undisturbed = contents(tmp_path / "undisturbed")
    while True:
        stop_at(nth, moment)
        try:
            compute(tmp_path / "stopped", spec)
        except Stopped:
            stops += 1
        else:
            break
    assert contents(tmp_path / "stopped") == undisturbed
    assert stops >= sum(name.endswith("digests.json") for name in undisturbed)


@pytest.mark.parametrize("damage", ["truncate", "flip"])
def test_damaged_entries_are_reported_and_recomputed_to_the_same_bytes(tmp_path, undisturbed, damage):
    compute(tmp_path)
    reported = []
    for stage, file in (
        ("trial", "trial.json"),
        ("tune", "tune.json"),  # after it a search is replayed, which reads the damaged trial
        ("fit", "weights.safetensors"),
        ("measure", "inputs.json"),
        ("query", "query.json"),
    ):
        for entry in (tmp_path / "store" / stage).iterdir():
            data = (entry / file).read_bytes()
            middle = len(data) // 2
            flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
            (entry / file).write_bytes(data[:middle] if damage == "truncate" else flipped)
        if stage != "trial":
            run_experiment(changed(), Host(tmp_path), reported.append)
            assert contents(tmp_path) == undisturbed, stage
    corrupt = {event.stage for event in reported if isinstance(event, Event) and event.kind == "corrupt"}
    assert corrupt == {"trial", "tune", "fit", "measure", "query"}
