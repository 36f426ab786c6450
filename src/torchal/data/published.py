"""The partitions that TorchAL published, made again from the seeds they were drawn with.

TorchAL shuffled the rows with numpy's legacy generator and cut the result in three. Five seeds gave its five partitions
of CIFAR-10 and CIFAR-100, which are the same rows; a sixth cut divides ImageNet. Munjal, N. Hayat, M. Hayat, Sourati &
Khan, "Towards Robust and Reproducible Active Learning using Neural Networks", CVPR 2022, and its index files.
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from torchal.data.partition import Partition

CIFAR, IMAGENET = 50_000, 1_281_167
"""Rows of the training sides that have published partitions."""

_SEEDS = {1: 0, 2: 2, 3: 3, 4: 4, 5: 5}
"""Number of the partition: seed of the shuffle."""
_LABELLED = {CIFAR: 5_000, IMAGENET: 128_116}
_VALIDATION = {CIFAR: 5_000, IMAGENET: 128_117}
USUAL: Literal[5000] = 5000
"""Validation rows of CIFAR unless a smaller set is asked for."""


def published(number: int, validation: int, n: int) -> Partition:
    """Return a published partition of n rows.

    The smaller validation sets are the last rows of the usual one; the others join the end of the pool.

    Args:
        number: of the partition, 1 to 5; ImageNet has only the first.
        validation: rows, 1000, 2500 or 5000 of CIFAR; 5000 stands for ImageNet's one size.
        n: rows of the training side.

    Raises:
        ValueError: if no such partition was published for n rows.
    """
    if n not in _LABELLED:
        raise ValueError(
            f"published: there are published partitions of CIFAR-10 and CIFAR-100 ({CIFAR} rows) and ImageNet "
            f"({IMAGENET} rows), and this training side has {n} rows; use drawn instead of published."
        )
    if n == IMAGENET and (number, validation) != (1, USUAL):
        raise ValueError(
            f"published: ImageNet has one published partition, and number {number} with validation {validation} was "
            "asked for; say published: 1 and leave validation out."
        )
    order = torch.from_numpy(_shuffled(n, _SEEDS[number]))
    end = n - (validation if n == CIFAR else _VALIDATION[n])
    return Partition(order[: _LABELLED[n]], order[_LABELLED[n] : end], order[end:])


def _shuffled(n: int, seed: int) -> NDArray[np.int64]:
    rows = np.arange(n, dtype=np.int64)
    np.random.RandomState(seed).shuffle(rows)  # only the legacy generator gives that order
    return rows
