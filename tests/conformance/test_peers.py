"""The same choices as other packages make, where they have the same rule; each difference is named."""

import numpy as np
import pytest
import torch

from torchal.kernels.information import entropy, mutual_information
from torchal.rng import generator
from torchal.selection import select


def pool(seed, rows=60, width=6, classes=4):
    embeddings = torch.randn(rows, width, generator=generator(seed, "z"), dtype=torch.float64).numpy()
    logits = 3 * torch.randn(rows, classes, generator=generator(seed, "l"), dtype=torch.float64)
    return embeddings, logits.softmax(1).numpy()


def sampled(seed, networks=5, rows=30, classes=3):
    logits = 2 * torch.randn(networks, rows, classes, generator=generator(seed, "s"), dtype=torch.float64)
    return logits.softmax(-1).numpy()


def labels(rows, known):
    """As scikit-activeml wants them: NaN where there is none."""
    y = np.full(rows, np.nan)
    y[:known] = np.arange(known) % 2
    return y


# --- scikit-activeml --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "method"), [("uncertainty", "least_confident"), ("margin", "margin_sampling"), ("entropy", "entropy")]
)
def test_uncertainty_ranks_as_scikit_activeml_does(name, method):
    peer = pytest.importorskip("skactiveml.pool")
    for seed in range(10):
        _, probabilities = pool(seed)
        scores = peer.uncertainty_scores(probabilities, method=method)
        assert select(name, budget=10, probabilities=probabilities).tolist() == (-scores).argsort()[:10].tolist()


def test_core_set_chooses_as_scikit_activeml_does():
    peer = pytest.importorskip("skactiveml.pool")
    for seed in range(10):
        embeddings, _ = pool(seed)
        theirs = peer.CoreSet(random_state=0).query(embeddings, labels(60, 5), batch_size=12)
        assert select("coreset", budget=12, embeddings=embeddings, labelled=range(5)).tolist() == theirs.tolist()


def test_committees_disagree_as_in_scikit_activeml():
    peer = pytest.importorskip("skactiveml.pool")
    for seed in range(10):
        said = sampled(seed)
        divergence = peer.average_kl_divergence(said)
        # theirs sums over the members where the formula has a mean, which changes no order
        ours = mutual_information(torch.from_numpy(said)).numpy()
        assert np.corrcoef(divergence, ours)[0, 1] > 1 - 1e-9
        chosen = select({"name": "qbc", "disagreement": "kl_divergence"}, budget=8, committee_probabilities=said)
        assert chosen.tolist() == (-divergence).argsort(kind="stable")[:8].tolist()
        ratios = peer.variation_ratios(said.argmax(-1).T)
        taken = select("qbc", budget=8, committee_probabilities=said)
        # theirs leaves ties to chance, ours to the entropy of the mean: the levels agree
        assert sorted(ratios[taken], reverse=True) == sorted(ratios, reverse=True)[:8]


def test_batchbald_chooses_as_scikit_activeml_does():
    peer = pytest.importorskip("skactiveml.pool")
    for seed in range(5):
        said = sampled(seed, rows=12)
        theirs = peer.batch_bald(said, batch_size=3, random_state=0)
        first = int(np.nanargmax(theirs[0]))
        assert select("batchbald", budget=3, mc_probabilities=said).tolist()[0] == first


def test_maxherding_chooses_as_scikit_activeml_does():
    peer = pytest.importorskip("skactiveml.pool")
    for seed in range(10):
        embeddings, _ = pool(seed)
        # theirs is exp(-gamma d^2) over labelled and pool rows alike, ours exp(-d^2 / radius^2) over the pool
        theirs = peer.MaxHerding(metric_dict={"gamma": 1.0}, random_state=0).query(
            embeddings, labels(60, 0), batch_size=6
        )
        assert select("maxherding", budget=6, embeddings=embeddings).tolist() == theirs.tolist()


# --- modAL ------------------------------------------------------------------------------------------------------------


class Committee:
    """What modAL asks of a committee."""

    def __init__(self, said):
        self._said = said

    def vote_proba(self, _, **__):
        return self._said.transpose(1, 0, 2)

    def predict_proba(self, _, **__):
        return self._said.mean(0)


def test_consensus_entropy_is_modals():
    peer = pytest.importorskip("modAL.disagreement")
    for seed in range(10):
        said = sampled(seed)
        theirs = peer.consensus_entropy(Committee(said), None)
        np.testing.assert_allclose(entropy(torch.from_numpy(said).mean(0)).numpy(), theirs, atol=1e-12)
        chosen = select({"name": "qbc", "disagreement": "consensus_entropy"}, budget=8, committee_probabilities=said)
        assert chosen.tolist() == (-theirs).argsort(kind="stable")[:8].tolist()


# --- small-text -------------------------------------------------------------------------------------------------------


def test_core_set_chooses_as_small_text_does():
    peer = pytest.importorskip("small_text")
    for seed in range(10):
        embeddings, _ = pool(seed)
        # version 1.4.1 takes its choices, counted in the pool, for rows of x, which is right if the pool comes first
        theirs = peer.greedy_coreset(embeddings, np.arange(55), np.arange(55, 60), 12, distance_metric="euclidean")
        assert select("coreset", budget=12, embeddings=embeddings, labelled=range(55, 60)).tolist() == theirs.tolist()


# --- baal and batchbald-redux, which are tried where they are installed ----------------------------------------------


def test_bald_scores_are_baals():
    peer = pytest.importorskip("baal.active.heuristics")
    for seed in range(10):
        said = sampled(seed)
        theirs = peer.BALD().get_uncertainties(said.transpose(1, 2, 0))  # rows x classes x samples
        ours = mutual_information(torch.from_numpy(said)).numpy()
        np.testing.assert_allclose(ours, theirs, atol=1e-4)  # theirs adds 1e-5 to probabilities


def test_batchbald_chooses_as_its_authors_program_does():
    peer = pytest.importorskip("batchbald_redux.batchbald")
    for seed in range(5):
        said = sampled(seed, rows=12)
        log = torch.from_numpy(said).log().transpose(0, 1)
        theirs = peer.get_batchbald_batch(log, 4, 100_000, dtype=torch.double)
        assert select("batchbald", budget=4, mc_probabilities=said).tolist() == theirs.indices
