"""One step of a training: forward and backward pass, then the optimizer.

On an accelerator the passes of a full batch are recorded once, as a CUDA graph, and replayed: small networks spend more
time starting kernels than running them.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from torchal.models import Classifier
from torchal.training.optimizer import optimizer_of
from torchal.training.recipe import Recipe
from torchal.training.world import World

Passes = Callable[[Tensor, Tensor, int], Tensor]
"""Leave gradients for some inputs and targets, out of so many of all processes; return the summed loss."""


def autocast(recipe: Recipe, device: torch.device) -> AbstractContextManager[None]:
    """Return a block in which a network computes at the recipe's precision."""
    if recipe.precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


class Step:
    """Takes the steps of one training."""

    def __init__(self, model: Classifier, recipe: Recipe, batch: int, world: World) -> None:
        """Prepare a network to be trained by a recipe in batches of a size, together with the processes of a world."""
        self.optimizer = optimizer_of(recipe, model.parameters())
        self._recipe, self._world = recipe, world
        self._forward = world.joined(model)
        self._parameters = [each for each in model.parameters() if each.requires_grad]
        alone = world.size == 1 and recipe.accumulate == 1 and self._device.type == "cuda"
        self._passes: Passes = self._eager
        if alone and model.capturable:
            self._passes = Recorded(self._eager, self._parameters, batch)

    @property
    def _device(self) -> torch.device:
        return self._parameters[0].device

    def __call__(self, x: Float[Tensor, "batch ..."], target: Shaped[Tensor, "batch ..."], n: int) -> Tensor:
        """Take a step on this process's part of a batch of n, and return the summed loss of that part."""
        loss = self._passes(x, target, n)
        if self._recipe.clip:
            nn.utils.clip_grad_norm_(self._parameters, self._recipe.clip)
        self.optimizer.step()
        return loss

    def _eager(self, x: Tensor, target: Tensor, n: int) -> Tensor:
        for parameter in self._parameters:
            parameter.grad = None
        parts = list(
            zip(x.tensor_split(self._recipe.accumulate), target.tensor_split(self._recipe.accumulate), strict=True)
        )
        losses = [self._backward(*part, n, last=part is parts[-1]) for part in parts]
        return torch.stack(losses).sum()

    def _backward(self, x: Tensor, target: Tensor, n: int, *, last: bool) -> Tensor:
        with self._together(last), autocast(self._recipe, self._device):
            logits = self._forward(x)
        loss = nn.functional.cross_entropy(
            logits.float(), target, label_smoothing=self._recipe.label_smoothing, reduction="sum"
        )
        with self._together(last):
            # gradients are averaged over the processes, and their losses are to be summed
            (loss * (self._world.size / n)).backward()
        return loss.detach()

    def _together(self, last: bool) -> AbstractContextManager[None]:
        """Return a block in which gradients wait for the last part of a batch before processes exchange them."""
        if last or not isinstance(self._forward, DistributedDataParallel):
            return nullcontext()
        return self._forward.no_sync()


class Recorded:
    """Runs the passes of full batches a few times, so that libraries choose their algorithms, then records them."""

    WARMUP = 3

    def __init__(self, passes: Passes, parameters: list[nn.Parameter], batch: int) -> None:
        """Watch passes that leave gradients in parameters."""
        self._passes, self._parameters, self._batch = passes, parameters, batch
        self._seen = 0

    def __call__(self, x: Tensor, target: Tensor, n: int) -> Tensor:
        """Leave gradients, by replay where the batch is a full one."""
        if n != self._batch:
            return self._passes(x, target, n)
        self._seen += 1
        if self._seen <= self.WARMUP:
            return self._aside(x, target, n)
        if self._seen == self.WARMUP + 1:
            self._record(x, target, n)
        return self._replay(x, target)

    def _aside(self, x: Tensor, target: Tensor, n: int) -> Tensor:
        """Leave gradients from a stream of its own, as a recording wants its warm-up."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            loss = self._passes(x, target, n)
        torch.cuda.current_stream().wait_stream(stream)
        return loss

    def _record(self, x: Tensor, target: Tensor, n: int) -> None:
        self._x, self._target, self._graph = x.clone(), target.clone(), torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss = self._passes(self._x, self._target, n)
        self._gradients = [parameter.grad for parameter in self._parameters]

    def _replay(self, x: Tensor, target: Tensor) -> Tensor:
        self._x.copy_(x)
        self._target.copy_(target)
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = gradient
        self._graph.replay()
        return self._loss
