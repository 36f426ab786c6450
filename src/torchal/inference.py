"""Forward passes over many rows, a chunk at a time, that leave the network as they found it."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod
from typing import Any

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from torchal.data.dataset import Inputs
from torchal.models import Classifier
from torchal.rng import Address, generator

_Dropout = nn.modules.dropout._DropoutNd  # noqa: SLF001 - the one base that all dropout layers share
_CHANNELWISE = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_UNSUPPORTED = (nn.AlphaDropout, nn.FeatureAlphaDropout)


def chunk_for(shape: tuple[int, ...], device: torch.device) -> int:
    """Return how many examples of a shape go through a network at a time.

    An accelerator is to be kept busy in bounded memory: 1,024 images of CIFAR's size, 111 of ImageNet's. A processor is
    a fifth faster where what a layer gives the next stays in its cache: 170 of CIFAR's, 3 of ImageNet's.
    """
    numbers = 2**24 if device.type == "cuda" else 2**19
    return max(1, min(1024, numbers // prod(shape)) // _part.get())


_part: ContextVar[int] = ContextVar("part", default=1)


@contextmanager
def smaller_chunks(part: int = 8) -> Iterator[None]:
    """Send but a part of the usual number of examples through a network at a time: for when memory is short."""
    before = _part.set(part)
    try:
        yield
    finally:
        _part.reset(before)


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Keep a network in evaluation mode, without gradients, in the block, and give each part its mode back after it."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def logits_and_features(
    model: Classifier, inputs: Inputs, rows: Int64[Tensor, " rows"], chunk: int = 1024
) -> tuple[Float[Tensor, "rows classes"], Float[Tensor, "rows width"]]:
    """Return what the network says of some rows and what its head saw of them, in one pass, on the network's device."""
    weight, head = model.head.weight, model.head
    logits, features = weight.new_empty(len(rows), head.out_features), weight.new_empty(len(rows), head.in_features)
    places = zip(logits.split(chunk), features.split(chunk), strict=True) if len(rows) else ()
    with undisturbed(model):
        for (said, seen), x in zip(places, _batches(model, inputs, rows, chunk), strict=True):
            seen.copy_(model.features(x))
            said.copy_(head(seen))
    return logits, features


