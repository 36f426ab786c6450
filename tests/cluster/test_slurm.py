"""Experiments on Slurm itself, of which this machine is the only node: see scripts/start-slurm."""

import shutil
import subprocess
import threading
from functools import cache

import pytest
from small_runs import changed, compute, contents

from torchal.engines.slurm import LOGS, Slurm
from torchal.host import Host
from torchal.launch import run_experiment


@cache
def answers() -> bool:
    """Return whether there is a Slurm that has a node, which takes seconds to say that there is none."""
    if shutil.which("sinfo") is None:
        return False
    found = subprocess.run(["sinfo", "--noheader", "--format", "%t"], capture_output=True, text=True, check=False)
    return found.returncode == 0 and found.stdout.strip() in {"idle", "mix", "alloc"}


@pytest.fixture(autouse=True)
def slurm() -> None:
    if not answers():
        pytest.skip("no Slurm answers: scripts/start-slurm starts one")


@pytest.mark.timeout(120)
def test_job_arrays_of_slurm_give_the_bytes_of_one_process(tmp_path):
    spec = changed(strategy=["random"], seed=[1, 2], tuning={"scope": "fixed"}, setting={"cycles": 1, "budget": 10})
    engine = Slurm(memory=1, minutes=5, poll=0.5)
    assert run_experiment(spec, Host(tmp_path / "slurm"), engine=engine) == []
    compute(tmp_path / "here", spec, jobs=1)
    found = {name: data for name, data in contents(tmp_path / "slurm").items() if not name.startswith(LOGS)}
    assert found == contents(tmp_path / "here")
    arrays = {name.split("_")[0] for name in contents(tmp_path / "slurm") if name.endswith("_1_0_result.pkl")}
    assert arrays  # the two trainings were ready together, and so were one array of jobs


@pytest.mark.timeout(120)
def test_a_job_that_slurm_ends_is_noticed_without_accounting_and_the_next_call_goes_on(tmp_path):
    """Every job is cancelled from outside as soon as it is submitted, until the program gives up."""
    spec = changed(strategy=["random"], seed=[1], tuning={"scope": "fixed"}, setting={"cycles": 1, "budget": 10})
    over = threading.Event()

    def cancel() -> None:
        while not over.wait(0.2):
            subprocess.run(["scancel", "--name", "torchal"], check=False)

    killer = threading.Thread(target=cancel, daemon=True)
    killer.start()
    failures = run_experiment(spec, Host(tmp_path), engine=Slurm(memory=1, minutes=5, poll=0.5, patience=2))
    over.set()
    killer.join()
    assert [failure.stage for failure in failures] == ["fit"]
    assert "ended without an answer" in failures[0].error
    assert run_experiment(spec, Host(tmp_path)) == []
