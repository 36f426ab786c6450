"""Kernels choose on a GPU what they choose on a processor."""

import pytest
import torch

from torchal import kernels
from torchal.rng import generator

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is at hand"),
]


def made(rows=3000, width=64, classes=10):
    kind = torch.arange(rows) % classes
    centres = torch.randn(classes, width, generator=generator("centres"))
    features = (centres[kind] + 0.7 * torch.randn(rows, width, generator=generator("features"))).relu()
    chances = (3 * torch.randn(rows, classes, generator=generator("chances"))).double().softmax(1)
    sampled = (2 * torch.randn(8, rows, classes, generator=generator("sampled"))).double().softmax(-1)
    return features, chances, sampled


FEATURES, CHANCES, SAMPLED = made()

CALLS = {
    "k_centre_greedy": lambda on: kernels.k_centre_greedy(on(FEATURES[300:]), on(FEATURES[:300]), 100),
    "kmeanspp": lambda on: kernels.kmeanspp(on(CHANCES), on(FEATURES), 100, generator("draws"), first=0),
    "kmeans": lambda on: kernels.kmeans(on(FEATURES), 20, generator("draws"))[0],
    "facility_location": lambda on: kernels.facility_location(
        on(FEATURES[300:]), on(FEATURES[:300]), on(torch.ones(2700)), 30, 10.0
    ),
    "ball_cover": lambda on: kernels.ball_cover(on(FEATURES[300:]), on(FEATURES[:300]), 6.0, 50),
    "knn_graph": lambda on: kernels.knn_graph(on(FEATURES), 10)[1],
    "fisher_select_binary": lambda on: kernels.fisher_select_binary(
        on(CHANCES[300:]), on(FEATURES[300:]), on(CHANCES[:300]), on(FEATURES[:300]), 30
    ),
    "batch_bald": lambda on: kernels.batch_bald(on(SAMPLED[:, :200]), 4),
    "top": lambda on: kernels.top(on(CHANCES[:, 0]), 100),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_kernel_chooses_the_same_on_both_devices(name):
    chosen = CALLS[name](lambda tensor: tensor.cuda())
    assert chosen.device.type == "cuda"
    assert torch.equal(chosen.cpu(), CALLS[name](lambda tensor: tensor))
