"""A training between two epochs, as values that can be kept and gone on from."""

from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer

from torchal.digest import canonical, digest_of_bytes
from torchal.records import EpochRecord

Weights = dict[str, Tensor]

_HISTORY = TypeAdapter(tuple[EpochRecord, ...])
_PARTS = ("network", "optimizer", "average", "best")


@dataclass(frozen=True)
class State:
    """All that the rest of a training depends on, besides its recipe, its examples and its address."""

    history: tuple[EpochRecord, ...]
    """The epochs so far."""
    best: int
    """The epoch whose weights are in ``best_weights``; -1 if there is none yet."""
    network: Weights
    optimizer: Weights
    average: Weights
    best_weights: Weights

    def save(self, path: Path) -> None:
        """Write one safetensors file."""
        parts = (self.network, self.optimizer, self.average, self.best_weights)
        tensors = {
            f"{part}/{name}": tensor.detach().to("cpu", copy=True).contiguous()
            for part, weights in zip(_PARTS, parts, strict=True)
            for name, tensor in weights.items()
        }
        notes = {"history": _HISTORY.dump_json(self.history).decode(), "best": str(self.best)}
        save_file(tensors, path, notes | {"digest": _digest(notes, tensors)})

    @classmethod
    def load(cls, path: Path) -> "State":
        """Read what :meth:`save` wrote, onto the CPU.

        Raises:
            ValueError: if the file is not such a state.
        """
        parts: dict[str, Weights] = {part: {} for part in _PARTS}
        try:
            with safe_open(path, "pt") as file:
                notes = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            _check(notes, tensors)
            for name, tensor in tensors.items():
                part, _, inner = name.partition("/")
                parts[part][inner] = tensor
            history = _HISTORY.validate_json(notes["history"])
            network, optimizer, average, best_weights = (parts[part] for part in _PARTS)
            return cls(history, int(notes["best"]), network, optimizer, average, best_weights)
        except (SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: is no state of a training ({error}), which begins anew") from error


def _check(notes: dict[str, str], tensors: Weights) -> None:
    if notes.pop("digest") != _digest(notes, tensors):
        raise ValueError("it is not what was written")


def _digest(notes: dict[str, str], tensors: Weights) -> str:
    """Return the digest of all that a file of a state holds."""
    facts = [[name, str(tensors[name].dtype), list(tensors[name].shape)] for name in sorted(tensors)]
    values = (tensors[name].reshape(-1).view(torch.uint8).numpy() for name in sorted(tensors))
    return digest_of_bytes(canonical([notes, facts]).encode(), *values)


def optimizer_state(optimizer: Optimizer) -> Weights:
    """Return an optimizer's tensors by number of the parameter and name; they change as training goes on."""
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, values in state.items() for name, value in values.items()}


def load_optimizer(optimizer: Optimizer, tensors: Weights) -> None:
    """Give an optimizer its tensors back."""
    state: dict[int, Weights] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def copied(weights: Weights) -> Weights:
    """Return copies on the same device, which do not change as training goes on."""
    return {name: torch.empty_like(tensor).copy_(tensor.detach()) for name, tensor in weights.items()}
