"""Features of a whole data set from a network that stays as it is, computed once and kept in the cache."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from torchal.data.cache import cached
from torchal.data.contents import Contents, Statistics
from torchal.data.dataset import Dataset, Inputs
from torchal.models._representation import with_vectors

_CHUNK = 64
"""Examples embedded at a time, which bounds the memory for activations."""


@dataclass(frozen=True, eq=False)
class _Vectors(Contents):
    """Both sides as vectors, which have no channels to take statistics of."""

    def statistics(self) -> Statistics:
        return torch.empty(0), torch.empty(0)


def embedded(data: Dataset, network: Callable[[], nn.Module], made_of: Any) -> Dataset:
    """Return the data set with a network's features in the place of its inputs.

    Args:
        data: on the device to compute on.
        network: gives the network, in evaluation mode and on that device, if the features are not in the cache.
        made_of: JSON values that tell the network and its software from all others.
    """
    device = data.train.labels.device
    kept = cached(["embedded", data.digest, made_of, _machine(device)], lambda: _contents(data, network()))
    return with_vectors(data, kept.contents.train, kept.contents.test, kept.digest)


def _contents(data: Dataset, network: nn.Module) -> Contents:
    train, test = (
        _features(side.inputs, network, f"embedding {data.name} {name}")
        for side, name in ((data.train, "train"), (data.test, "test"))
    )
    return _Vectors(train, data.train.labels.cpu(), test, data.test.labels.cpu(), data.classes)


def _features(inputs: Inputs, network: nn.Module, title: str) -> Float[Tensor, "n width"]:
    parts = torch.arange(len(inputs)).split(_CHUNK)
    console = Console(stderr=True)
    shown = track(parts, title, console=console, transient=True, disable=not console.is_terminal)
    with torch.no_grad():
        return torch.cat([network(x).cpu() for x in inputs.batches(shown)])


def _machine(device: torch.device) -> list[Any]:
    """Return what the last bits of sums depend on beside the network, as a results folder's fingerprint knows it."""
    cuda = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if cuda else torch.backends.cpu.get_cpu_capability()
    return [torch.__version__, name, torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()]
