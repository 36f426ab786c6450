"""What must not change a choice: where features lie, how long they are, how classes are numbered."""

import pytest
import torch

from torchal.query import Strategy
from torchal.rng import generator
from torchal.selection import select
from torchal.spec import names

ROWS, WIDTH, CLASSES, KNOWN = 80, 6, 4, 12
TRANSLATED = ("coreset", "centre_of_gravity", "cluster_margin")  # k-means is so in law, but draws otherwise
SCALED = (
    *TRANSLATED,
    "cluster_stratified_random",
    "badge",
    "maxherding",
    "uherding",
    "probcover",
    "typiclust",
    "coregcn",
    "uncertaingcn",
)
RENUMBERED = (
    "uncertainty",
    "margin",
    "entropy",
    "dbal",
    "bald",
    "qbc",
    "tod",
    "badge",
    "bait",
    "batchbald",
    "powerbald",
    "powermargin",
    "uncertainty_mix",
    "uncertainty_bins",
    "cluster_margin",
    "coreset",
    "typiclust",
    "learning_loss",
    "subsample",
    "tcm",
)


def whole(seed, *shape):
    """Small whole numbers, so that moving and doubling are exact."""
    return torch.randint(-8, 9, shape, generator=generator(seed, "whole")).double()


def arrays(order=None):
    """What may be known of a pool, its classes in some order."""
    order = torch.arange(CLASSES) if order is None else order
    logits = torch.randn(ROWS, CLASSES, generator=generator("l"), dtype=torch.float64)[:, order]
    networks = torch.randn(5, ROWS, CLASSES, generator=generator("n"), dtype=torch.float64)[..., order]
    labels = torch.arange(KNOWN) % CLASSES
    return {
        "logits": logits,
        "embeddings": whole("z", ROWS, WIDTH),
        "mc_probabilities": (2 * networks).softmax(-1),
        "committee_probabilities": (2 * networks[:3]).softmax(-1),
        "previous_probabilities": networks[4].softmax(-1),
        "labels": order.argsort()[labels],
    }


def asked(name, **facts):
    budget = 4 if name == "batchbald" else 8
    return select(name, budget=budget, labelled=range(KNOWN), **facts).tolist()


@pytest.mark.parametrize("name", TRANSLATED)
def test_moving_all_features_changes_no_choice(name):
    facts = arrays()
    moved = facts | {"embeddings": facts["embeddings"] + 2.0**20}
    assert asked(name, **moved) == asked(name, **facts)


@pytest.mark.parametrize("factor", [2.0**-12, 2.0**12])
@pytest.mark.parametrize("name", SCALED)
def test_scaling_all_features_changes_no_choice(name, factor):
    facts = arrays()
    longer = facts | {"embeddings": facts["embeddings"] * factor}
    assert asked(name, **longer) == asked(name, **facts)


@pytest.mark.parametrize("name", RENUMBERED)
def test_renumbering_the_classes_changes_no_choice(name):
    order = torch.tensor([2, 0, 3, 1])
    assert asked(name, **arrays(order)) == asked(name, **arrays())


@pytest.mark.parametrize("name", ["uncertainty", "margin", "entropy", "powermargin", "badge", "galaxy"])
def test_adding_a_number_to_the_logits_of_a_row_changes_no_choice(name):
    facts = arrays()
    shift = torch.randint(-1000, 1001, (ROWS, 1), generator=generator("shift")).double()
    facts["logits"] = (facts["logits"] * 2**20).round() / 2**20  # so that the sums are exact
    assert asked(name, **facts | {"logits": facts["logits"] + shift}) == asked(name, **facts)


def test_every_name_above_is_a_strategy():
    assert {*SCALED, *RENUMBERED} <= set(names(Strategy.room))
