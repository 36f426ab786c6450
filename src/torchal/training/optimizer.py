"""From a recipe's rate and decay to one of torch's optimizers.

In decoupled units a rate r and a decay d speak of 1,024 examples, that is of 1024 / batch steps. A steady gradient g
moves a weight by lr * g / (1 - momentum) in a step of SGD, so r = 1024 / batch * lr / (1 - momentum); the L2 penalty w
moves it in the same way by lr * w * weight, so d = r * w. In AdamW the momentum changes no length and the decay is
already apart from the gradient: r = 1024 / batch * lr, and d = r * w again.
"""

from collections.abc import Iterable

from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from torchal.training.recipe import Recipe

_EXAMPLES = 1024


def optimizer_of(recipe: Recipe, parameters: Iterable[Tensor]) -> Optimizer:
    """Return the optimizer that a recipe describes; its rate is set in every step."""
    given, rate, decay = list(parameters), torch_rate(recipe, recipe.lr), torch_decay(recipe)
    match recipe.optimizer:
        case "sgd":
            return SGD(given, rate, recipe.momentum, weight_decay=decay, nesterov=recipe.nesterov, fused=True)
        case "adam":
            return Adam(given, rate, weight_decay=decay, fused=True)
        case "adamw":
            return AdamW(given, rate, weight_decay=decay, fused=True)


def torch_rate(recipe: Recipe, rate: float) -> float:
    """Return a rate of a recipe as torch's optimizers take it."""
    if recipe.units == "torch":
        return rate
    slowness = 1 - recipe.momentum if recipe.optimizer == "sgd" else 1.0
    return rate * slowness * recipe.batch / _EXAMPLES


def torch_decay(recipe: Recipe) -> float:
    """Return the weight decay of a recipe as torch's optimizers take it."""
    return recipe.weight_decay if recipe.units == "torch" else recipe.weight_decay / recipe.lr


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Let the next steps have a learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
