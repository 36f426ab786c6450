"""Several processes that train each network together, started by ``torchrun``.

All of them go through the same experiment step by step. The gradients of a training are shared; everything else each
process computes for itself, and the first alone writes it down.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from torchal.store import Compute, Entry, Event, Meter, Stage, Store
from torchal.training.world import World


def join(device: str) -> str:
    """Meet the processes that torchrun started, if it did, and return the device of this one.

    Raises:
        ValueError: if a device of its own is asked for, which would put all processes on it.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        return device
    kind = torch.device(device)
    if kind.index is not None:
        raise ValueError(f"--device {device}: torchrun gives each process its own; say --device {kind.type}.")
    if kind.type == "cuda":
        device = f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"
        torch.cuda.set_device(device)
    alone = kind.type == "cuda" and torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
    distributed.init_process_group("nccl" if alone else "gloo")  # nccl wants a device for each process
    return device


def leave() -> None:
    """Part from the other processes."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def store(root: Path, listener: Callable[[Event], None], checkpoint_every: int, meter: Meter) -> Store:
    """Return the store of this process, alone or as one of several."""
    kind = Store if World.here().size == 1 else _Shared
    return kind(root, listener, checkpoint_every, meter)


class _Shared(Store):
    """A store whose entries several processes compute together and the first writes."""

    def memo(self, stage: Stage, inputs: dict[str, Any], compute: Compute) -> Entry:
        """Return the entry for some inputs, computed by all processes if the first does not find it."""
        world, key = World.here(), stage.key(inputs)
        found = self.find(stage, key) if world.rank == 0 else None
        if not world.agreed(found is not None):
            if world.rank == 0:
                self._make(stage, key, inputs, compute)
            else:
                with self._draft() as draft:
                    compute(draft)
        world.barrier()
        return Entry(key, self._place(stage, key))

    def write(self, path: Path, text: str) -> None:
        """Replace a file's text, as the first process; the others leave it to it."""
        if World.here().rank == 0:
            super().write(path, text)

    def _discard(self, path: Path) -> None:
        """Take a damaged entry away, as the first process, which computes it anew with the others."""
        if World.here().rank == 0:
            super()._discard(path)

    def sweep(self) -> None:
        """Remove the drafts of processes that are gone, as the first process."""
        if World.here().rank == 0:
            super().sweep()
