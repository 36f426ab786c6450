"""The bytes of a small run, pinned. Whoever moves them says so in the changelog, and raises a stage's version.

What depends on random numbers alone is the same everywhere. What depends on floating-point sums is pinned for each
combination of torch, Optuna and processor on which someone looked at it; elsewhere that half is skipped, and says so.
Print new digests with: python tests/golden/test_digits.py
"""

import json
import sys
import tempfile
from pathlib import Path

import optuna
import pytest
import torch

from torchal.digest import digest_of, digest_of_bytes
from torchal.experiment import ExperimentSpec
from torchal.fingerprint import fingerprint
from torchal.host import Host, prepare
from torchal.loop import stages
from torchal.problem import opened
from torchal.rng import generator
from torchal.store import Store
from torchal.training.fit import fresh

GOLDEN = Path(__file__).with_name("digits.json")
SPEC = {
    "name": "golden",
    "dataset": "digits",
    "model": {"name": "mlp", "hidden": [16], "dropout": 0.25},
    "strategy": {"name": "bald", "samples": 4},
    "partition": {"drawn": 1, "labelled": 40, "validation": 80},
    "seed": 1,
    "setting": {"cycles": 2, "budget": 20},
    "recipe": {"optimizer": "adam", "lr": 5e-3, "epochs": 3, "batch": 16},
    "tuning": {"trials": 3, "space": {"lr": {"low": 1e-3, "high": 1e-1, "log": True}, "batch": [8, 16]}},
}


def machine() -> str:
    """Return what floating-point results depend on here."""
    return f"torch {torch.__version__}, optuna {optuna.__version__}, {fingerprint('cpu', 1).device}"


def drawn() -> dict[str, str]:
    """Return digests of what is drawn and not computed: data, rows, initial weights, order, masks."""
    run = ExperimentSpec.model_validate(SPEC).runs()[0]
    problem = opened(run)
    data, rows = problem.data, problem.rows
    weights = fresh(run.model, data.shape, len(data.classes), run.where(0)).state_dict()
    return {
        "data": data.digest,
        "rows": rows.digest,
        "weights": digest_of_bytes(*(weights[name].numpy() for name in sorted(weights))),
        "order": digest_of(torch.randperm(40, generator=generator(*run.where(0), "order", 0)).tolist()),
    }


def computed() -> dict[str, str]:
    """Return the digests of a whole run, stage by stage."""
    run = ExperimentSpec.model_validate(SPEC).runs()[0]
    with tempfile.TemporaryDirectory() as folder:
        prepare(Host(Path(folder)))
        with Store(Path(folder)) as store:
            return {
                f"{done.cycle} {done.stage}": digest_of([done.entry.key, done.entry.json("digests.json")])
                for done in stages(run, store)
            }


def test_what_is_drawn_is_the_same_on_every_machine():
    assert drawn() == json.loads(GOLDEN.read_text())["drawn"]


def test_what_is_computed_has_not_moved():
    known = json.loads(GOLDEN.read_text())["computed"]
    if machine() not in known:
        pytest.skip(f"no digests are pinned for {machine()}; print them with python {Path(__file__).name}")
    assert computed() == known[machine()]


if __name__ == "__main__":
    torch.set_num_threads(1)
    json.dump({"drawn": drawn(), "computed": {machine(): computed()}}, sys.stdout, indent=1)
