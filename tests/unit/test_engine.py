import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from torchal.data.dataset import Examples, Resident
from torchal.models import Classifier
from torchal.models.mlp import Mlp
from torchal.models.resnet8 import Resnet8
from torchal.rng import generator
from torchal.training.average import Average
from torchal.training.draw import Draw
from torchal.training.fit import fit, fresh
from torchal.training.mixing import beta, boxes, mixed
from torchal.training.recipe import Augment, Mix, Recipe
from torchal.training.state import State
from torchal.training.views import views
from torchal.training.world import World

WHERE = ("engine", 1, 0)


def vectors(n=24, width=5) -> Examples:
    values = torch.randn(n, width, generator=generator("engine vectors"))
    return Examples(Resident(values), torch.arange(n), (values[:, 0] > 0).long())


def images(n=24) -> Examples:
    values = torch.randint(0, 256, (n, 1, 8, 8), generator=generator("engine images"), dtype=torch.uint8)
    return Examples(Resident(values), torch.arange(n), torch.arange(n) % 2)


def network(data: Examples, model=None) -> Classifier:
    return fresh(model or Mlp(hidden=(6,), dropout=0.2), data.inputs.shape, 2, WHERE)


def states(data: Examples, model=None, validation=None, **fields) -> list[State]:
    recipe = Recipe.model_validate({"epochs": 3, "batch": 8, "lr": 0.05, **fields})
    return [epoch.state() for epoch in fit(network(data, model), data, validation, recipe, WHERE, 2)]


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# --- averages ---------------------------------------------------------------------------------------------------------


def weights_after_steps(monkeypatch, **fields) -> tuple[list[dict], list[State]]:
    """Return the network's weights after every step, and the state after every epoch."""
    seen = []
    original = Average.step

    def watched(self, step):
        seen.append(copy.deepcopy(self._model.state_dict()))
        original(self, step)

    monkeypatch.setattr(Average, "step", watched)
    return seen, states(vectors(), **fields)


def test_swa_is_the_mean_of_the_weights_after_every_so_many_steps_of_its_phase(monkeypatch):
    steps, found = weights_after_steps(monkeypatch, epochs=2, swa={"epochs": 3, "lr": 0.01, "every": 2})
    assert len(steps) == 15  # five epochs of three steps, of which the first six are the recipe's own
    chosen = [steps[6 + 1], steps[6 + 3], steps[6 + 5], steps[6 + 7]]
    for name, weights in found[-1].best_weights.items():
        expected = torch.stack([each[name] for each in chosen]).double().mean(0)
        assert torch.allclose(weights.double(), expected, atol=1e-7)
    assert found[-1].history[-1].averaged
    assert not any(record.averaged for record in found[-1].history[:-1])
    assert [record.lr for record in found[-1].history] == [0.05, 0.05, 0.01, 0.01, 0.01]


def test_a_swa_phase_with_fewer_steps_than_the_interval_takes_its_last_weights(monkeypatch):
    steps, found = weights_after_steps(monkeypatch, epochs=1, swa={"epochs": 1, "every": 50})
    assert same(found[-1].best_weights, steps[-1])


def test_ema_equals_the_recursion_worked_by_hand_and_stands_for_the_network_in_every_epoch(monkeypatch):
    steps, found = weights_after_steps(monkeypatch, epochs=2, ema={"decay": 0.8})
    for name, weights in found[-1].best_weights.items():
        expected = steps[0][name].double()
        for each in steps[1:]:
            expected = 0.8 * expected + 0.2 * each[name].double()
        assert torch.allclose(weights.double(), expected, atol=1e-6)
    assert all(record.averaged for record in found[-1].history)


def test_swas_batch_statistics_are_those_of_the_augmented_examples_under_the_averaged_weights():
    data = images(16)
    recipe = {"epochs": 1, "swa": {"epochs": 1, "every": 1}, "augment": {"flip": True, "crop": 1}, "batch": 8}
    found = states(data, Resnet8(width=2), **recipe)[-1].best_weights
    model = network(data, Resnet8(width=2))
    model.load_state_dict(found)
    shown = [x for x, _ in views(data, [8, 8], Augment(flip=True, crop=1), WHERE, 2, World())]
    means = torch.stack([model.body[0](x).mean((0, 2, 3)) for x in shown]).mean(0)
    assert torch.allclose(found["body.1.running_mean"], means, atol=1e-6)


# --- losses -----------------------------------------------------------------------------------------------------------


