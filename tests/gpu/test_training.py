"""What only an accelerator can show of training. Run with CUBLAS_WORKSPACE_CONFIG=:4096:8."""

import json
import os
import subprocess
import sys

import pytest
import torch
import yaml
from safetensors.torch import load_file

from torchal.data.dataset import Examples, Resident
from torchal.models.mlp import Mlp
from torchal.models.resnet8 import Resnet8
from torchal.models.resnet18 import Resnet18
from torchal.models.shake26_2x32d import Shake26x32
from torchal.models.wrn28_2 import Wrn28x2
from torchal.rng import exact, generator
from torchal.training.fit import _Training, fit, fresh
from torchal.training.recipe import Recipe

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is at hand"),
]
STRONG = {"preset": "strong", "epochs": 3, "batch": 32, "lr": 0.01, "swa": {"epochs": 2, "every": 3}}


@pytest.fixture(autouse=True)
def _exact():
    exact()


def examples(n=150) -> Examples:
    values = torch.randint(0, 256, (n, 3, 32, 32), generator=generator("gpu images"), dtype=torch.uint8)
    rows = torch.arange(n, device="cuda")
    return Examples(Resident(values.to("cuda")), rows, rows % 10)


def trained(model, **fields):
    data = examples()
    network = fresh(model, (3, 32, 32), 10, ("gpu",)).to("cuda")
    recipe = Recipe.model_validate({"epochs": 3, "batch": 32, "lr": 0.01, **fields})
    return list(fit(network, data, data, recipe, ("gpu",), 10))[-1]


RECIPES = {"plain": {}, "bf16": {"precision": "bf16"}, "mixed": {"mix": "cutmix", "clip": 1.0}, "strong": STRONG}


@pytest.mark.parametrize("fields", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize(
    "model", [Mlp(hidden=(64,)), Resnet8(dropout=0.3), Wrn28x2(), Shake26x32(width=16)], ids=lambda each: each.label
)
def test_a_training_repeats_bit_for_bit_in_exact_mode(model, fields):
    first, second = trained(model, **fields), trained(model, **fields)
    assert first.record == second.record
    assert all(torch.equal(first.weights[name], second.weights[name]) for name in first.weights)


@pytest.mark.parametrize("fields", RECIPES.values(), ids=RECIPES)
def test_the_host_waits_for_the_device_once_an_epoch(fields, monkeypatch):
    waited, original = [], torch.Tensor.item
    epoch = _Training.epoch

    def watched(self, number):
        torch.cuda.set_sync_debug_mode("error")
        try:
            return epoch(self, number)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    def item(self):
        torch.cuda.set_sync_debug_mode("default")
        waited.append(1)
        return original(self)

    monkeypatch.setattr(_Training, "epoch", watched)
    data = examples()
    network = fresh(Resnet8(), (3, 32, 32), 10, ("gpu",)).to("cuda")
    recipe = Recipe.model_validate({"epochs": 3, "batch": 32, "lr": 0.01, **fields})
    epochs = fit(network, data, None, recipe, ("gpu",), 10)
    monkeypatch.setattr(torch.Tensor, "item", item)
    assert len(list(epochs)) == len(waited) == recipe.all_epochs


def test_the_imagenet_stem_trains_in_exact_mode():
    assert trained(Resnet18(width=8, stem="imagenet")).finite


def test_bf16_is_what_tensor_cores_get():
    network = fresh(Resnet8(), (3, 32, 32), 10, ("gpu",)).to("cuda")
    seen = []
    network.body[0].register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    data = examples()
    next(fit(network, data, None, Recipe(epochs=1, batch=50, precision="bf16"), ("gpu",), 10))
    assert set(seen) == {torch.bfloat16}


def test_two_processes_with_shared_batch_statistics_train_to_the_weights_of_one(tmp_path):
    """On one device the processes meet over gloo; batch normalisation is torch's SyncBatchNorm."""
    spec = {
        "name": "together",
        "dataset": "digits",
        "model": {"name": "resnet8", "width": 4},
        "strategy": "random",
        "partition": {"drawn": 1, "labelled": 40, "validation": 60},
        "seed": 1,
        "setting": {"cycles": 1, "budget": 10},
        "recipe": {"lr": 0.02, "epochs": 4, "batch": 8},
        "tuning": {"scope": "fixed"},
    }
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec))
    launchers = {"alone": (), "together": ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")}
    for name, launcher in launchers.items():
        arguments = ["run", str(tmp_path / "spec.yaml"), "--results", str(tmp_path / name), "--device", "cuda"]
        command = [sys.executable, *launcher, "-m", "torchal", *arguments]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        answer = subprocess.run(command, env=env, capture_output=True, text=True, timeout=150, check=False)
        assert answer.returncode == 0, answer.stderr[-3000:]
    (alone,), (together,) = (list((tmp_path / name).glob("store/fit/*")) for name in launchers)
    expected, found = (load_file(each / "weights.safetensors") for each in (alone, together))
    assert alone.name == together.name
    assert all(torch.allclose(found[name], expected[name], rtol=0, atol=1e-3) for name in expected)
    losses = [[each["loss"] for each in json.loads((p / "fit.json").read_text())["history"]] for p in (alone, together)]
    assert losses[1] == pytest.approx(losses[0], abs=1e-3)
