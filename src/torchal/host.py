"""Where and how to compute, and what is heard of it."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from torchal import together
from torchal.allocator import keep_freed_memory
from torchal.rng import exact
from torchal.spec import load_file
from torchal.store import Event
from torchal.training.world import World


@dataclass(frozen=True)
class Host:
    """Where and how to compute. Nothing here enters a result's key; device and threads enter the fingerprint."""

    results: Path
    jobs: int = 1
    """Processes that compute side by side."""
    threads: int = 1
    """Threads of each process. It does not follow ``jobs``, since sums over other threads round otherwise."""
    device: str = "cpu"
    devices: tuple[str, ...] = ()
    """Devices that are dealt out among the processes; none: all compute on ``device``."""
    files: tuple[Path, ...] = ()
    """Files with plug-ins, to be loaded in every process."""
    mixed: bool = False
    """Accept, and record, a fingerprint that differs from the results folder's."""
    checkpoint_every: int = 25
    """Epochs between two checkpoints of a training that is not finished; 0 for none."""


@dataclass(frozen=True)
class Progress:
    """How far the experiment is, for whoever shows it."""

    finished: int
    total: int
    at_work: tuple[str, ...]
    """What is being computed, in words."""


Watch = Callable[[Progress | Event], None]


def prepare(host: Host) -> Host:
    """Bring this process into the state in which results are computed, and return what is its own to do.

    Raises:
        ValueError: if a device is not there, or processes that train together are each asked to work on several stages.
    """
    for device in {host.device, *host.devices}:
        _require(device)
    torch.set_num_threads(host.threads)
    keep_freed_memory()
    exact()
    for file in host.files:
        load_file(file)
    host = replace(host, device=together.join(host.device))
    if World.here().size > 1 and host.jobs > 1:
        raise ValueError(f"--jobs {host.jobs}: processes of torchrun train one network at a time; say --jobs 1.")
    return host


def device_names() -> tuple[str, ...]:
    """Return the devices that torchal can compute on, as ``--device`` names them."""
    return ("cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count())))


def _require(device: str) -> None:
    if device == "cpu":  # which asks no driver
        return
    there = device_names()
    if device not in there and not (device == "cuda" and len(there) > 1):
        raise ValueError(f"--device {device}: torch finds only {', '.join(there)} here; torchal doctor says more.")


def cores() -> int:
    """Return how many processors this process may use, where the system tells, else how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