def first_gradient(data: Examples, **fields) -> torch.Tensor:
    """Return how far the head's weights move in one step of plain descent at rate 1."""
    before = network(data, Mlp(hidden=(6,), dropout=0)).head.weight.detach().clone()
    options = {"epochs": 1, "batch": len(data), "lr": 1.0, "momentum": 0, "weight_decay": 0, **fields}
    return before - states(data, Mlp(hidden=(6,), dropout=0), **options)[0].network["head.weight"]


def expected_gradient(data: Examples, **options) -> torch.Tensor:
    model = network(data, Mlp(hidden=(6,), dropout=0))
    x, y = data.batch(torch.arange(len(data)))
    cross_entropy(model(x), y, **options).backward()
    return model.head.weight.grad


def test_a_step_follows_the_mean_loss_with_and_without_label_smoothing():
    data = vectors()
    assert torch.allclose(first_gradient(data), expected_gradient(data), atol=1e-6)
    smoothed = expected_gradient(data, label_smoothing=0.3)
    assert torch.allclose(first_gradient(data, label_smoothing=0.3), smoothed, atol=1e-6)


def test_a_batch_in_parts_takes_the_same_step_as_a_whole_one():
    whole, parts = (first_gradient(vectors(23), accumulate=n) for n in (1, 5))
    assert torch.allclose(whole, parts, atol=1e-6)


def test_a_clipped_step_has_the_length_asked_for():
    data = vectors()
    before = network(data, Mlp(hidden=(6,), dropout=0)).state_dict()
    options = {"epochs": 1, "batch": 24, "lr": 1.0, "momentum": 0, "weight_decay": 0, "clip": 0.01}
    after = states(data, Mlp(hidden=(6,), dropout=0), **options)[0].network
    length = sum((after[name] - before[name]).square().sum() for name in before).sqrt()
    assert length.item() == pytest.approx(0.01, rel=1e-3)


# --- mixing -----------------------------------------------------------------------------------------------------------


def test_beta_draws_have_the_distributions_mean_and_variance():
    draws = beta(torch.linspace(0, 1, 100_001, dtype=torch.float64), 0.4).double()
    assert draws.mean().item() == pytest.approx(0.5, abs=1e-4)
    assert draws.var().item() == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=1e-4)


def test_mixup_blends_pixels_and_labels_by_one_share_for_each_image():
    x = torch.rand(6, 1, 4, 4, generator=generator("mix"))
    y = torch.arange(6) % 3
    blended, target = mixed(x, y, Mix(name="mixup", alpha=0.5), 3, Draw(generator("shares"), 6))
    shares = beta(Draw(generator("shares"), 6).uniform(), 0.5)
    for n in range(6):
        assert torch.allclose(blended[n], shares[n] * x[n] + (1 - shares[n]) * x[n - 1], atol=1e-6)
        expected = torch.zeros(3)
        expected[y[n]] += shares[n]
        expected[y[n - 1]] += 1 - shares[n]
        assert torch.allclose(target[n], expected, atol=1e-6)


def test_cutmix_pastes_a_box_and_the_labels_follow_the_area_that_is_left():
    x = torch.rand(8, 1, 12, 10, generator=generator("mix"))
    y = torch.arange(8)
    blended, target = mixed(x, y, Mix(name="cutmix"), 8, Draw(generator("boxes"), 8))
    for n in range(8):
        pasted = (blended[n] != x[n])[0]
        assert torch.equal(blended[n][0][pasted], x[n - 1][0][pasted])
        rows, columns = pasted.any(1), pasted.any(0)
        assert torch.equal(pasted, rows[:, None] & columns[None, :])
        assert target[n, n].item() == pytest.approx(1 - pasted.double().mean().item(), abs=1e-6)


def test_cutmix_boxes_inside_the_image_have_the_area_drawn():
    class Centred(Draw):
        def uniform(self, *shape):
            return torch.full((self.n, *shape), 0.5, dtype=torch.float64)

    inside = boxes(torch.tensor([0.75, 0.0, 1.0]), Centred(generator("x"), 3), 40, 40)
    assert inside.double().mean((1, 2)).tolist() == [0.25, 1.0, 0.0]


# --- what a process sees ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 3])
def test_processes_that_share_batches_together_see_what_one_would_see_alone(size):
    data, augment = images(23), Augment(crop=2, flip=True)
    alone = list(views(data, [8, 8, 7], augment, WHERE, 0, World()))
    shared = [list(views(data, [8, 8, 7], augment, WHERE, 0, World(rank, size))) for rank in range(size)]
    for step, (x, y) in enumerate(alone):
        assert torch.equal(torch.cat([each[step][0] for each in shared]), x)
        assert torch.equal(torch.cat([each[step][1] for each in shared]), y)


