import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from torchal.data.dataset import Examples, Resident
from torchal.models import Classifier
from torchal.models.mlp import Mlp
from torchal.models.resnet8 import Resnet8
from torchal.records import Scores
from torchal.rng import generator
from torchal.training.augment import augmented, cropped, flipped
from torchal.training.draw import Draw
from torchal.training.fit import fit, fresh, keep_best
from torchal.training.metrics import evaluate, scores
from torchal.training.recipe import Augment, Recipe, Schedule
from torchal.training.schedule import rate_factor
from torchal.training.task import Task
from torchal.training.weights import load_weights, save_weights

WHERE = ("partition", 1, 0)


def examples(n=40, width=6, seed="a") -> Examples:
    inputs = Resident(torch.randn(n, width, generator=generator("training", seed)))
    return Examples(inputs, torch.arange(n), (inputs.values[:, 0] > 0).long())


def images(n=12) -> Examples:
    values = torch.randint(0, 256, (n, 1, 8, 8), generator=generator("images"), dtype=torch.uint8)
    return Examples(Resident(values), torch.arange(n), torch.arange(n) % 2)


def trained(where=WHERE, between=lambda: None, stop=None, data=None, model=None, **fields):
    data = data or examples()
    recipe = Recipe(**{"epochs": 3, "batch": 8, "lr": 0.05, **fields})
    network = fresh(model or Mlp(hidden=(8,), dropout=0.3), data.inputs.shape, 2, where)
    epochs = []
    for epoch in fit(network, data, data, recipe, where, 2):
        epochs.append((epoch.record, epoch.state().network))
        between()
        if stop is not None and len(epochs) == stop:
            break
    return epochs


def same(a, b) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


# --- schedule and recipe ----------------------------------------------------------------------------------------------


def test_schedules_follow_their_hand_worked_values():
    assert [rate_factor(Schedule(), step, 10) for step in (0, 9)] == [1, 1]
    cosine = Schedule(name="cosine")
    assert rate_factor(cosine, 0, 10) == 1
    assert rate_factor(cosine, 5, 10) == pytest.approx(0.5)
    assert rate_factor(cosine, 10, 10) == pytest.approx(0)
    step = Schedule(name="step", at=(0.3, 0.6), factor=0.1)
    assert [round(rate_factor(step, at, 10), 6) for at in (0, 2, 3, 5, 6, 9)] == [1, 1, 0.1, 0.1, 0.01, 0.01]


def test_the_learning_rate_of_every_epoch_is_the_schedules():
    rates = [record.lr for record, _ in trained(epochs=4, schedule={"name": "step", "at": [0.5], "factor": 0.1})]
    assert rates == pytest.approx([0.05, 0.05, 0.005, 0.005])


@pytest.mark.parametrize(
    "fields", [{"lr": 0}, {"batch": 0}, {"epochs": 0}, {"optimizer": "adamm"}, {"schedule": "cosin"}]
)
def test_a_recipe_refuses_values_without_meaning(fields):
    with pytest.raises(ValidationError):
        Recipe(**fields)


def test_a_schedule_may_be_given_by_its_name():
    assert Recipe(schedule="cosine").schedule == Schedule(name="cosine")


# --- augmentation -----------------------------------------------------------------------------------------------------


def test_crops_equal_a_loop_over_images_that_draws_the_same_offsets():
    x = torch.rand(9, 2, 5, 7, generator=generator("x"))
    offsets = torch.randint(0, 5, (9, 2), generator=generator("draw")).T
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)))
    expected = np.stack(
        [padded[n, :, down : down + 5, right : right + 7] for n, (down, right) in enumerate(offsets.T.tolist())]
    )
    assert np.array_equal(cropped(x, 2, Draw(generator("draw"), 9)).numpy(), expected)
    assert len({tuple(pair) for pair in offsets.T.tolist()}) > 3


def test_flips_equal_a_loop_over_images_that_draws_the_same_coins():
    x = torch.rand(9, 2, 5, 7, generator=generator("x"))
    coins = torch.randint(0, 2, (9, 1, 1, 1), generator=generator("draw")).flatten().tolist()
    expected = np.stack([image[:, :, ::-1] if coin else image for image, coin in zip(x.numpy(), coins, strict=True)])
    assert np.array_equal(flipped(x, Draw(generator("draw"), 9)).numpy(), expected)
    assert 0 < sum(coins) < 9


def test_no_augmentation_leaves_a_batch_as_it_is():
    x = torch.rand(3, 4)
    assert augmented(x, Augment(), Draw(generator("draw"), 3)) is x


# --- metrics ----------------------------------------------------------------------------------------------------------


