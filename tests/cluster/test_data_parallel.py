"""Processes that train one network together, over gloo."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from small_runs import compute

from torchal.experiment import ExperimentSpec
from torchal.models.resnet8 import Resnet8
from torchal.training.world import World

SPEC = {
    "name": "together",
    "dataset": "digits",
    "model": {"name": "mlp", "hidden": [16], "dropout": 0.0},
    "strategy": ["random", "margin"],
    "partition": {"drawn": 1, "labelled": 39, "validation": 60},
    "seed": 1,
    "setting": {"cycles": 2, "budget": 10},
    "recipe": {"lr": 0.1, "epochs": 6, "batch": 8, "accumulate": 2, "clip": 5.0, "augment": {"crop": 1}},
    "tuning": {"scope": "fixed"},
}
TOLERANCE = 1e-4
"""Largest difference of a weight: sums are made in another order, and 30 steps at a high rate carry that on."""


def together(folder: Path) -> subprocess.CompletedProcess:
    """Run the experiment by two processes that train each network together."""
    (folder / "spec.yaml").write_text(yaml.safe_dump(SPEC))
    arguments = ["run", str(folder / "spec.yaml"), "--results", str(folder / "results"), "--jobs", "1"]
    command = [sys.executable, *TORCHRUN, "-m", "torchal", *arguments, "--checkpoint-every", "2"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=150, check=False)


def fits(folder: Path) -> dict[str, tuple[dict, dict]]:
    """Return weights and fit records of cycle 0 and of random's later ones, whose rows cannot differ, by key."""
    return {
        path.name: (load_file(path / "weights.safetensors"), json.loads((path / "fit.json").read_text()))
        for path in folder.glob("results/store/fit/*")
    }


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> tuple[Path, Path]:
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    compute(one / "results", ExperimentSpec.model_validate(SPEC), checkpoint_every=2)
    answer = together(two)
    assert answer.returncode == 0, answer.stderr[-3000:]
    return one, two


def test_two_processes_train_to_the_weights_of_one_at_the_same_batch(both):
    one, two = map(fits, both)
    common = one.keys() & two.keys()
    assert len(common) >= 2  # cycle 0, and random's cycle 1 at least
    for key in common:
        (expected, record), (found, other) = one[key], two[key]
        assert all(torch.allclose(found[name], expected[name], rtol=0, atol=TOLERANCE) for name in expected)
        assert [each["loss"] for each in other["history"]] == pytest.approx(
            [each["loss"] for each in record["history"]], abs=1e-4
        )


def test_the_fingerprint_says_how_many_processes_trained_together(both):
    told = [json.loads((folder / "results" / "fingerprint.json").read_text())["accepted"] for folder in both]
    assert [each[0]["processes"] for each in told] == [1, 2]


def test_processes_that_train_together_leave_no_drafts_and_finish_every_run(both):
    _, two = both
    assert not list(two.glob("results/store/drafts/*"))
    records = [json.loads(path.read_text()) for path in two.glob("results/together/runs/*.json")]
    assert [record["finished"] for record in records] == [True, True]


def test_batch_normalisation_over_processes_without_gpus_is_refused_in_a_sentence():
    model = Resnet8(width=2).build((1, 8, 8), 10)
    with pytest.raises(ValueError, match="batch normalisation over several processes needs GPUs"):
        World(rank=0, size=2).joined(model)
