"""A long training that is killed in the middle of an epoch goes on from its last checkpoint."""

import signal

import pytest
from small_runs import SMALL, changed, compute, contents, program, started, until

from torchal.host import Host
from torchal.launch import run_experiment
from torchal.store import Event
from torchal.training.fit import _Training

LONG = {
    "strategy": "random",
    "model": {"name": "mlp", "hidden": [32], "dropout": 0.2},
    "partition": {"drawn": 1, "labelled": 200, "validation": 60},
    "seed": 1,
    "setting": {"cycles": 1, "budget": 10},
    "recipe": {"optimizer": "adam", "lr": 1e-3, "epochs": 10, "batch": 8, "ema": {"decay": 0.99}},
}
EVERY = 4
AMID = 6 * 200 // 8 + 12
"""A step in the middle of the epoch of number 6."""
TUNED = {**SMALL["tuning"], "trials": 1, "pruner": None, "space": {"lr": [0.01]}}


def killed_in_an_epoch(folder, spec, stage) -> None:
    """Have the first training of a stage killed after its first checkpoint."""
    (folder / "spec.yaml").write_text(spec.text())
    words = ["run", "spec.yaml", "--results", "results", "--jobs", "1", "--checkpoint-every", str(EVERY)]
    process = started(until, AMID, program, words, folder, folder / "said")
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, (folder / "said").read_text()
    assert len(list(folder.glob(f"results/store/unfinished/{stage}/*.safetensors"))) == 1
    assert not list(folder.glob(f"results/store/{stage}/*"))


@pytest.mark.parametrize("stage", ["fit", "trial"])
def test_a_training_killed_in_mid_epoch_goes_on_from_its_checkpoint_to_the_same_bytes(tmp_path, stage, monkeypatch):
    spec = changed(**LONG, tuning={"scope": "fixed"} if stage == "fit" else TUNED)
    compute(tmp_path / "undisturbed", spec, checkpoint_every=EVERY)
    killed_in_an_epoch(tmp_path, spec, stage)
    trained, original = [], _Training.epoch
    monkeypatch.setattr(_Training, "epoch", lambda self, epoch: trained.append(epoch) or original(self, epoch))
    compute(tmp_path / "results", spec, checkpoint_every=EVERY)
    assert trained[0] == EVERY, "the training began anew"
    assert contents(tmp_path / "results") == contents(tmp_path / "undisturbed")


def middle(data: bytes) -> bytes:
    """Return what a file holds with one bit of its last weights flipped."""
    return data[:-9] + bytes([data[-9] ^ 4]) + data[-8:]


@pytest.mark.parametrize(
    "damaged", [lambda data: data[: len(data) // 2], middle, lambda _: b""], ids=["cut", "bit", "empty"]
)
def test_a_checkpoint_that_is_damaged_is_told_of_and_its_training_begins_anew_to_the_same_bytes(
    tmp_path, damaged, monkeypatch
):
    spec, events = changed(**LONG, tuning={"scope": "fixed"}), []
    compute(tmp_path / "undisturbed", spec, checkpoint_every=EVERY)

    def stopped(self, epoch):
        if epoch == EVERY + 1:
            raise KeyboardInterrupt
        return original(self, epoch)

    original = _Training.epoch
    monkeypatch.setattr(_Training, "epoch", stopped)
    with pytest.raises(KeyboardInterrupt):
        compute(tmp_path / "results", spec, checkpoint_every=EVERY)
    monkeypatch.undo()
    (file,) = tmp_path.glob("results/store/unfinished/fit/*.safetensors")
    file.write_bytes(damaged(file.read_bytes()))
    run_experiment(spec, Host(tmp_path / "results", checkpoint_every=0), events.append)
    assert [event.kind for event in events if isinstance(event, Event) and event.kind not in {"commit", "epoch"}] == [
        "corrupt"
    ]
    found, expected = (
        {name: data for name, data in contents(tmp_path / each).items() if "failed" not in name}
        for each in ("results", "undisturbed")
    )
    assert found == expected


def test_a_finished_training_leaves_no_checkpoint_and_other_intervals_change_no_byte(tmp_path):
    fields = {**LONG, "recipe": {**LONG["recipe"], "epochs": 6}, "tuning": {"scope": "fixed"}}
    for every in (0, 1, 4):
        compute(tmp_path / str(every), changed(**fields), checkpoint_every=every)
    first, *others = (contents(tmp_path / str(every)) for every in (0, 1, 4))
    assert all(other == first for other in others)
    assert not list(tmp_path.glob("*/store/unfinished/*/*"))
