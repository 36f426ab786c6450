"""Watching what a call does beside its answer: to global random streams, to the network, and to NaN."""

import random  # noqa: TID251 - the global stream is looked at and put back
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_RANKING = {"argsort", "sort", "msort", "topk", "kthvalue", "argmax", "argmin", "max", "min", "aminmax"}


def streams() -> dict[str, Any]:
    """Return the state of the global random streams of torch and numpy, as values that compare.

    Python's own is left out, since checkers of types at run time move it; :func:`reseeded` shows who depends on it.
    """
    numpy_state = np.random.get_state()  # noqa: NPY002 - the global stream is what is watched
    return {
        "torch": tuple(torch.get_rng_state().tolist()),
        "numpy": tuple(part.tobytes() if isinstance(part, np.ndarray) else part for part in numpy_state),
    }


@contextmanager
def reseeded(seed: int) -> Iterator[None]:
    """Give the global random streams other states inside the block, and put them back after it."""
    before, numpy_before = random.getstate(), np.random.get_state()  # noqa: NPY002 - put back below
    with torch.random.fork_rng(devices=[]):  # fakes live on the CPU
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002, TID251 - likewise
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(before)
            np.random.set_state(numpy_before)  # noqa: NPY002 - as it was


def portrait(model: nn.Module) -> dict[str, Any]:
    """Return all of a network that a query must leave alone, as values that compare."""
    tensors = {name: tensor.detach().cpu().numpy().tobytes() for name, tensor in model.state_dict().items()}
    parameters = {name: (each.requires_grad, each.grad is None) for name, each in model.named_parameters()}
    modules = {
        name: (each.training, len(each._forward_hooks), len(each._forward_pre_hooks))  # noqa: SLF001 - no public count
        for name, each in model.named_modules()
    }
    return {"weights and buffers": tensors, "gradients": parameters, "modes and hooks": modules}


class NoRankedNaN(TorchFunctionMode):
    """Inside the block a NaN that is sorted, or whose largest or smallest is taken, raises an AssertionError."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Look at what is ranked, and then do it."""
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in _RANKING:
            ranked = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)]
            assert not any(bool(each.isnan().any()) for each in ranked), f"ranks NaN by torch.{func.__name__}"
        return func(*args, **kwargs)