def test_every_example_is_shown_once_however_many_are_augmented_at_a_time(monkeypatch):
    for size in (1, 10**9):
        monkeypatch.setattr("torchal.training.views._BYTES", size)
        labels = torch.cat([y for _, y in views(images(23), [8, 8, 7], Augment(flip=True), WHERE, 0, World())])
        assert labels.sum() == 11


@pytest.mark.parametrize("n", [1, 5, 7, 8])
def test_the_parts_of_a_batch_are_the_batch(n):
    parts = [World(rank, 3).share(n) for rank in range(3)]
    assert np.array_equal(np.concatenate([np.arange(n)[part] for part in parts]), np.arange(n))


# --- going on ---------------------------------------------------------------------------------------------------------

EVERYTHING = {
    "plain": {},
    "adamw": {"optimizer": "adamw", "schedule": {"name": "cosine", "warmup": 0.2}},
    "adam": {"optimizer": "adam", "clip": 1.0},
    "swa": {"epochs": 3, "swa": {"epochs": 3, "every": 2}},
    "ema": {"ema": {"decay": 0.9}, "mix": "mixup"},
}


@pytest.mark.parametrize("fields", EVERYTHING.values(), ids=EVERYTHING)
@pytest.mark.parametrize("stop", [1, 4])
def test_a_training_that_goes_on_from_disk_ends_as_if_it_had_not_stopped(fields, stop, tmp_path):
    data, recipe = vectors(), Recipe.model_validate({"epochs": 6, "batch": 8, "lr": 0.02, **fields})
    whole = list(fit(network(data), data, data, recipe, WHERE, 2))
    stopped = fit(network(data), data, data, recipe, WHERE, 2)
    for _ in range(stop):
        epoch = next(stopped)
    epoch.state().save(tmp_path / "state.safetensors")
    again = list(fit(network(data), data, data, recipe, WHERE, 2, State.load(tmp_path / "state.safetensors")))
    assert [each.record for each in again] == [each.record for each in whole]
    assert again[-1].best == whole[-1].best
    assert same(again[-1].weights, whole[-1].weights)
    assert same(again[-1].state().network, whole[-1].state().network)
    assert same(again[-1].state().optimizer, whole[-1].state().optimizer)


def test_a_damaged_state_is_refused_by_name(tmp_path):
    (tmp_path / "s.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"s\.safetensors: is no state of a training"):
        State.load(tmp_path / "s.safetensors")


# --- precision and layout ---------------------------------------------------------------------------------------------


def test_bf16_computes_in_bf16_and_keeps_weights_and_loss_in_fp32():
    data, seen = images(), []
    model = network(data, Resnet8(width=4))
    model.body[0].register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    for epoch in fit(model, data, data, Recipe(epochs=1, batch=8, precision="bf16"), WHERE, 2):
        assert set(seen) == {torch.bfloat16}
        assert {each.dtype for each in epoch.weights.values()} == {torch.float32, torch.int64}


def test_bf16_and_fp32_losses_agree_to_bf16s_three_digits():
    fp32, bf16 = (
        states(images(), Resnet8(width=4), epochs=2, lr=0.01, precision=each)[-1].history for each in ("fp32", "bf16")
    )
    assert [each.loss for each in bf16] == pytest.approx([each.loss for each in fp32], rel=0.02)


def test_convolutions_have_their_channels_last_in_training():
    model = network(images(), Resnet8(width=4))
    weights = [each.weight for each in model.modules() if isinstance(each, nn.Conv2d) and each.kernel_size == (3, 3)]
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in weights)


def test_gradients_of_a_narrow_network_neither_end_the_process_nor_differ_from_double_precision():
    code = """
import torch
from torchal.models.resnet8 import Resnet8
from torchal.training.fit import fresh
torch.set_num_threads(1)
found = []
for dtype in (torch.float32, torch.float64):
    network = fresh(Resnet8(width=4), (3, 32, 32), 10, ("narrow",)).to(dtype)
    inputs = torch.linspace(-1, 1, 32 * 3 * 32 * 32, dtype=dtype).sin().reshape(32, 3, 32, 32)
    for _ in range(3):
        network.zero_grad()
        torch.nn.functional.cross_entropy(network(inputs), torch.arange(32) % 10).backward()
    found.append([each.grad.double() for each in network.parameters()])
for single, double in zip(*found, strict=True):
    torch.testing.assert_close(single, double, rtol=1e-2, atol=1e-4 * double.abs().max().item())
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
