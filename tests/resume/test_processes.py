"""The real program, in real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from small_runs import SMALL, changed, compute, contents

from torchal.digest import seed_of

ENV = {**os.environ, "OMP_NUM_THREADS": "1"}


def start(spec_file, results, *arguments, **env) -> subprocess.Popen:
    command = [sys.executable, "-m", "torchal.cli", "run", str(spec_file), "--results", str(results), *arguments]
    return subprocess.Popen(command, env={**ENV, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


def test_another_hash_seed_and_a_process_for_each_of_two_devices_write_the_same_bytes(tmp_path, spec_file, undisturbed):
    first = start(spec_file, tmp_path / "a", "--jobs", "1", PYTHONHASHSEED="1")
    second = start(spec_file, tmp_path / "b", "--device", "cpu,cpu", PYTHONHASHSEED="2")
    finish(first)
    finish(second)
    assert contents(tmp_path / "a") == contents(tmp_path / "b") == undisturbed


@pytest.mark.parametrize(
    ("tuning", "more"),
    [
        ({"trials": 5, "pruner": None}, (2, 4)),
        ({"trials": 5, "sampler": "tpe", "pruner": {"name": "halving", "least": 1}, "together": 3}, (2,)),
    ],
    ids=["trials that know nothing of each other", "trials that learn from others"],
)
def test_trials_side_by_side_on_one_two_and_four_jobs_write_the_same_bytes(tmp_path, tuning, more):
    """One run, so that whatever happens side by side is a trial."""
    space = SMALL["tuning"]["space"]
    lone = changed(strategy="random", seed=1, setting={"cycles": 1, "budget": 10}, tuning={"space": space, **tuning})
    for jobs in (1, *more):
        compute(tmp_path / str(jobs), lone, jobs=jobs)
    assert all(contents(tmp_path / str(jobs)) == contents(tmp_path / "1") for jobs in more)
    assert len(list((tmp_path / "1" / "store" / "trial").iterdir())) == 5


def test_two_processes_on_one_store_at_once_finish_without_error_and_with_the_same_bytes(
    tmp_path, spec_file, undisturbed
):
    both = [start(spec_file, tmp_path / "one", "--jobs", "1") for _ in range(2)]
    for process in both:
        finish(process)
    assert contents(tmp_path / "one") == undisturbed


def children(process: subprocess.Popen) -> list[int]:
    """Return the processes that a process has started, by Linux's account of it."""
    tasks = Path(f"/proc/{process.pid}/task")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds worker processes by Linux's /proc")
def test_a_worker_that_is_killed_ends_the_run_in_a_sentence_and_the_next_call_in_the_same_bytes(
    tmp_path, spec_file, undisturbed
):
    process = start(spec_file, tmp_path / "one", "--jobs", "2")
    while process.poll() is None and not list((tmp_path / "one").glob("store/trial/*")):
        time.sleep(0.01)
    for child in children(process):
        os.kill(child, signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "a worker process was ended from outside" in errors.decode()
    finish(start(spec_file, tmp_path / "one", "--jobs", "1"))
    assert contents(tmp_path / "one") == undisturbed


def killed(spec_file, results, number: int) -> bool:
    """Start a run, kill it and its workers at an addressed moment after a commit; False if it was done before."""
    before = len(list(results.glob("store/*/*")))
    jobs = "2" if number % 5 == 4 else "1"
    process = start(spec_file, results, "--jobs", jobs)
    while process.poll() is None and len(list(results.glob("store/*/*"))) <= before:
        time.sleep(0.005)
    time.sleep(seed_of("kill", number) % 1000 / 2500)
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    return alive


@pytest.mark.timeout(170)
def test_killed_at_twenty_random_moments_it_ends_in_the_same_bytes(tmp_path):
    spec = changed(tuning={**SMALL["tuning"], "trials": 25}, recipe={**SMALL["recipe"], "epochs": 12})
    file = tmp_path / "spec.yaml"
    file.write_text(yaml.safe_dump(spec.document()))
    kills, folder = 0, tmp_path / "0"
    finished = []
    while kills < 20:
        if killed(file, folder, kills):
            kills += 1
        else:
            finished.append(folder)
            folder = tmp_path / str(kills)
    finish(start(file, folder, "--jobs", "2"))
    compute(tmp_path / "reference", spec)
    expected = contents(tmp_path / "reference")
    for results in (*finished, folder):
        found = contents(results)
        assert found == expected
