"""The rows that TorchAL's rules choose, from the same tables; docs/same-picks.md has the figures of larger pools."""

import numpy as np
import pytest
from benchmarks import _differences as differences
from benchmarks import _torchal_rules as rules
from benchmarks._agreement import CASES
from benchmarks._effects import last_epoch
from benchmarks._pools import RECIPE, made_up, of_digits

from torchal.selection import select

# --- the rules themselves, worked by hand -----------------------------------------------------------------------------

SAID = np.array([[[0.5, 0.5], [1.0, 0.0], [0.9, 0.1]], [[0.5, 0.5], [0.0, 1.0], [0.9, 0.1]]])


def test_entropies_of_means_and_disagreement_are_in_bits():
    np.testing.assert_allclose(rules.mean_entropy(SAID), [1, 1, 0.468996], atol=1e-6)
    np.testing.assert_allclose(rules.disagreement(SAID), [0, 1, 0], atol=2e-6)
    assert rules.bald(SAID, 1).tolist() == [1]


def test_a_probability_of_zero_makes_nan_which_comes_first():
    certain = np.stack([SAID[0], SAID[0]])
    assert np.isnan(rules.mean_entropy(certain)).tolist() == [False, True, False]
    assert rules.dbal(certain, 1).tolist() == [1]


def test_votes_are_counted_by_class():
    said = np.eye(3)[[[0, 0, 0], [0, 0, 1], [0, 1, 2]]]  # members x rows: rows vote 0 0 0, 0 0 1, 0 1 2
    np.testing.assert_allclose(rules.vote_ratio(said), [0, 1 / 3, 2 / 3])
    assert rules.committee(said, 2).tolist() == [2, 1]


def test_confidence_and_its_two_ends():
    logits = np.array([[0.0, 0], [3, 0], [1, 0], [9, 0], [2, 0]], dtype=np.float32)
    assert rules.least_confidence(logits, 2).tolist() == [0, 2]
    assert set(rules.mixed(logits, 3).tolist()) == {0, 1, 3}


def test_bins_give_their_share_from_the_highest_logit_on():
    logits = np.arange(12.0)[::-1, None]
    for seed in range(5):
        chosen = rules.bins(logits, 5, 4, np.random.default_rng(seed))
        assert [row // 3 for row in chosen.tolist()] == [0, 0, 1, 1, 2]


def test_distances_are_taken_from_the_mean_of_everything_and_from_the_nearest_centre():
    line = np.array([[0.0], [1.0], [5.0]], dtype=np.float32)
    known = np.array([[30.0]], dtype=np.float32)
    assert rules.centre_of_gravity(line, known, 3).tolist() == [0, 1, 2]
    assert rules.core_set(np.array([[2.0], [9.0], [5.0]], dtype=np.float32), line[:1], 2).tolist() == [1, 2]


# --- ours -------------------------------------------------------------------------------------------------------------


QUICK = RECIPE.model_copy(update={"epochs": 4})


@pytest.fixture(scope="module")
def given():
    return [*(made_up(number, size=400, known=50, budget=40) for number in range(4)), of_digits(0, recipe=QUICK)]


@pytest.mark.parametrize("name", CASES)
def test_the_same_rows_are_chosen_as_by_torchals_rule_up_to_ties(name, given):
    found = [CASES[name][1](pool) for pool in given]
    assert all(each.tied for each in found)
    assert all(each.identical for each in found) or name == "qbc"


@pytest.mark.parametrize(("name", "bent"), [("uncertainty", "entropy"), ("qbc", "random"), ("coreset", "random")])
def test_another_rule_would_be_noticed(name, bent, given, monkeypatch):
    monkeypatch.setattr("benchmarks._agreement.select", lambda _, **arrays: select(bent, **arrays))
    assert not any(CASES[name][1](pool).tied for pool in given[:2])


# --- deliberate differences -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measured", "ours"),
    [
        (lambda: differences.votes(4000, 500), 0),
        (lambda: differences.confident_half(500, 60), 0),
        (lambda: differences.saturated(300, 20, 40), 0),
        (lambda: differences.copies(20, 4, 40), 40),
        (lambda: differences.far_from_origin(300, 512, 100), 100),
        (lambda: differences.bin_draws(200, 40, 10), 0),
        (differences.per_cent, [10.0, 15.0, 20.0, 25.0]),
    ],
)
def test_what_torchals_rule_gets_wrong_shows_in_it_and_not_in_ours(measured, ours):
    found = measured()
    assert found["torchal"] == ours
    assert found["torchals_rule"] != ours


def test_noise_is_kept_and_has_its_rate():
    kept, rate = differences.noise_kept(), differences.noise_rate(20_000)
    assert 40 < kept["torchal"] < 50  # 45 of 500 are expected
    assert 8 <= kept["torchals_rule"] <= 10
    assert abs(rate["torchal"] - 10) < 1
    assert abs(rate["torchals_rule"] - 9) < 1
    assert abs(rate["torchal_as_torchal"] - 9) < 1


def test_a_network_without_dropout_gives_rounding_noise_to_torchals_rule_and_is_refused_here():
    found = differences.without_dropout(300, 40)
    assert found["largest_score_in_bits"] < 1e-6
    assert found["torchals_rule"] > 5
    assert found["torchal"].startswith("refused: model: dropout is 0")


def test_a_snapshot_has_the_validation_accuracy_that_was_recorded_and_the_last_weights_never_more():
    found = last_epoch(seeds=2, trials=1, epochs=6)
    assert found["recorded_validation_less_that_of_the_weights"]["mean"] >= 0
    assert found["difference"]["n"] == 2
