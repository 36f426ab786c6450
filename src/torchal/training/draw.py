"""Random draws for each image of a batch, of which this process may hold a part."""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Draw:
    """Draws of one batch, made on the CPU for all its images and returned, on the CPU, for those held here.

    So what an image draws depends neither on the device nor on how many processes share the batch, and the host knows
    every draw without waiting for a device.
    """

    generator: torch.Generator
    """A generator on the CPU, at the same state in all processes."""

    n: int
    """Images in the whole batch."""

    rows: slice | Tensor = field(default_factory=lambda: slice(None))
    """Those of them that this process holds."""

    device: torch.device | str = "cpu"
    """Where the images are."""

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Draw integers from low up to, without, high."""
        return torch.randint(low, high, (self.n, *shape), generator=self.generator)[self.rows]

    def uniform(self, *shape: int) -> Tensor:
        """Draw float64 numbers from 0 up to, without, 1."""
        return torch.rand((self.n, *shape), generator=self.generator, dtype=torch.float64)[self.rows]

    def signs(self, *shape: int) -> Tensor:
        """Draw -1 or 1, as integers."""
        return 2 * self.integers(0, 2, *shape) - 1

    def sent(self, values: Tensor) -> Tensor:
        """Return values known to the host on the images' device, without waiting for it."""
        return sent(values, self.device)


def sent(values: Tensor, device: torch.device | str) -> Tensor:
    """Return values known to the host on a device, without waiting for it."""
    if torch.device(device).type == "cuda":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)
