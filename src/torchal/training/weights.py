"""Weights on disk, as safetensors, which run nothing when they are read."""

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor, nn


def save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Write a state dictionary."""
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Read a state dictionary into a network of the same shape.

    Raises:
        RuntimeError: if the network has other parameters than the file.
    """
    model.load_state_dict(load_file(path))
