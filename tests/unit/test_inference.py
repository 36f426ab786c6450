import itertools
import math

import pytest
import torch
from torch import nn

from torchal.data.dataset import Resident
from torchal.inference import logits_and_features, mc_probabilities
from torchal.models import Classifier
from torchal.rng import generator, seeded
from torchal.testing.watch import portrait, streams

WHERE = ("test", 0)
ROWS = torch.tensor([4, 0, 9, 2, 7, 7, 1])


def network(dropout=0.4) -> Classifier:
    with seeded("test network"):
        body = nn.Sequential(
            nn.Linear(5, 6),
            nn.BatchNorm1d(6),
            nn.Sequential(nn.Tanh(), nn.Dropout(dropout)),
            nn.Linear(6, 4),
            nn.Tanh(),
        )
        return Classifier(body, nn.Linear(4, 3))


def vectors(n=10, width=5) -> Resident:
    return Resident(torch.randn(n, width, generator=generator("test inputs")))


def mask(sample, name, shape, drop):
    kept = torch.rand(shape, generator=generator(*WHERE, "mc-dropout", sample, name)) >= drop
    return kept.float() / (1 - drop)


# --- plain passes -----------------------------------------------------------------------------------------------------


def test_logits_and_features_are_those_of_the_network_in_evaluation_mode():
    model, inputs = network().eval(), vectors()
    with torch.no_grad():
        expected = model.features(inputs.values[ROWS])
        logits = model(inputs.values[ROWS])
    found = logits_and_features(model.train(), inputs, ROWS, chunk=3)
    torch.testing.assert_close(found, (logits, expected))
    assert not found[0].requires_grad


def test_no_batch_exceeds_the_chunk():
    model, seen = network(), []
    model.body[0].register_forward_hook(lambda _layer, _args, output: seen.append(len(output)))
    logits_and_features(model, vectors(), ROWS, chunk=3)
    assert seen == [3, 3, 1]


def test_no_rows_give_empty_results_of_the_right_width_though_layers_refuse_empty_batches():
    class Picky(nn.Module):
        def forward(self, x):
            return x / (len(x) > 0)

    model = Classifier(nn.Sequential(Picky(), nn.Linear(5, 4)), nn.Linear(4, 3))
    logits, features = logits_and_features(model, vectors(), torch.empty(0, dtype=torch.int64))
    assert logits.shape == (0, 3)
    assert features.shape == (0, 4)


def test_images_reach_the_network_scaled_and_normalised():
    images = torch.arange(2 * 3 * 2 * 2, dtype=torch.uint8).reshape(2, 3, 2, 2)
    inputs = Resident(images, mean=torch.tensor([0.1, 0.2, 0.3]), std=torch.tensor([1.0, 2.0, 4.0]))
    model = Classifier(nn.Sequential(nn.Flatten()), nn.Linear(12, 2))
    features = logits_and_features(model, inputs, torch.tensor([1]))[1]
    expected = (images[1] / 255 - torch.tensor([0.1, 0.2, 0.3])[:, None, None]) / torch.tensor([1.0, 2.0, 4.0])[
        :, None, None
    ]
    torch.testing.assert_close(features[0], expected.flatten())


@pytest.mark.parametrize("passes", ["plain", "sampled"])
def test_the_network_and_the_global_streams_are_left_as_found_even_where_modes_are_mixed(passes):
    model = network()
    model.body[1].eval()
    before = portrait(model), streams()
    if passes == "plain":
        logits_and_features(model, vectors(), ROWS)
    else:
        mc_probabilities(model, vectors(), ROWS, 3, WHERE)
    assert (portrait(model), streams()) == before


def test_a_pass_that_fails_half_way_leaves_modes_and_hooks_as_found():
    model = network()
    model.body.append(nn.Linear(99, 99))
    before = portrait(model)
    with pytest.raises(RuntimeError):
        mc_probabilities(model, vectors(), ROWS, 2, WHERE)
    assert portrait(model) == before


# --- Monte-Carlo dropout ----------------------------------------------------------------------------------------------


def test_samples_equal_whole_passes_with_the_same_masks():
    model, inputs = network(0.4).eval(), vectors()
    x = inputs.values[ROWS]
    expected = []
    with torch.no_grad():
        for sample in range(4):
            hidden = model.body[1](model.body[0](x)).tanh() * mask(sample, "body.2.1", (6,), 0.4)
            expected.append(model.head(model.body[3](hidden).tanh()).double().softmax(-1))
    found = mc_probabilities(model.train(), inputs, ROWS, 4, WHERE, chunk=3)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, torch.stack(expected), rtol=0, atol=1e-6)


def test_masks_depend_neither_on_the_chunk_nor_on_the_order_of_rows():
    model, inputs, order = network(), vectors(), torch.tensor([3, 1, 6, 0, 2, 5, 4])
    whole = mc_probabilities(model, inputs, ROWS, 3, WHERE)
    torch.testing.assert_close(mc_probabilities(model, inputs, ROWS, 3, WHERE, chunk=2), whole, rtol=0, atol=1e-6)
    shuffled = mc_probabilities(model, inputs, ROWS[order], 3, WHERE)
    torch.testing.assert_close(shuffled, whole[:, order], rtol=0, atol=1e-6)


def test_a_sample_does_not_depend_on_how_many_are_drawn_and_samples_differ():
    few, many = (mc_probabilities(network(), vectors(), ROWS, samples, WHERE) for samples in (2, 5))
    assert torch.equal(few, many[:2])
    assert not torch.allclose(many[0], many[1])


def test_another_address_draws_other_masks():
    here, there = (mc_probabilities(network(), vectors(), ROWS, 2, where) for where in (WHERE, ("test", 1)))
    assert not torch.allclose(here, there)


