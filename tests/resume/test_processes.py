"""Real processes: the program itself where its command line or its start matters, else forks that load nothing anew."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from small_runs import SMALL, changed, compute, contents, forks, program, started

from torchal.digest import seed_of
from torchal.spec import load_file

ENV = {**os.environ, "OMP_NUM_THREADS": "1"}


def start(spec_file, results, *arguments, **env) -> subprocess.Popen:
    command = [sys.executable, "-m", "torchal", "run", str(spec_file), "--results", str(results), *arguments]
    return subprocess.Popen(command, env={**ENV, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


def test_another_hash_seed_writes_the_same_bytes(tmp_path, spec_file, undisturbed):
    other = "1" if os.environ.get("PYTHONHASHSEED") == "2" else "2"
    finish(start(spec_file, tmp_path / "results", "--jobs", "1", PYTHONHASHSEED=other))
    assert contents(tmp_path / "results") == undisturbed


def test_a_process_for_each_of_two_devices_writes_the_same_bytes(tmp_path, spec_file, undisturbed):
    words = ["run", str(spec_file), "--results", str(tmp_path / "results"), "--device", "cpu,cpu"]
    process = started(program, words, tmp_path, tmp_path / "said")
    process.join(60)
    assert process.exitcode == 0, (tmp_path / "said").read_text()
    assert contents(tmp_path / "results") == undisturbed


@pytest.mark.parametrize(
    ("tuning", "more"),
    [
        ({"trials": 5, "pruner": None}, (2, 4)),
        ({"trials": 5, "sampler": "tpe", "pruner": {"name": "halving", "least": 1}, "together": 3}, (2,)),
    ],
    ids=["trials that know nothing of each other", "trials that learn from others"],
)
def test_trials_side_by_side_on_one_two_and_four_jobs_write_the_same_bytes(tmp_path, monkeypatch, tuning, more):
    """One run, so that whatever happens side by side is a trial."""
    monkeypatch.setattr("multiprocessing.get_context", forks)
    space = SMALL["tuning"]["space"]
    lone = changed(strategy="random", seed=1, setting={"cycles": 1, "budget": 10}, tuning={"space": space, **tuning})
    for jobs in (1, *more):
        compute(tmp_path / str(jobs), lone, jobs=jobs)
    assert all(contents(tmp_path / str(jobs)) == contents(tmp_path / "1") for jobs in more)
    assert len(list((tmp_path / "1" / "store" / "trial").iterdir())) == 5


def test_two_processes_on_one_store_at_once_finish_without_error_and_with_the_same_bytes(tmp_path, undisturbed):
    both = [started(compute, tmp_path) for _ in range(2)]
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert contents(tmp_path) == undisturbed


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
    compute(tmp_path / "one")
    assert contents(tmp_path / "one") == undisturbed


TAKER = '''"""Own rule."""
import multiprocessing
import os
import signal

from torchal.engines import processes
from torchal.query import QueryContext, Strategy


class Taker(Strategy):
    """End this worker while it holds the queue in which workers speak, as one does that is killed as it speaks."""

    def select(self, ctx: QueryContext):
        assert multiprocessing.parent_process() is not None
        processes._worker[0]._store._listener.__self__._wlock.acquire()
        os.kill(os.getpid(), signal.SIGKILL)
'''


@pytest.mark.timeout(30)
def test_a_worker_that_is_killed_as_it_speaks_does_not_keep_the_run_from_ending(tmp_path, monkeypatch):
    monkeypatch.setattr("multiprocessing.get_context", forks)
    file = tmp_path / "taker.py"
    file.write_text(TAKER)
    load_file(file)
    spec = changed(strategy="taker", seed=1, tuning={"scope": "fixed"})
    with pytest.raises(ChildProcessError, match="a worker process was ended from outside"):
        compute(tmp_path / "results", spec, jobs=2, files=(file,))


AT_WORK = {**SMALL, "tuning": {**SMALL["tuning"], "trials": 12}, "recipe": {**SMALL["recipe"], "epochs": 8}}
BY_COMMAND = {4}
"""Which of the attempts are the program itself with two workers."""


def attempt(number: int, folder: Path):
    """Begin or go on with an experiment, and return how to learn whether it is alive, and how to kill it."""
    if number in BY_COMMAND:
        process = start(folder.parent / "spec.yaml", folder, "--jobs", "2")
        return lambda: process.poll() is None, process.kill, process.communicate
    process = started(compute, folder, changed(**AT_WORK))
    return process.is_alive, process.kill, process.join


def killed(number: int, folder: Path) -> bool:
    """Begin a run, kill it at an addressed moment after a commit; False if it was done before."""
    before = len(list(folder.glob("store/*/*")))
    is_alive, kill, wait = attempt(number, folder)
    while is_alive() and len(list(folder.glob("store/*/*"))) <= before:
        time.sleep(0.002)
    time.sleep(seed_of("kill", number) % 1000 / 5000)
    alive = is_alive()
    kill()
    wait(timeout=60)
    return alive


@pytest.mark.timeout(170)
def test_killed_at_twenty_random_moments_it_ends_in_the_same_bytes(tmp_path):
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(AT_WORK))
    kills, folder = 0, tmp_path / "0"
    finished = []
    while kills < 20:
        if killed(kills, folder):
            kills += 1
        else:
            finished.append(folder)
            folder = tmp_path / str(kills)
    for results in (folder, tmp_path / "reference"):
        compute(results, changed(**AT_WORK))
    expected = contents(tmp_path / "reference")
    for results in (*finished, folder):
        found = contents(results)
        assert found == expected


CONDITIONS = {
    "model": [{"name": "mlp", "hidden": [8]}, {"name": "mlp", "hidden": [16]}],
    "transfer": "all",
    "strategy": ["random", "margin"],
    "seed": 1,
    "partition": {"drawn": 1, "labelled": 0, "validation": {"scale": 0.5}},
    "setting": {"cycles": 3, "budget": {"cost": 12}, "start": {"budget": 20, "strategy": "typiclust"}},
    "pool": {"strangers": {"classes": [9]}, "copies": {"share": "50%", "jitter": 0.1}, "imbalance": {"long_tail": 3}},
    "oracle": {"noise": {"symmetric": 0.2}, "price": {"classes": {"1": 3}}},
}


def test_under_all_conditions_at_once_one_and_two_processes_write_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr("multiprocessing.get_context", forks)
    spec = changed(**CONDITIONS)
    for jobs in (1, 2):
        compute(tmp_path / str(jobs), spec, jobs=jobs)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
