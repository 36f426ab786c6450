"""Randomness with an address.

A draw is seeded by what it is for (partition, seed, cycle, purpose, epoch), never by what was drawn before it. So no
generator state is ever saved, the order of computations does not matter, and a stage recomputed alone gives the same
bytes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from torchal.digest import seed_of

Address = tuple[Any, ...]
"""What a random draw is for: a tuple of numbers, strings and tuples of them."""


def generator(*address: Any, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a fresh generator for one address, for draws that take ``generator=``."""
    return torch.Generator(device=device).manual_seed(seed_of(*address))


@contextmanager
def seeded(*address: Any) -> Iterator[None]:
    """Seed the global streams for one address inside the block, and put them back after it.

    For code that can only draw from the global stream: the initialisation of layers, dropout in training.
    """
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        # not torch.manual_seed, which, where there is no CUDA, keeps three stack traces of every call for ever
        torch.default_generator.manual_seed(seed_of(*address))
        if torch.cuda.is_available():
            torch.cuda.manual_seed_all(seed_of(*address))
        yield


def exact(enabled: bool = True) -> None:
    """Ask torch for deterministic algorithms, for the rest of this process.

    Raises:
        ValueError: if CUDA is in use and ``CUBLAS_WORKSPACE_CONFIG`` was not set before it started.
    """
    if enabled and torch.cuda.is_initialized() and "CUBLAS_WORKSPACE_CONFIG" not in os.environ:
        raise ValueError(
            "CUBLAS_WORKSPACE_CONFIG is not set and CUDA has already started: set it to ':4096:8' before Python starts."
        )
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # as torch.use_deterministic_algorithms does, without loading the compiler, which takes most of a second
    torch.set_deterministic_debug_mode("error" if enabled else "default")
    # nothing here reads memory before it writes it
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # the module's property
    torch.backends.cudnn.benchmark = not enabled
    torch.backends.cudnn.deterministic = enabled
