"""Arrays that people give in place of a network, checked before anything is chosen by them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, nn

_LEAST = 1e-300
"""Probabilities of 0 count as this, so that their logarithms are numbers."""

Array = Any
"""A tensor, a NumPy array, or nested lists of numbers."""

ARRAYS = {
    "probabilities": "examples x classes",
    "logits": "examples x classes",
    "embeddings": "examples x width",
    "mc_probabilities": "samples x examples x classes",
    "committee_probabilities": "members x examples x classes",
    "previous_probabilities": "examples x classes",
    "inputs": "examples x features, or examples x channels x height x width",
}
"""What may be given, and its shape."""

ROWS_AT = {"mc_probabilities": 1, "committee_probabilities": 1}
"""Arrays whose rows are not their first dimension."""

CHANCES = ("probabilities", "mc_probabilities", "committee_probabilities", "previous_probabilities")
"""Arrays whose last dimension are probabilities."""


def facts(arrays: Mapping[str, Array]) -> dict[str, Tensor]:
    """Return what is given as tensors, probabilities as their logarithms under the name of logits.

    Raises:
        ValueError: naming the array, what is wrong with it and the remedy.
    """
    found = {name: tensor(name, value) for name, value in arrays.items() if value is not None}
    if {"logits", "probabilities"} <= found.keys():
        raise ValueError("logits: probabilities are given as well; give one of the two.")
    if "probabilities" in found:
        found["logits"] = found.pop("probabilities").double().clamp_min(_LEAST).log()
    return found


def tensor(name: str, value: Array) -> Tensor:
    """Return one array as floating-point numbers."""
    if name not in ARRAYS:
        raise ValueError(f"{name}: not known; give any of {', '.join(ARRAYS)}.")
    try:
        tensor = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name}: is no array of numbers ({error}); give a tensor or a NumPy array.") from error
    least = ROWS_AT.get(name, 0) + 2
    if tensor.dim() < least or (name != "inputs" and tensor.dim() > least):
        raise ValueError(f"{name}: has shape {tuple(tensor.shape)}; give {ARRAYS[name]}.")
    if not tensor.is_floating_point():
        tensor = tensor.float()
    _refuse_unknown(name, tensor)
    return tensor


def _refuse_unknown(name: str, tensor: Tensor) -> None:
    """Refuse NaN, infinities and what cannot be probabilities, a chunk at a time."""
    for start in range(0, len(tensor), 65536):
        part = tensor[start : start + 65536]
        if not part.isfinite().all():
            row = int((~part.isfinite()).nonzero()[0, 0]) + start
            raise ValueError(f"{name}: holds NaN or infinity, first in row {row}; look for a network that diverged.")
        if name in CHANCES and (part.amin() < 0 or (part.double().sum(-1) - 1).abs().amax() > 1e-2):
            raise ValueError(f"{name}: rows must not be negative and must sum to 1; give logits= for raw scores.")


def examples(given: dict[str, Tensor]) -> int:
    """Return how many examples there are, labelled or not."""
    if not given:
        raise ValueError(f"arrays: none is given, so there is no pool; give at least one of {', '.join(ARRAYS)}.")
    sizes = {name: tensor.shape[ROWS_AT.get(name, 0)] for name, tensor in given.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise ValueError(f"arrays: differ in their number of examples ({told}); give a row for every example in each.")
    return next(iter(sizes.values()))


def labelled(rows: Array, n: int) -> Int64[Tensor, " labelled"]:
    """Return which rows are labelled."""
    found = np.asarray(rows)
    if found.size and (found.ndim != 1 or found.dtype.kind not in "iu"):
        raise ValueError(f"labelled: has shape {found.shape} and type {found.dtype}; give a list of row numbers.")
    known = torch.from_numpy(found.astype(np.int64).reshape(-1))
    outside = known[(known < 0) | (known >= n)]
    if len(outside):
        raise ValueError(f"labelled: row {int(outside[0])} is none of the {n} examples; rows are counted from 0.")
    values, counts = known.unique(return_counts=True)
    if (counts > 1).any():
        raise ValueError(f"labelled: row {int(values[counts > 1][0])} is given more than once; list each row once.")
    return known


def labels(classes: Array, known: Tensor) -> Int64[Tensor, " labelled"]:
    """Return the labels of the labelled rows."""
    found = np.asarray(classes)
    if found.shape != (len(known),) or (found.size and found.dtype.kind not in "iu") or (found < 0).any():
        raise ValueError(
            f"labels: has shape {found.shape} and type {found.dtype}; "
            f"give a class, counted from 0, for each of the {len(known)} labelled rows, in their order."
        )
    return torch.from_numpy(found.astype(np.int64))


def others(known: Tensor, n: int) -> Int64[Tensor, " pool"]:
    """Return the rows that are not labelled."""
    return torch.ones(n, dtype=torch.bool).index_fill(0, known, value=False).nonzero()[:, 0]


def classes(given: dict[str, Tensor], labels: Tensor | None) -> int:
    """Return how many classes there are, as far as can be told."""
    scored = [each.shape[-1] for name, each in given.items() if name not in {"embeddings", "inputs"}]
    if len(set(scored)) > 1:
        raise ValueError(f"arrays: differ in their number of classes ({sorted(set(scored))}); give the same in each.")
    seen = int(labels.max()) + 1 if labels is not None and len(labels) else 1
    return max(scored[0] if scored else 1, seen)


def linear(head: tuple[Array, Array] | None) -> nn.Linear | None:
    """Return a layer from its weight and bias."""
    if head is None:
        return None
    weight, bias = (torch.as_tensor(each).float() for each in head)
    if weight.dim() != 2 or bias.shape != weight.shape[:1]:
        raise ValueError(
            f"head: has shapes {tuple(weight.shape)} and {tuple(bias.shape)}; "
            "give weight as classes x width and bias as classes."
        )
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight, layer.bias = nn.Parameter(weight, requires_grad=False), nn.Parameter(bias, requires_grad=False)
    return layer
