"""An epoch of torchal's training against a DataLoader that crops and flips PIL images one by one, in fp32.

Both train the same network from the same weights, on the same made-up images of CIFAR's shape, with the same recipe.
Each has a process of its own, in the state in which its users run it, and they take turns, so that a busy machine slows
all. Losses are printed as well: they differ by the order of examples, and in bf16 by rounding.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from torchal.data.dataset import Examples, Resident
from torchal.host import Host, prepare
from torchal.models import Model
from torchal.models.resnet8 import Resnet8
from torchal.models.resnet18 import Resnet18
from torchal.models.vgg16 import Vgg16
from torchal.rng import generator, seeded
from torchal.training.fit import fit, fresh
from torchal.training.recipe import Recipe

NETWORKS: dict[str, tuple[Model, int]] = {
    "resnet8": (Resnet8(), 5120),
    "resnet18 of width 16": (Resnet18(width=16), 2560),
    "vgg16": (Vgg16(), 384),
}
"""Networks, and how many images an epoch has."""
RECIPE = {"batch": 128, "lr": 0.02, "augment": {"crop": 4, "flip": True}}


def measure(n: int = 3) -> dict[str, Any]:
    """Time n epochs of each network with each pipeline, after one to warm up."""
    rows = {name: _compared(model, images, n) for name, (model, images) in NETWORKS.items()}
    main = rows["resnet18 of width 16"]
    return {
        "ratio": main["ratio_bf16"],
        "ratio_fp32": main["ratio_fp32"],
        "networks": rows,
        "threads": torch.get_num_threads(),
        "n": n,
    }


def _compared(model: Model, images: int, n: int) -> dict[str, Any]:
    taken = {name: [] for name in PIPELINES}
    losses = {name: [] for name in PIPELINES}
    with ExitStack() as stack:
        turns = {name: stack.enter_context(_process(name, model, images, n)) for name in PIPELINES}
        for _ in range(n + 1):
            for name, turn in turns.items():
                turn.send(None)
                seconds, loss = turn.recv()
                taken[name].append(seconds)
                losses[name].append(round(loss, 3))
    rate = {name: images / median(seconds[1:]) for name, seconds in taken.items()}
    return {
        "images_per_second": {name: round(each) for name, each in rate.items()},
        "ratio_fp32": round(rate["fp32"] / rate["loader"], 2),
        "ratio_bf16": round(rate["bf16"] / rate["loader"], 2),
        "losses": losses,
    }


@contextmanager
def _process(name: str, model: Model, images: int, n: int) -> Iterator[Connection]:
    """Start a pipeline in a process of its own, which trains an epoch whenever it is told."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_epochs, args=(name, model, images, n, torch.get_num_threads(), there))
    process.start()
    try:
        yield here
    finally:
        process.terminate()
        process.join()


def _epochs(name: str, model: Model, images: int, n: int, threads: int, turn: Connection) -> None:
    torch.set_num_threads(threads)
    epochs = PIPELINES[name](model, _examples(images), n)
    for _ in range(n + 1):
        turn.recv()
        started = time.perf_counter()
        loss = next(epochs)
        turn.send((time.perf_counter() - started, loss))


def _examples(n: int) -> Examples:
    """Return images that can be learnt: a pattern for each class, under noise."""
    draw = generator("benchmark training")
    patterns = torch.rand(10, 3, 32, 32, generator=draw)
    labels = torch.arange(n) % 10
    noisy = 0.4 * patterns[labels] + 0.6 * torch.rand(n, 3, 32, 32, generator=draw)
    return Examples(Resident((255 * noisy).byte()), torch.arange(n), labels)


def _ours(precision: str, model: Model, data: Examples, n: int) -> Iterator[float]:
    prepare(Host(Path("results"), threads=torch.get_num_threads()))
    recipe = Recipe.model_validate({**RECIPE, "epochs": n + 1, "precision": precision})
    network = fresh(model, (3, 32, 32), 10, ("benchmark",))
    for epoch in fit(network, data, None, recipe, ("benchmark",), 10):
        yield epoch.record.loss or float("nan")


class _Pictures(Dataset[tuple[Tensor, int]]):
    """What a data set of PIL images does for one index: pad, crop, flip, and make a tensor of it."""

    def __init__(self, data: Examples) -> None:
        self.images = data.inputs.raw(data.rows).permute(0, 2, 3, 1).numpy()
        self.labels = data.labels.tolist()
        self.draw = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = ImageOps.expand(Image.fromarray(self.images[index]), 4)
        left, top, mirror = self.draw.integers(0, 9), self.draw.integers(0, 9), self.draw.random() < 0.5
        image = image.crop((left, top, left + 32, top + 32))
        image = ImageOps.mirror(image) if mirror else image
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255), self.labels[index]


def _loader(model: Model, data: Examples, n: int) -> Iterator[float]:
    with seeded("benchmark", "init"):
        network = model.build((3, 32, 32), 10)
    optimizer = torch.optim.SGD(network.parameters(), RECIPE["lr"], 0.9, weight_decay=5e-4)
    loader = DataLoader(_Pictures(data), RECIPE["batch"], shuffle=True, generator=generator("loader"))
    for _ in range(n + 1):
        yield _epoch(network, optimizer, loader, nn.CrossEntropyLoss())


def _epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, loader: Any, criterion: Callable[..., Tensor]
) -> float:
    network.train()
    total = 0.0
    for x, y in loader:
        loss = criterion(network(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
    return total / len(loader.dataset)


PIPELINES = {"loader": _loader, "fp32": partial(_ours, "fp32"), "bf16": partial(_ours, "bf16")}
"""What is compared, by name."""
