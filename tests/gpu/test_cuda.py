"""What only an accelerator can show. Run with CUBLAS_WORKSPACE_CONFIG=:4096:8."""

import pytest
import torch
from small_runs import changed, contents

from torchal.host import Host
from torchal.launch import run_experiment
from torchal.models.vgg16 import Vgg16
from torchal.rng import exact
from torchal.training.fit import fit, fresh
from torchal.training.recipe import Recipe

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is at hand"),
]


def test_two_runs_on_one_device_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        assert run_experiment(changed(), Host(tmp_path / name, device="cuda")) == []
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_vgg16_trains_in_exact_mode():
    from torchal.data.dataset import Examples, Resident

    exact()
    values = torch.randint(0, 256, (32, 3, 32, 32), dtype=torch.uint8, device="cuda")
    rows = torch.arange(32, device="cuda")
    data = Examples(Resident(values), rows, rows % 10)
    network = fresh(Vgg16(width=8), (3, 32, 32), 10, ("gpu",)).to("cuda")
    recipe = Recipe(epochs=2, batch=16, lr=0.01, augment={"crop": 4, "flip": True})
    assert all(epoch.finite for epoch in fit(network, data, data, recipe, ("gpu",), 10))
