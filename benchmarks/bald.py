"""BALD on VGG-16: what lies before the dropout once and the rest once a sample, against all of it once a sample.

Both use the same masks, so they have to score alike and to choose the same images.
"""

import time
from statistics import median
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from torchal import inference
from torchal.data.dataset import Resident
from torchal.kernels.information import mutual_information
from torchal.kernels.ranking import top
from torchal.models import Classifier
from torchal.models.vgg16 import Vgg16
from torchal.rng import generator, seeded

SAMPLES, BUDGET = 25, 8


def measure(n: int = 3, images: int = 64) -> dict[str, Any]:
    """Score images n times in both ways, taking turns."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with seeded("benchmark"):
        model = Vgg16().build((3, 32, 32), 10).to(device)
    pixels = torch.randint(256, (images, 3, 32, 32), generator=generator("images"), dtype=torch.uint8)
    inputs = Resident(pixels.to(device))
    rounds = [(_timed(model, inputs, whole=False), _timed(model, inputs, whole=True)) for _ in range(n)]
    ours, whole = (median(seconds for seconds, _ in each) for each in zip(*rounds, strict=True))
    picks = [[top(scores, BUDGET).tolist() for _, scores in each] for each in rounds]
    return {
        "ratio": round(whole / ours, 1),
        "seconds": round(ours, 3),
        "seconds_whole_network": round(whole, 3),
        "identical": all(one == other for one, other in picks),
        "largest_difference": max(float((one[1] - other[1]).abs().max()) for one, other in rounds),
        "network": "vgg16",
        "samples": SAMPLES,
        "images": images,
        "device": device,
        "threads": torch.get_num_threads(),
        "n": n,
    }


def _timed(model: Classifier, inputs: Resident, *, whole: bool) -> tuple[float, Tensor]:
    rows = torch.arange(len(inputs))
    started = time.perf_counter()
    with mock.patch.object(inference, "_split", _nothing_shared if whole else inference._split):  # noqa: SLF001 - what is compared
        sampled = inference.mc_probabilities(model, inputs, rows, SAMPLES, ("benchmark",), chunk=64)
    scores = mutual_information(sampled)
    return time.perf_counter() - started, scores.cpu()


def _nothing_shared(model: Classifier, _: Any) -> tuple[nn.Sequential, nn.Sequential]:
    return nn.Sequential(), model.body