def layers(
    model: Classifier, inputs: Inputs, rows: Int64[Tensor, " rows"], chunk: int = 1024, most: int = 4
) -> tuple[Float[Tensor, "rows _"], ...]:
    """Return what some steps of the body give, averaged over space: the last that has weights and others before it."""
    weighty = [n for n, step in enumerate(model.body) if any(True for _ in step.parameters())] or [len(model.body) - 1]
    count = min(most, len(weighty))
    places = sorted(weighty[-1 - n * len(weighty) // count] for n in range(count))
    with undisturbed(model):
        parts = [_stops(model.body, x, places) for x in _batches(model, inputs, rows, chunk)]
        if not parts:
            empty = torch.zeros(1, *inputs.shape, device=model.head.weight.device)
            parts = [[each[:0] for each in _stops(model.body, empty, places)]]
    return tuple(torch.cat(each) for each in zip(*parts, strict=True))


def _stops(body: nn.Sequential, x: Tensor, places: list[int]) -> list[Tensor]:
    found = []
    for number, step in enumerate(list(body)[: places[-1] + 1]):
        x = step(x)
        if number in places:
            found.append(x.flatten(2).mean(2) if x.dim() > 2 else x.clone())
    return found


def mc_probabilities(
    model: Classifier, inputs: Inputs, rows: Int64[Tensor, " rows"], samples: int, where: Address, chunk: int = 1024
) -> Float64[Tensor, "samples rows classes"]:
    """Return the softmax outputs of networks sampled by Monte-Carlo dropout (Gal & Ghahramani 2016).

    A sample is one network: each dropout layer drops the same units for every row, so the result depends neither on the
    order of the rows nor on the chunk, and disagreement between samples is disagreement about the weights. All else is
    in evaluation mode. What lies before the first active dropout runs once; the rest once a sample. Layers are found by
    type (``nn.Dropout``, ``nn.Dropout1d`` to ``3d``, with the batch first); calls of ``F.dropout`` cannot be seen.

    Args:
        model: the trained network.
        inputs: of the side of the data set that the rows belong to.
        rows: which examples.
        samples: how many networks.
        where: address of the masks; a sample's masks do not depend on how many samples are drawn.
        chunk: rows handled at a time, which bounds the memory for activations.

    Raises:
        ValueError: if the network has no active dropout, or has alpha dropout, whose masks are of another kind.
    """
    masks = _Masks(active_dropout(model), where)
    trunk, tail = _split(model, masks.layers)
    device = model.head.weight.device
    result = torch.empty(samples, len(rows), model.head.out_features, dtype=torch.float64, device=device)
    with undisturbed(model), masks.applied():
        done = 0
        for x in _batches(model, inputs, rows, chunk):
            shared = trunk(x)
            for sample in range(samples):
                masks.start(sample)
                # a copy, since a block may change its input in place
                logits = model.head(tail(shared.clone()))
                result[sample, done : done + len(x)] = logits.double().softmax(-1)
            done += len(x)
    return result


def _batches(model: Classifier, inputs: Inputs, rows: Tensor, chunk: int) -> Iterator[Tensor]:
    device = model.head.weight.device
    return (x.to(device) for x in inputs.batches(part for part in rows.to(inputs.home).split(chunk) if len(part)))


def active_dropout(model: Classifier) -> dict[str, _Dropout]:
    """Return the dropout layers that drop something, by their name in the network."""
    layers = {
        name: layer
        for name, layer in model.body.named_modules(prefix="body")
        if isinstance(layer, _Dropout) and layer.p > 0
    }
    for name, layer in layers.items():
        if isinstance(layer, _UNSUPPORTED):
            kind = type(layer).__name__
            raise ValueError(f"model: layer '{name}' is {kind}, which Monte-Carlo dropout cannot mask; use nn.Dropout.")
    if not layers:
        raise ValueError(
            "model: dropout is 0 in every layer, so all Monte-Carlo samples would agree and MC-dropout would rank "
            "rounding noise; set the model's option 'dropout' above 0, or choose a strategy that does not sample."
        )
    return layers


def _split(model: Classifier, layers: dict[str, _Dropout]) -> tuple[nn.Sequential, nn.Sequential]:
    """Cut the body before the first step that has one of the layers in it."""
    wanted = {id(layer) for layer in layers.values()}
    steps = list(model.body)
    first = next(n for n, step in enumerate(steps) if any(id(part) in wanted for part in step.modules()))
    return nn.Sequential(*steps[:first]), nn.Sequential(*steps[first:])


class _Masks:
    """The dropout masks of sampled networks: one for each sample and call of a layer, and the same for every row."""

    def __init__(self, layers: dict[str, _Dropout], where: Address) -> None:
        self.layers = layers
        self._where = where
        self._sample = 0
        self._calls: Counter[str] = Counter()
        self._drawn: dict[Address, Tensor] = {}

    def start(self, sample: int) -> None:
        """Turn to the masks of one sample."""
        self._sample = sample
        self._calls.clear()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the layers multiply by the current sample's masks inside the block."""
        handles = [layer.register_forward_hook(self._hook(name)) for name, layer in self.layers.items()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, name: str) -> Callable[[_Dropout, Any, Tensor], Tensor]:
        def masked(layer: _Dropout, _: Any, x: Tensor) -> Tensor:
            call = self._calls[name]
            self._calls[name] += 1
            address = (self._sample, name, call) if call else (self._sample, name)
            if address not in self._drawn:
                self._drawn[address] = self._draw(layer, x, address)
            return x * self._drawn[address]

        return masked

    def _draw(self, layer: _Dropout, x: Tensor, address: Address) -> Tensor:
        """Draw on the CPU, so that the masks are the same on every device."""
        shape = (x.shape[1], *[1] * (x.dim() - 2)) if isinstance(layer, _CHANNELWISE) else x.shape[1:]
        kept = (torch.rand(shape, generator=generator(*self._where, "mc-dropout", *address)) >= layer.p).to(x)
        return kept / (1 - layer.p) if layer.p < 1 else kept
