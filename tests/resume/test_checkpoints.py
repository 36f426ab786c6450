"""A long training that is killed in the middle of an epoch goes on from its last checkpoint."""

import os
import signal
import subprocess
import sys
import time

import pytest
import yaml
from small_runs import SMALL, changed, compute, contents

from torchal.training.fit import _Training

LONG = {
    "strategy": "random",
    "model": {"name": "mlp", "hidden": [32], "dropout": 0.2},
    "partition": {"drawn": 1, "labelled": 600, "validation": 60},
    "seed": 1,
    "setting": {"cycles": 1, "budget": 10},
    "recipe": {"optimizer": "adam", "lr": 1e-3, "epochs": 40, "batch": 8, "ema": {"decay": 0.99}},
}
EVERY = 4
TUNED = {**SMALL["tuning"], "trials": 1, "pruner": None, "space": {"lr": [0.01]}}


def killed_in_an_epoch(folder, fields, stage) -> None:
    """Start the real program and kill it shortly after the first checkpoint of a stage."""
    spec = folder / "spec.yaml"
    spec.write_text(yaml.safe_dump({**SMALL, **fields}))
    command = [sys.executable, "-m", "torchal", "run", str(spec), "--results", str(folder / "results"), "--jobs", "1"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([*command, "--checkpoint-every", str(EVERY)], env=env, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 100
    while not list(folder.glob(f"results/store/unfinished/{stage}/*.safetensors")):
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline, "no checkpoint appeared"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(folder.glob(f"results/store/{stage}/*"))


@pytest.mark.parametrize("stage", ["fit", "trial"])
def test_a_training_killed_in_mid_epoch_goes_on_from_its_checkpoint_to_the_same_bytes(tmp_path, stage, monkeypatch):
    fields = {**LONG, "tuning": {"scope": "fixed"} if stage == "fit" else TUNED}
    compute(tmp_path / "undisturbed", changed(**fields), checkpoint_every=EVERY)
    killed_in_an_epoch(tmp_path, fields, stage)
    trained, original = [], _Training.epoch
    monkeypatch.setattr(_Training, "epoch", lambda self, epoch: trained.append(epoch) or original(self, epoch))
    compute(tmp_path / "results", changed(**fields), checkpoint_every=EVERY)
    assert trained[0] >= EVERY, "the training began anew"
    assert contents(tmp_path / "results") == contents(tmp_path / "undisturbed")


def test_a_finished_training_leaves_no_checkpoint_and_other_intervals_change_no_byte(tmp_path):
    fields = {**LONG, "recipe": {**LONG["recipe"], "epochs": 6}, "tuning": {"scope": "fixed"}}
    for every in (0, 1, 4):
        compute(tmp_path / str(every), changed(**fields), checkpoint_every=every)
    first, *others = (contents(tmp_path / str(every)) for every in (0, 1, 4))
    assert all(other == first for other in others)
    assert not list(tmp_path.glob("*/store/unfinished/*/*"))
