"""A file system that cannot rename a folder in one step is found out, and nothing is computed on it."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock, SoftFileLock
from small_runs import changed

from torchal import filesystem
from torchal.filesystem import lock_fault, mount_of, rename_fault
from torchal.host import Host
from torchal.launch import run_experiment

REAL = os.rename
SHORT = {"strategy": ["random"], "seed": [1], "setting": {"cycles": 1, "budget": 10}, "tuning": {"scope": "fixed"}}


def copies(source, target) -> None:
    """Do what a mounted object store does."""
    shutil.copytree(source, target)
    shutil.rmtree(source)


def moves_each(source, target) -> None:
    Path(target).mkdir()
    for each in Path(source).iterdir():
        REAL(each, Path(target) / each.name)
    Path(source).rmdir()


def loses(source, target) -> None:
    REAL(source, target)
    next(each for each in Path(target).rglob("*") if each.is_file()).unlink()


def replaces(source, target) -> None:
    shutil.rmtree(target, ignore_errors=True)
    REAL(source, target)


def refuses(number: int):
    def rename(source, target) -> None:
        raise OSError(number, os.strerror(number), str(source), None, str(target))

    return rename


FAULTS = {
    "copies": (copies, "copied file by file"),
    "moves each file": (moves_each, "copied file by file"),
    "loses a file": (loses, "not what it was"),
    "replaces what is there": (replaces, "replaces one that is there"),
    "crosses a device": (refuses(errno.EXDEV), "cannot be renamed"),
    "does not support it": (refuses(errno.ENOTSUP), "cannot be renamed"),
    "knows no such call": (refuses(errno.ENOSYS), "cannot be renamed"),
}


def test_a_disk_is_found_fit_and_left_empty_but_for_the_folder_that_was_given(tmp_path):
    assert rename_fault(tmp_path) is None
    assert lock_fault(Path(shutil.copytree(tmp_path, tmp_path / "locks"))) is None


@pytest.mark.parametrize("fault", FAULTS)
def test_every_way_not_to_rename_a_folder_in_one_step_is_found(tmp_path, monkeypatch, fault):
    rename, words = FAULTS[fault]
    monkeypatch.setattr(os, "rename", rename)
    assert words in (rename_fault(tmp_path) or "")


@pytest.mark.parametrize("fault", FAULTS)
def test_torchal_run_ends_in_a_sentence_there_before_anything_is_computed(tmp_path, monkeypatch, fault):
    rename, words = FAULTS[fault]
    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(ValueError, match=rf"{words}.*name another --results folder"):
        run_experiment(changed(**SHORT), Host(tmp_path / "results"))
    assert [file for file in (tmp_path / "results").rglob("*") if file.is_file() and file.suffix != ".lock"] == []


def test_a_full_disk_is_called_full_and_not_unfit(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "rename", refuses(errno.ENOSPC))
    with pytest.raises(OSError, match="there is no space left; everything finished is kept"):
        run_experiment(changed(**SHORT), Host(tmp_path / "results"))


def test_a_lock_that_two_can_hold_is_found(tmp_path, monkeypatch):
    class Open(FileLock):
        def _acquire(self) -> None:
            self._context.lock_file_fd = os.open(self.lock_file, os.O_RDWR | os.O_CREAT)

        def _release(self) -> None:
            os.close(self._context.lock_file_fd)
            self._context.lock_file_fd = None

    monkeypatch.setattr(filesystem, "FileLock", Open)
    assert lock_fault(tmp_path) == "two can hold one lock"


def test_locks_that_are_files_and_locks_that_fail_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(filesystem, "FileLock", SoftFileLock)
    assert "a process that died" in str(lock_fault(tmp_path))

    def fails(*_, **__):
        raise NotImplementedError("no flock here")

    monkeypatch.setattr(FileLock, "acquire", fails)
    monkeypatch.setattr(filesystem, "FileLock", FileLock)
    assert lock_fault(tmp_path) == "a file cannot be locked (no flock here)"


TABLE = r"""/dev/sda1 / ext4 rw,relatime 0 0
first /data fuse.sshfs rw 0 0
my\040bucket /data fuse.s3fs rw,nosuid 0 0
mountpoint-s3 /data/with\040blank fuse rw 0 0
server:/export /data/nfs nfs4 rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind", "source", "copied"),
    [
        ("/home/me", "ext4", "/dev/sda1", False),
        ("/data/results", "fuse.s3fs", "my bucket", True),
        ("/data/with blank/x", "fuse", "mountpoint-s3", True),
        ("/data/nfs/x", "nfs4", "server:/export", False),
        ("/database", "ext4", "/dev/sda1", False),
    ],
)
def test_the_mount_nearest_around_a_folder_and_the_last_of_several_is_its_own(tmp_path, folder, kind, source, copied):
    (tmp_path / "mounts").write_text(TABLE)
    mount = mount_of(Path(folder), tmp_path / "mounts")
    assert (mount.kind, mount.source, mount.copies) == (kind, source, copied)


def test_a_system_without_a_table_of_mounts_is_no_fault(tmp_path):
    assert mount_of(tmp_path, tmp_path / "none") is None


def test_what_linux_says_of_a_mounted_folder_is_read(tmp_path):
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "own-name", str(tmp_path)]
    if sys.platform != "linux" or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        assert (mount_of(tmp_path).kind, mount_of(tmp_path).source) == ("tmpfs", "own-name")
        assert rename_fault(tmp_path) is None
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
