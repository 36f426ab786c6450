"""Training several small networks at once, against one after the other: is a fused path worth having?

The members of a committee, or trials with one batch size, differ in their weights alone. *Fused*, they are one call of
``torch.func.vmap`` over stacked weights. *Side by side*, they are processes, as ``--jobs`` starts them. All is compared
with torchal's own steps, one network after the other. Normalisation uses the
batch's own statistics and keeps none, as vmap wants it, and the fused form casts all to bf16; both favour it.
"""

import multiprocessing
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from torchal.models import Classifier
from torchal.models.resnet8 import Resnet8
from torchal.rng import exact
from torchal.training.fit import fresh
from torchal.training.recipe import Recipe
from torchal.training.step import Step
from torchal.training.world import World

MEMBERS, BATCH = 8, 32
WIDTHS = (4, 16)
PRECISION = "bf16"


def measure(n: int = 5, steps: int = 20) -> dict[str, Any]:
    """Time n rounds of steps of all members in every form, for networks of two widths."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    rows = {f"resnet8 of width {width}": _compared(width, device, n, steps) for width in WIDTHS}
    best = max(row["ratio_fused"] for row in rows.values())
    return {"ratio": best, "networks": rows, "members": MEMBERS, "batch": BATCH, "device": device, "n": n}


def _compared(width: int, device: str, n: int, steps: int) -> dict[str, Any]:
    forms = {"alone": _one_by_one(width, device), "fused": _fused(width, device)}
    taken = {name: [] for name in forms}
    for form in forms.values():
        _timed(form, 5, device)
    for _ in range(n):
        for name, form in forms.items():
            taken[name].append(_timed(form, steps, device))
    rate = {name: steps * MEMBERS * BATCH / median(seconds) for name, seconds in taken.items()}
    rate["side by side"] = _side_by_side(width, device, 10 * steps)
    return {
        "images_per_second": {name: round(each) for name, each in rate.items()},
        "ratio_fused": round(rate["fused"] / rate["alone"], 2),
        "ratio_side_by_side": round(rate["side by side"] / rate["alone"], 2),
    }


def _timed(step: Callable[[], None], steps: int, device: str) -> float:
    _wait(device)
    started = time.perf_counter()
    for _ in range(steps):
        step()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _batch(device: str) -> tuple[Tensor, Tensor]:
    return torch.rand(BATCH, 3, 32, 32, device=device), torch.arange(BATCH, device=device) % 10


class _Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def _network(width: int, device: str, member: int) -> Classifier:
    network = fresh(Resnet8(width=width), (3, 32, 32), 10, ("member", member))
    pooling = next(n for n, step in enumerate(network.body) if isinstance(step, nn.AdaptiveAvgPool2d))
    network.body[pooling] = _Mean()  # vmap has no rule for the pooling
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats, module.running_mean, module.running_var = False, None, None
            module.num_batches_tracked = None
    return network.to(device).train()


def _recipe() -> Recipe:
    return Recipe(batch=BATCH, precision=PRECISION)


def _one_by_one(width: int, device: str, members: int = MEMBERS) -> Callable[[], None]:
    steps = [Step(_network(width, device, each), _recipe(), World()) for each in range(members)]
    x, y = _batch(device)

    def all_steps() -> None:
        for step in steps:
            step(x, y, BATCH)

    return all_steps


def _fused(width: int, device: str) -> Callable[[], None]:
    networks = [_network(width, device, each) for each in range(MEMBERS)]
    parameters, _ = stack_module_state(networks)
    parameters = {name: each.detach() for name, each in parameters.items()}
    momenta = {name: torch.zeros_like(each) for name, each in parameters.items()}
    x, y = _batch(device)
    low = x.bfloat16()

    def loss(weights: dict[str, Tensor]) -> Tensor:
        # autocast and vmap do not go together
        logits = functional_call(networks[0], {name: each.bfloat16() for name, each in weights.items()}, (low,))
        return nn.functional.cross_entropy(logits.float(), y)

    gradients = vmap(grad_and_value(loss), randomness="different")

    def all_steps() -> None:
        found, _ = gradients(parameters)
        torch._foreach_mul_(list(momenta.values()), 0.9)
        torch._foreach_add_(list(momenta.values()), [found[name] for name in momenta])
        torch._foreach_add_(list(parameters.values()), list(momenta.values()), alpha=-0.01)

    return all_steps


def _side_by_side(width: int, device: str, steps: int) -> float:
    """Return the images a second of processes that each train a share of the members."""
    processes = 4 if device == "cuda" else torch.get_num_threads()
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(processes + 1)
    workers = [context.Process(target=_work, args=(width, device, steps, processes, ready)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    ready.wait()
    started = time.perf_counter()
    ready.wait()
    seconds = time.perf_counter() - started
    for worker in workers:
        worker.join()
    return steps * MEMBERS * BATCH / seconds


def _work(width: int, device: str, steps: int, processes: int, ready: Any) -> None:
    exact()
    torch.set_num_threads(1)
    step = _one_by_one(width, device, MEMBERS // processes)
    _timed(step, 5, device)
    ready.wait()
    _timed(step, steps, device)
    ready.wait()
