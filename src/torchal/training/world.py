"""The processes that train one network together, by torch's own data parallelism (``torchrun``)."""

from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class World:
    """This process's place among those that train together; alone, it is all of them."""

    rank: int = 0
    size: int = 1

    @classmethod
    def here(cls) -> "World":
        """Return the place that torch.distributed was told, or that of a process alone."""
        if not (distributed.is_available() and distributed.is_initialized()):
            return cls()
        return cls(distributed.get_rank(), distributed.get_world_size())

    def share(self, n: int) -> slice:
        """Return this process's part of a batch of n; parts differ by one example at most."""
        return slice(self.rank * n // self.size, (self.rank + 1) * n // self.size)

    def shares(self, sizes: list[int]) -> list[int]:
        """Return how many examples of each batch are this process's."""
        return [share.stop - share.start for share in map(self.share, sizes)]

    def joined(self, model: nn.Module) -> nn.Module:
        """Return a network whose gradients are the mean over all processes, and whose batch statistics are of all.

        Raises:
            ValueError: if it has batch normalisation and lies on the CPU, where torch cannot share the statistics.
        """
        if self.size == 1:
            return model
        if any(isinstance(each, nn.modules.batchnorm._BatchNorm) for each in model.modules()):  # noqa: SLF001 - the one common base
            if next(model.parameters()).device.type == "cpu":
                raise ValueError(
                    "model: batch normalisation over several processes needs GPUs; train on one process, or take a "
                    "network without it."
                )
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return DistributedDataParallel(model)

    def sum(self, total: Tensor) -> float:
        """Return a number summed over all processes; the device is waited for."""
        if self.size > 1:
            distributed.all_reduce(total)
        return total.item()

    def barrier(self) -> None:
        """Wait for the other processes."""
        if self.size > 1:
            distributed.barrier()

    def agreed(self, answer: bool) -> bool:
        """Return what the first process answers."""
        if self.size == 1:
            return answer
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        told = torch.tensor([answer], device=device, dtype=torch.uint8)
        distributed.broadcast(told, 0)
        return bool(told.item())