def test_scores_of_a_case_worked_by_hand():
    logits = torch.tensor([[0.75, 0.25], [0.6, 0.4], [0.1, 0.9]]).log()
    found = scores(logits, torch.tensor([0, 1, 1]), 3)
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.nll == pytest.approx(-(math.log(0.75) + math.log(0.4) + math.log(0.9)) / 3)
    assert found.per_class == (1.0, 0.5, None)
    # bins of width 1/15: 0.75, 0.6 and 0.9 each lie alone
    assert found.ece == pytest.approx((0.25 + 0.6 + 0.1) / 3)


def test_calibration_error_equals_a_loop_over_bins():
    logits = 3 * torch.randn(300, 4, generator=generator("ece"))
    labels = torch.randint(0, 4, (300,), generator=generator("ece labels"))
    p = logits.double().softmax(1).numpy()
    confidence, hit = p.max(1), p.argmax(1) == labels.numpy()
    error = 0.0
    for low in range(15):
        inside = (confidence > low / 15) & (confidence <= (low + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(hit[inside].mean() - confidence[inside].mean())
    assert scores(logits, labels, 4).ece == pytest.approx(error)


def test_saturated_logits_have_a_finite_likelihood_and_diverged_ones_none():
    saturated = scores(torch.tensor([[400.0, 0.0], [400.0, 0.0]]), torch.tensor([0, 1]), 2)
    assert saturated.nll == pytest.approx(200)
    assert saturated.ece == pytest.approx(0.5)
    diverged = scores(torch.full((2, 2), math.nan), torch.tensor([0, 1]), 2)
    assert (diverged.nll, diverged.ece) == (None, None)


def test_nothing_to_score_is_refused():
    with pytest.raises(ValueError, match="none to score"):
        scores(torch.empty(0, 2), torch.empty(0, dtype=torch.int64), 2)


def test_evaluation_gives_the_same_in_any_chunks_and_leaves_modes_as_they_were():
    network = fresh(Mlp(hidden=(8,), dropout=0.5), (6,), 2, WHERE)
    network.train()
    network.body[1].eval()
    modes = [module.training for module in network.modules()]
    chunked, whole = evaluate(network, examples(), 2, chunk=7), evaluate(network, examples(), 2)
    assert chunked.accuracy == whole.accuracy
    assert chunked.nll == pytest.approx(whole.nll, rel=1e-6)
    assert [module.training for module in network.modules()] == modes


# --- the loop ---------------------------------------------------------------------------------------------------------


def test_the_same_address_gives_the_same_bits_whatever_the_global_stream_does():
    first = trained()

    def disturb():
        torch.random.default_generator.manual_seed(5)
        torch.rand(3)

    second = trained(between=disturb)
    assert [record for record, _ in first] == [record for record, _ in second]
    assert all(same(a, b) for (_, a), (_, b) in zip(first, second, strict=True))


def test_another_address_gives_other_weights():
    assert not same(trained()[-1][1], trained(where=("partition", 2, 0))[-1][1])


def test_stopping_early_leaves_the_epochs_before_as_they_would_have_been():
    whole, stopped = trained(epochs=4), trained(epochs=4, stop=2)
    assert [record for record, _ in whole[:2]] == [record for record, _ in stopped]
    assert same(whole[1][1], stopped[1][1])


def test_training_leaves_the_global_stream_as_it_found_it():
    before = torch.get_rng_state()
    trained(data=images(), model=Resnet8(width=2, dropout=0.5), augment={"crop": 1, "flip": True})
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_differs_from_epoch_to_epoch():
    """With a rate too small to learn, epochs differ in loss only by what dropout draws."""
    plain = [r.loss for r, _ in trained(lr=1e-12, model=Mlp(hidden=(8,), dropout=0.0), batch=40)]
    dropped = [r.loss for r, _ in trained(lr=1e-12, model=Mlp(hidden=(8,), dropout=0.5), batch=40)]
    assert plain == pytest.approx([plain[0]] * 3)
    assert len({round(loss, 5) for loss in dropped}) == 3


def test_two_steps_of_sgd_with_momentum_and_weight_decay_equal_the_hand_computed_ones():
    data = Examples(Resident(torch.tensor([[1.0, 2.0]])), torch.tensor([0]), torch.tensor([1]))
    network = Classifier(nn.Sequential(nn.Identity()), nn.Linear(2, 2))
    w, b = (parameter.detach().double().numpy().copy() for parameter in network.head.parameters())
    recipe = Recipe(lr=0.1, weight_decay=0.01, momentum=0.9, batch=1, epochs=2)
    list(fit(network, data, None, recipe, WHERE, 2))
    x, target = np.array([1.0, 2.0]), np.array([0.0, 1.0])
    velocity = [np.zeros_like(w), np.zeros_like(b)]
    for _ in range(2):
        z = w @ x + b
        p = np.exp(z) / np.exp(z).sum()
        gradients = [np.outer(p - target, x) + 0.01 * w, (p - target) + 0.01 * b]
        velocity = [0.9 * v + g for v, g in zip(velocity, gradients, strict=True)]
        w, b = w - 0.1 * velocity[0], b - 0.1 * velocity[1]
    assert np.allclose(network.head.weight.detach(), w, atol=1e-6)
    assert np.allclose(network.head.bias.detach(), b, atol=1e-6)


def test_a_last_batch_of_one_joins_the_batch_before_it():
    """Batch normalisation refuses a batch of one, so nine examples in batches of four are four and five."""
    epochs = trained(data=images(9), model=Resnet8(width=2), batch=4)
    assert len(epochs) == 3


@pytest.mark.parametrize(
    ("data", "model", "fields", "message"),
    [
        (
            Examples(Resident(torch.rand(3, 2)), torch.empty(0).long(), torch.empty(0).long()),
            Mlp(),
            {},
            "nothing is labelled",
        ),
        (examples(), Mlp(), {"augment": {"flip": True}}, "its changes are for images"),
        (images(1), Resnet8(width=2), {}, "batches of one"),
        (images(4), Resnet8(width=2), {"batch": 1}, "batches of one"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_field_and_remedy(data, model, fields, message):
    network = fresh(model, data.inputs.shape, 2, WHERE)
    with pytest.raises(ValueError, match=message):
        next(fit(network, data, None, Recipe(**fields), WHERE, 2))


def test_a_training_that_diverges_says_so_and_ends():
    network = fresh(Mlp(hidden=(8,)), (6,), 2, WHERE)
    epochs = list(fit(network, examples(), None, Recipe(lr=1e30, epochs=5, batch=8), WHERE, 2))
    assert len(epochs) == 1
    assert (epochs[0].finite, epochs[0].record.loss) == (False, None)
    with pytest.raises(ValueError, match=r"recipe\.lr: training diverged"):
        keep_best(epochs, Recipe(lr=1e30), network)


# --- the best epoch ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("accuracies", "best"), [([0.1, 0.7, 0.7, 0.2], 1), ([0.3, 0.2, 0.1], 0), ([None] * 3, 2)])
def test_the_first_best_epochs_weights_are_kept_and_not_a_view_of_the_last_ones(accuracies, best, monkeypatch):
    data, scripted = examples(), iter(accuracies)

    def scored(*_):
        return Scores(examples=1, accuracy=next(scripted), nll=0, ece=0, per_class=(), balanced_accuracy=0, macro_f1=0)

    monkeypatch.setattr("torchal.training.fit.evaluate", scored)
    network = fresh(Mlp(hidden=(8,)), (6,), 2, WHERE)
    recipe = Recipe(epochs=len(accuracies), batch=8)
    states = []

    def watched():
        for epoch in fit(network, data, None if accuracies[0] is None else data, recipe, WHERE, 2):
            states.append(epoch.state().network)
            yield epoch

    record, weights = keep_best(watched(), recipe, network)
    assert record.best == best
    assert same(weights, states[best])
    assert not any(same(weights, state) for number, state in enumerate(states) if number != best)


def test_the_weights_that_are_kept_score_what_the_best_epoch_scored():
    data = examples(60)
    learnt, held = (
        Examples(data.inputs, data.rows[:20], data.labels[:20]),
        Examples(data.inputs, data.rows[20:], data.labels[20:]),
    )
    network = fresh(Mlp(hidden=(8,)), (6,), 2, WHERE)
    recipe = Recipe(lr=1.5, epochs=25, batch=4)
    record, weights = keep_best(fit(network, learnt, held, recipe, WHERE, 2), recipe, network)
    last = record.history[-1].validation.accuracy
    assert record.history[record.best].validation.accuracy > last
    assert evaluate(network, held, 2).accuracy == last
    network.load_state_dict(weights)
    assert evaluate(network, held, 2) == record.history[record.best].validation


def test_weights_come_back_from_disk_bit_for_bit(tmp_path):
    network, other = (fresh(Resnet8(width=2), (1, 8, 8), 2, (name,)) for name in "ab")
    save_weights(tmp_path / "w.safetensors", network.state_dict())
    load_weights(other, tmp_path / "w.safetensors")
    assert same(network.state_dict(), other.state_dict())


def test_the_identity_of_a_task_follows_rows_labels_model_and_data():
    base = {"model": Mlp(), "labelled": examples(), "validation": None, "classes": 2, "dataset": "d"}
    data = examples()
    changes = [
        {},
        {"model": Mlp(dropout=0.1)},
        {"labelled": Examples(data.inputs, data.rows.flip(0), data.labels)},
        {"labelled": Examples(data.inputs, data.rows, 1 - data.labels)},
        {"validation": data},
        {"dataset": "e"},
    ]
    identities = [str(Task(**{**base, **change}).identity) for change in changes]
    assert len(set(identities)) == len(changes)
    assert str(Task(**base).identity) == identities[0]
