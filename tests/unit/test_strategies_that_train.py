"""Committees, the cycle before, and strategies with networks of their own, each against its formula."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from torchal.kernels.ranking import ranks
from torchal.models.own import loss_head, vae
from torchal.models.own.graph import GraphNetwork, GraphTraining, Similarities
from torchal.query import Strategy, choose
from torchal.rng import generator, seeded
from torchal.selection import select
from torchal.spec import resolve
from torchal.testing.fakes import FakePool


def strategy(name, **fields):
    return resolve(Strategy, name)(**fields)


# --- query by committee -----------------------------------------------------------------------------------------------


def nats(distribution):
    return -sum(p * math.log(p) for p in distribution if p > 0)


def mean(said):
    return [sum(column) / len(said) for column in zip(*said, strict=True)]


def ratio(said):
    votes = Counter(max(range(len(p)), key=p.__getitem__) for p in said)
    return 1 - max(votes.values()) / len(said)


MEASURES = {
    "variation_ratio": lambda said: (ratio(said), nats(mean(said))),
    "consensus_entropy": lambda said: nats(mean(said)),
    "kl_divergence": lambda said: sum(
        p * math.log(p / q) for member in said for p, q in zip(member, mean(said), strict=True) if p > 0
    ),
}


@settings(max_examples=150)
@given(seed=st.integers(0, 10**6), members=st.integers(2, 5), measure=st.sampled_from(sorted(MEASURES)))
def test_a_committee_chooses_what_the_formula_of_its_disagreement_chooses(seed, members, measure):
    said = torch.rand(members, 9, 3, generator=generator(seed), dtype=torch.float64).pow(3)
    said /= said.sum(-1, keepdim=True)
    scores = [MEASURES[measure]([p.tolist() for p in said[:, row]]) for row in range(9)]
    expected = sorted(range(9), key=scores.__getitem__, reverse=True)[:4]
    chosen = select({"name": "qbc", "disagreement": measure}, budget=4, committee_probabilities=said)
    assert chosen.tolist() == expected


def test_a_committee_whose_votes_tie_is_settled_by_its_entropy_and_not_by_the_order_of_the_pool():
    # three votes for class 0 everywhere, so that every variation ratio is 0; entropies of the mean rise to the right
    sure, less, least = [0.9, 0.1], [0.7, 0.3], [0.6, 0.4]
    assert select("qbc", budget=2, committee_probabilities=[[sure, less, least]] * 3).tolist() == [2, 1]
    # one dissenter beats any entropy
    split = [[least, sure], [least, sure], [least, [0.45, 0.55]]]
    assert select("qbc", budget=1, committee_probabilities=split).tolist() == [1]


def test_ranks_order_by_the_first_score_and_then_by_the_second_and_keep_ties():
    first, second = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0]), torch.tensor([5.0, 9.0, 7.0, 8.0, 5.0])
    assert ranks(first, second).tolist() == [2, 1, 3, 0, 2]
    with pytest.raises(ValueError, match="1 of 2 are NaN"):
        ranks(torch.tensor([0, 1]), torch.tensor([0.0, math.nan]))


# --- temporal output discrepancy --------------------------------------------------------------------------------------


def test_the_largest_change_of_the_answer_is_chosen():
    now = [[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]
    before = [[0.8, 0.2], [0.1, 0.9], [0.2, 0.8]]  # distances 0.141, 0.566, 0
    assert select("tod", budget=3, probabilities=now, previous_probabilities=before).tolist() == [1, 0, 2]


def test_without_a_cycle_before_the_choice_is_random_and_belongs_to_the_query(monkeypatch):
    ctx = FakePool().context()
    monkeypatch.setattr(type(ctx.evidence.trainer), "previous", lambda _: None)
    chosen = choose(strategy("tod"), ctx).tolist()
    assert chosen == choose(strategy("tod"), ctx).tolist()
    assert chosen != list(range(10))


# --- graph networks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signed", [False, True])
def test_mixing_along_the_graph_equals_multiplying_by_its_matrix(signed):
    features = torch.randn(7, 4, generator=generator(1))
    features = features if signed else features.abs()
    unit = nn.functional.normalize(features, dim=1)
    similarity = unit @ unit.T + signed
    similarity.fill_diagonal_(0)
    matrix = similarity / similarity.sum(0) + torch.eye(7)
    h = torch.randn(7, 3, generator=generator(2))
    torch.testing.assert_close(Similarities(features).mix(h), matrix @ h)


def test_a_row_without_features_keeps_its_own_value():
    graph = Similarities(torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]))
    h = torch.tensor([[5.0], [1.0], [2.0]])
    torch.testing.assert_close(graph.mix(h)[0], h[0])


def test_a_graph_network_learns_to_tell_the_labelled_rows_from_others():
    near, far = torch.tensor([1.0, 0.1]), torch.tensor([0.1, 1.0])
    graph = Similarities(torch.stack([near] * 5 + [far] * 5))
    training = GraphTraining(hidden=8, epochs=300, dropout=0.0)
    with seeded("graph"):
        network = training.build(graph)
        training.learn(graph, 5, network)
    says = network(graph)
    assert says[:5].min() > says[5:].max()


@pytest.mark.parametrize("name", ["coregcn", "uncertaingcn"])
def test_graph_strategies_choose_by_the_network_they_trained(name):
    ctx = FakePool().context()
    made = strategy(name, epochs=5, hidden=4)
    graph = Similarities(torch.cat([ctx.labelled_embeddings, ctx.embeddings]))
    with seeded(*ctx.where, "graph"):
        network = GraphNetwork(8, 4, 0.3)
        made.learn(graph, 12, network)
    network.eval()
    chosen = choose(made, ctx).tolist()
    with torch.no_grad():
        if name == "coregcn":
            hidden = network.hidden(graph).double()
            nearest = torch.cdist(hidden[12:], hidden[:12]).amin(1)
            assert chosen[0] == int(nearest.argmax())
        else:
            away = (network(graph)[12:].sigmoid() - 0.1).abs()
            assert chosen == away.argsort(stable=True)[:10].tolist()


# --- learning loss ----------------------------------------------------------------------------------------------------


def test_the_ranking_loss_is_the_mean_hinge_over_mirrored_pairs():
    predicted, true = torch.tensor([0.0, 2.0, 9.0, 1.0, 0.5]), torch.tensor([3.0, 1.0, 7.0, 2.0, 1.0])
    # pairs (0, 4): 3 > 1, gap -0.5: 1.5; (1, 3): 1 < 2, gap 1: 2; the middle has no partner
    assert float(loss_head.ranking_loss(predicted, true, 1.0)) == pytest.approx(1.75)


def test_a_loss_head_learns_the_order_of_losses_it_can_see():
    layers = [torch.rand(64, 3, generator=generator(3)), torch.rand(64, 2, generator=generator(4))]
    losses = layers[0][:, 0] + layers[1][:, 1]
    with seeded("head"):
        head = loss_head.LossHead([3, 2], 8)
    order = torch.stack([torch.randperm(64, generator=generator(5, n)) for n in range(150)])
    loss_head.learn(head, layers, losses, order, batch=16, lr=1e-2, margin=1.0)
    with torch.no_grad():
        agreement = torch.corrcoef(torch.stack([head(layers), losses]))[0, 1]
    assert agreement > 0.95


def test_learning_loss_chooses_the_highest_predictions_of_its_head():
    ctx = FakePool().context()
    asked = []
    own = ctx.own
    ctx.own = lambda *given: asked.append(own(*given)) or asked[0]
    chosen = choose(strategy("learning_loss", epochs=3), ctx).tolist()
    with torch.no_grad():
        assert chosen == asked[0](ctx.layers).argsort(descending=True, stable=True)[:10].tolist()


# --- VAAL -------------------------------------------------------------------------------------------------------------


def count(module):
    return sum(each.numel() for each in module.parameters())


def test_the_autoencoder_and_the_discriminator_have_the_published_numbers_of_parameters():
    shape = (3, 32, 32)
    assert count(vae.Encoder(shape, 32, 128)) + count(vae.decoder(shape, 32, 128)) == 22_835_139
    assert count(vae.discriminator(32)) == 805_377


def test_the_divergence_is_that_of_normal_distributions():
    mean, log_variance = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, math.log(4.0)]])
    # 1/2 for the shifted one; (4 - log 4 - 1) / 2 for the wide one
    assert float(vae.divergence(mean, log_variance)) == pytest.approx(0.5 + (3 - math.log(4)) / 2)


@pytest.mark.parametrize("shape", [(5,), (1, 8, 8), (3, 40, 24)])
def test_the_autoencoder_takes_vectors_and_images_of_any_size(shape):
    x = vae.prepared(torch.rand(2, *shape))
    mean, _ = vae.Encoder(shape, 4, 8)(x)
    assert vae.decoder(shape, 4, 8)(mean).shape == x.shape


@pytest.mark.parametrize("rule", [{"rule": "distance"}, {"rule": "discriminator", "adversary": 0.0}])
def test_rows_unlike_the_labelled_ones_are_chosen(rule):
    spread = torch.randn(80, 4, generator=generator(6)) * 0.1
    spread[60:] += 3  # what is labelled lies around 0, and so does the pool but for its last rows
    options = {"name": "vaal", "epochs": 30, "latent": 2, "batch": 16, **rule}
    chosen = select(options, budget=10, inputs=spread, labelled=range(20)).tolist()
    assert sum(row >= 60 for row in chosen) >= 9


def test_a_step_of_the_game_moves_the_rival_by_what_the_moved_encoder_says_and_leaves_the_encoder_to_its_own_move():
    def played(adversary):
        with seeded("game"):
            networks = nn.ModuleDict({"encoder": vae.Encoder((3,), 2, 1), "discriminator": vae.discriminator(2)})
            vae.Game(networks, vae.decoder((3,), 2, 1), 1e-2, beta=0.0, adversary=adversary).step(
                torch.ones(8, 3), -torch.ones(8, 3)
            )
        return networks

    calm, fierce = played(0.0), played(50.0)
    assert not torch.equal(calm["encoder"].mean.weight, fierce["encoder"].mean.weight)
    assert not torch.equal(calm["discriminator"][-2].weight, fierce["discriminator"][-2].weight)
