"""Faults of the world outside: each ends in a sentence, loses nothing, and the next call goes on."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from benchmarks.reliability import contents, full_disk, interrupted, lost, unwritable
from small_runs import changed, compute, hangs, program, started

from torchal import inference
from torchal.engines._walks import Walks
from torchal.faults import disk_fault, out_of_memory
from torchal.host import Host
from torchal.launch import run_experiment
from torchal.store import Event, Store


@pytest.fixture
def forked(monkeypatch):
    """Have the benchmark's programs be forks of one that has torch loaded already."""

    def finished(spec: Path, results: Path, *words: str) -> tuple[int, str]:
        said = spec.parent / "said"
        process = started(program, ["run", str(spec), "--results", str(results), *words], spec.parent, said)
        process.join(60)
        return process.exitcode, said.read_text()

    monkeypatch.setattr("benchmarks.reliability.finished", finished)


def can_mount(place: Path) -> bool:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if done.returncode == 0:
        subprocess.run(["umount", str(place)], check=True)
    return done.returncode == 0


@pytest.mark.timeout(120)
def test_a_full_disk_ends_in_a_sentence_without_half_an_entry_and_goes_on_when_there_is_room(
    tmp_path, spec_file, undisturbed, forked
):
    (tmp_path / "mount").mkdir()
    if sys.platform != "linux" or not can_mount(tmp_path / "mount"):
        pytest.skip("needs the right to mount a small disk")
    found = full_disk(spec_file, tmp_path / "disks", undisturbed)
    assert found.lost == 0
    assert "there is no space left; everything finished is kept" in found.said


@pytest.mark.timeout(120)
def test_results_that_cannot_be_written_end_in_a_sentence(tmp_path, spec_file, undisturbed, forked):
    found = unwritable(spec_file, tmp_path / "blocked", undisturbed)
    assert found.lost == 0
    assert "there is a file where a folder should be; everything finished is kept" in found.said


@pytest.mark.timeout(120)
def test_ctrl_c_ends_the_program_and_the_next_call_goes_on(tmp_path, spec_file, undisturbed, forked):
    # five seconds are what the benchmark holds it to; a busy machine may take longer
    assert interrupted(spec_file, tmp_path, undisturbed, 1, 1, seconds=60).lost == 0


def test_a_second_ctrl_c_ends_a_program_at_once_that_is_still_ending_after_the_first(tmp_path):
    process = started(hangs, tmp_path / "ready")
    for seen in ("ready", "pressed"):
        while process.is_alive() and not (tmp_path / seen).exists():
            time.sleep(0.01)
        assert process.is_alive()
        os.kill(process.pid, signal.SIGINT)
    process.join(60)
    assert process.exitcode == 130


def test_of_two_programs_on_one_store_one_may_be_killed_and_the_other_ends_well(tmp_path, undisturbed):
    victim, other = (started(compute, tmp_path / "both") for _ in range(2))
    while victim.is_alive() and len(list((tmp_path / "both").glob("store/*/*/digests.json"))) < 5:
        time.sleep(0.01)
    assert victim.is_alive()
    victim.kill()
    victim.join()
    other.join(60)
    assert other.exitcode == 0
    Store(tmp_path / "both" / "store").sweep()
    assert contents(tmp_path / "both") == undisturbed


class Short:
    """Memory that is short until chunks are small, or for ever."""

    def __init__(self, *, ever: bool, error: Exception) -> None:
        self.ever, self.error, self.real, self.asked = ever, error, inference.chunk_for, []

    def __call__(self, shape, device):
        chunk = self.real(shape, device)
        self.asked.append(chunk)
        if self.ever or chunk > 128:
            raise self.error
        return chunk


ERRORS = [MemoryError("none left"), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_stage_that_runs_out_of_memory_is_tried_once_more_in_smaller_chunks(tmp_path, monkeypatch, error):
    short, events = Short(ever=False, error=error), []
    monkeypatch.setattr("torchal.training.metrics.chunk_for", short)
    spec = changed(strategy=["random"], seed=[1], setting={"cycles": 1, "budget": 10}, tuning={"scope": "fixed"})
    assert run_experiment(spec, Host(tmp_path / "short"), events.append) == []
    retries = [event for event in events if isinstance(event, Event) and event.kind == "retry"]
    assert retries
    assert str(error) in retries[0].detail
    monkeypatch.undo()
    compute(tmp_path / "ample", spec, jobs=1)
    assert lost(tmp_path / "short", contents(tmp_path / "ample")) == 0


def test_memory_that_is_short_for_ever_fails_that_run_clearly_while_others_go_on(tmp_path, monkeypatch):
    real, short = Walks._reach, ["random-drawn-1-s1"]

    def reach(self, spec, step, number):
        if spec.id.startswith(short[0]) and step.cycle == 1:
            raise MemoryError("none left")
        return real(self, spec, step, number)

    monkeypatch.setattr(Walks, "_reach", reach)
    spec = changed(strategy=["random"], seed=[1, 2], setting={"cycles": 2, "budget": 10}, tuning={"scope": "fixed"})
    (failure,) = run_experiment(spec, Host(tmp_path))
    assert failure.run.startswith(short[0])
    assert "memory is short even in smaller chunks" in failure.error
    assert len(list((tmp_path / "small" / "runs").glob("random-drawn-1-s2-*.json"))) == 1
    monkeypatch.undo()
    assert run_experiment(spec, Host(tmp_path)) == []


def test_only_what_has_to_do_with_the_results_is_called_a_fault_of_the_disk(tmp_path):
    def named(number: int, name: str | None) -> OSError:
        return OSError(number, os.strerror(number), name)

    assert disk_fault(named(errno.ENOSPC, None), tmp_path) == "there is no space left"
    assert disk_fault(named(errno.EACCES, str(tmp_path / "store")), tmp_path) == "it may not be written to"
    assert disk_fault(named(errno.EACCES, "/somebody/elses/data"), tmp_path) is None
    assert disk_fault(RuntimeError("I/O error: No space left on device (os error 28)"), tmp_path)
    wrapped = ValueError("cannot save")
    wrapped.__cause__ = named(errno.ENOSPC, None)
    assert disk_fault(wrapped, tmp_path)
    assert disk_fault(ValueError("lr: must be positive"), tmp_path) is None


def test_errors_of_other_kinds_are_not_taken_for_short_memory():
    assert not out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not out_of_memory(ValueError("out of memory"))
