"""What every model promises, as functions that raise an AssertionError where one of them breaks it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from torchal.models import Classifier, Model
from torchal.rng import generator, seeded
from torchal.testing.watch import streams
from torchal.training.effort import flops_of
from torchal.training.fit import fresh

Shape = tuple[int, ...]
Check = Callable[[Model, Shape, int], None]


def _network(model: Model, shape: Shape, classes: int, purpose: str = "contract") -> Classifier:
    return fresh(model, shape, classes, (purpose,))


def _batch(shape: Shape, n: int = 8) -> Tensor:
    return torch.rand(n, *shape, generator=generator("contract batch"))


def check_parts(model: Model, shape: Shape, classes: int) -> None:
    """The logits are the head's, on the features, and there is one for each class."""
    network, x = _network(model, shape, classes).eval(), _batch(shape)
    features = network.features(x)
    assert features.shape == (8, network.head.in_features), "features are not as wide as the head's input"
    assert network(x).shape == (8, classes), "there is not one logit for each class"
    assert torch.equal(network(x), network.head(features)), "forward is not the head on the features"


def check_body_is_a_sequence(model: Model, shape: Shape, classes: int) -> None:
    """The body is a sequence of steps, so that Monte-Carlo dropout can rerun its end alone."""
    body = _network(model, shape, classes).body
    assert isinstance(body, nn.Sequential), "the body is not an nn.Sequential"
    assert len(body) > 1, "the body is one step, which Monte-Carlo dropout could only rerun whole"


def check_evaluation_is_deterministic(model: Model, shape: Shape, classes: int) -> None:
    """In evaluation mode the same inputs give the same finite logits, alone or in company."""
    network, x = _network(model, shape, classes).eval(), _batch(shape)
    logits = network(x)
    assert logits.isfinite().all(), "logits are not finite"
    assert torch.equal(network(x), logits), "a second pass differs in evaluation mode"
    assert torch.allclose(network(x[:3]), logits[:3], atol=1e-5), "an example's logits depend on the rest of its batch"


def check_addressed_weights(model: Model, shape: Shape, classes: int) -> None:
    """Initial weights come from torch's global stream alone, which callers seed."""
    before = streams()
    first, again, other = (_network(model, shape, classes, purpose).state_dict() for purpose in ("a", "a", "b"))
    assert streams() == before, "a global random stream was moved outside the seeded block"
    assert all(torch.equal(first[name], again[name]) for name in first), "the same seed gives other weights"
    assert any(not torch.equal(first[name], other[name]) for name in first), "another seed gives the same weights"


def check_gradients(model: Model, shape: Shape, classes: int) -> None:
    """Every parameter is learnt."""
    network = _network(model, shape, classes).train()
    with seeded("contract gradients"):
        network(_batch(shape)).square().sum().backward()
    idle = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert not idle, f"no gradient reaches {', '.join(idle)}"


def check_learns(model: Model, shape: Shape, classes: int) -> None:
    """At most sixty steps quarter the loss on eight examples."""
    network, x = _network(model, shape, classes), _batch(shape)
    y = torch.arange(8) % classes
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for module in network.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):  # noqa: SLF001 - the one common base
            module.p = 0.0
    losses = []
    with seeded("contract learns"):
        for _ in range(60):
            loss = nn.functional.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if losses[-1] < losses[0] / 4:
                return
    raise AssertionError(f"the loss on eight examples only fell from {losses[0]:.2f} to {min(losses):.2f}")


class ExactOnly(TorchDispatchMode):
    """Inside the block, an operation that exact mode refuses on an accelerator is an AssertionError on any device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        """Run an operation, unless it is refused."""
        name, given = func.overloadpacket.__name__, dict(kwargs or {})
        weighted = name == "bincount" and any(each is not None for each in (*args[1:2], given.get("weights")))
        assert name not in _INEXACT, f"{name} has no deterministic form on an accelerator"
        assert not weighted, "bincount with weights has no deterministic form on an accelerator; use index_add"
        return func(*args, **given)


_INEXACT = {
    "_adaptive_avg_pool2d_backward",
    "_adaptive_avg_pool3d_backward",
    "adaptive_max_pool2d_backward",
    "avg_pool3d_backward",
    "fractional_max_pool2d_backward",
    "fractional_max_pool3d_backward",
    "grid_sampler_2d_backward",
    "histc",
    "max_unpool2d",
    "max_unpool3d",
    "reflection_pad1d_backward",
    "reflection_pad2d_backward",
    "reflection_pad3d_backward",
    "upsample_bicubic2d_backward",
}
"""Those of the list under ``torch.use_deterministic_algorithms`` that a network for images or vectors may hold."""


def check_cost_can_be_counted(model: Model, shape: Shape, classes: int) -> None:
    """What a pass costs follows from the network and the shape of an example, without values."""
    try:
        forward, both = flops_of(model, shape, classes)
    except RuntimeError as error:
        raise AssertionError(f"forward asks for values, and its cost cannot be counted: {error}") from error
    assert 0 < forward < both, f"{forward} operations forward and {both} with the way back cannot be"


def check_exact(model: Model, shape: Shape, classes: int) -> None:
    """A training step has a deterministic form on an accelerator, where exact mode refuses what has none."""
    network = _network(model, shape, classes).train()
    with seeded("contract exact"), ExactOnly():  # type: ignore[no-untyped-call]  # torch leaves its constructor so
        network(_batch(shape)).square().sum().backward()


CHECKS: tuple[Check, ...] = (
    check_parts,
    check_body_is_a_sequence,
    check_evaluation_is_deterministic,
    check_addressed_weights,
    check_gradients,
    check_cost_can_be_counted,
    check_exact,
    check_learns,
)
"""Every promise. A suite parametrises over it."""
