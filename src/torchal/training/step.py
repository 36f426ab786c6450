"""One step of a training: forward and backward pass, then the optimizer."""

from contextlib import AbstractContextManager, nullcontext

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from torchal.models import Classifier
from torchal.training.optimizer import optimizer_of
from torchal.training.recipe import Recipe
from torchal.training.world import World


def autocast(recipe: Recipe, device: torch.device) -> AbstractContextManager[None]:
    """Return a block in which a network computes at the recipe's precision."""
    if recipe.precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


class Step:
    """Takes the steps of one training."""

    def __init__(
        self, model: Classifier, recipe: Recipe, world: World, weights: Float[Tensor, " classes"] | None = None
    ) -> None:
        """Prepare a network to be trained by a recipe, together with the other processes of a world.

        Weights say what an example of each class counts in the loss.
        """
        self.optimizer = optimizer_of(recipe, model.parameters())
        self._recipe, self._world, self._weights = recipe, world, weights
        self._forward = world.joined(model)
        self._parameters = [each for each in model.parameters() if each.requires_grad]

    @property
    def _device(self) -> torch.device:
        return self._parameters[0].device

    def __call__(self, x: Float[Tensor, "batch ..."], target: Shaped[Tensor, "batch ..."], n: int) -> Tensor:
        """Take a step on this process's part of a batch of n, and return the summed loss of that part."""
        loss = self._pass(x, target, n)
        if self._recipe.clip:
            nn.utils.clip_grad_norm_(self._parameters, self._recipe.clip)
        self.optimizer.step()
        return loss

    def _pass(self, x: Tensor, target: Tensor, n: int) -> Tensor:
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
            logits.float(), target, self._weights, label_smoothing=self._recipe.label_smoothing, reduction="sum"
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