def test_what_precedes_the_first_active_dropout_runs_once_a_chunk():
    model, calls = network(), {"trunk": 0, "tail": 0}
    model.body.insert(0, nn.Dropout(0.0))
    for name, step in (("trunk", 1), ("tail", 4)):
        model.body[step].register_forward_hook(lambda *_, name=name: calls.update({name: calls[name] + 1}))
    mc_probabilities(model, vectors(), ROWS, 5, WHERE, chunk=4)
    assert calls == {"trunk": 2, "tail": 10}


def linear_in_kept_unit(drop, layer=nn.Dropout):
    """The log-odds of class 0 are what the one unit passes on."""
    model = Classifier(nn.Sequential(layer(drop)), nn.Linear(1, 2, bias=False))
    model.head.weight.data = torch.tensor([[1.0], [0.0]])
    return model


def test_kept_units_are_scaled_by_one_over_the_probability_to_keep():
    probabilities = mc_probabilities(
        linear_in_kept_unit(0.75), Resident(torch.tensor([[0.5]])), torch.tensor([0]), 400, WHERE
    )
    odds = (probabilities[:, 0, 0] / probabilities[:, 0, 1]).log()
    kept = odds > 1
    torch.testing.assert_close(odds, torch.where(kept, 2.0, 0.0).double(), rtol=0, atol=1e-6)
    assert abs(float(kept.double().mean()) - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 400)


def test_a_dropout_of_one_silences_the_unit_instead_of_dividing_by_zero():
    probabilities = mc_probabilities(
        linear_in_kept_unit(1.0), Resident(torch.tensor([[0.5]])), torch.tensor([0]), 2, WHERE
    )
    assert probabilities.tolist() == [[[0.5, 0.5]]] * 2


def test_the_mean_of_many_samples_is_the_expectation_over_all_masks():
    model = Classifier(nn.Sequential(nn.Dropout(0.3)), nn.Linear(3, 2))
    with torch.no_grad():
        model.head.weight.copy_(torch.tensor([[1.0, -2.0, 0.5], [0.3, 0.7, -1.0]]))
    x = torch.tensor([[1.0, 0.5, -1.0]])
    expected = torch.zeros(2, dtype=torch.float64)
    for kept in itertools.product((0, 1), repeat=3):
        chance = math.prod(0.7 if each else 0.3 for each in kept)
        expected += chance * model.head(x[0] * torch.tensor(kept) / 0.7).detach().double().softmax(-1)
    samples = mc_probabilities(model, Resident(x), torch.tensor([0]), 3000, WHERE)[:, 0]
    error = samples.std(0) / math.sqrt(3000)
    assert ((samples.mean(0) - expected).abs() < 4 * error).all()


@pytest.mark.parametrize("layer", [nn.Dropout1d, nn.Dropout2d, nn.Dropout3d])
def test_channel_dropout_drops_whole_channels(layer):
    dims = {nn.Dropout1d: 1, nn.Dropout2d: 2, nn.Dropout3d: 3}[layer]
    model, seen = Classifier(nn.Sequential(layer(0.5), nn.Flatten()), nn.Linear(8 * 2**dims, 2)), []
    model.body[1].register_forward_hook(lambda _layer, args, _output: seen.append(args[0]))
    mc_probabilities(model, Resident(torch.ones(2, 8, *[2] * dims)), torch.tensor([0, 1]), 6, WHERE)
    passed = torch.stack(seen).flatten(3)
    assert set(passed.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(passed, passed[:, :1, :, :1].expand_as(passed))


def test_a_layer_called_twice_drops_different_units_each_time():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.dropout, self.seen = nn.Dropout(0.5), []

        def forward(self, x):
            once, again = self.dropout(x), self.dropout(x)
            self.seen += [once, again]
            return once + again

    block = Twice()
    mc_probabilities(
        Classifier(nn.Sequential(block), nn.Linear(30, 2)), Resident(torch.ones(3, 30)), ROWS % 3, 2, WHERE, 4
    )
    once, again, *_ = block.seen
    assert not torch.equal(once, again)
    assert torch.equal(block.seen[0][0], block.seen[4][0]), "the second chunk must meet the masks of the first"


def test_a_block_that_changes_its_input_in_place_does_not_spoil_later_samples():
    class Greedy(nn.Module):
        def __init__(self):
            super().__init__()
            self.dropout = nn.Dropout(0.5)

        def forward(self, x):
            return self.dropout(x.add_(1))

    model = Classifier(nn.Sequential(nn.Linear(5, 4), Greedy()), nn.Linear(4, 3))
    both = mc_probabilities(model, vectors(), ROWS, 2, WHERE)
    with torch.no_grad():
        hidden = (model.body[0](vectors().values[ROWS]) + 1) * mask(1, "body.1.dropout", (4,), 0.5)
        expected = model.head(hidden).double().softmax(-1)
    torch.testing.assert_close(both[1], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("model", [network(0.0), Classifier(nn.Sequential(nn.Linear(5, 4)), nn.Linear(4, 3))])
def test_a_network_without_active_dropout_is_refused_with_the_remedy(model):
    with pytest.raises(ValueError, match="rank rounding noise; set the model's option 'dropout' above 0"):
        mc_probabilities(model, vectors(), ROWS, 2, WHERE)


def test_alpha_dropout_is_refused_and_not_silently_left_out():
    model = Classifier(nn.Sequential(nn.Dropout(0.1), nn.AlphaDropout(0.2)), nn.Linear(5, 3))
    with pytest.raises(ValueError, match=r"layer 'body\.1' is AlphaDropout"):
        mc_probabilities(model, vectors(), ROWS, 2, WHERE)
