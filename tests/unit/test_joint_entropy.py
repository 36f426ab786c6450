import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchal.kernels.information import mutual_information
from torchal.kernels.joint import batch_bald, batch_bald_sampled, joint_entropy
from torchal.rng import generator


def random(samples, pool, classes, address="rows", sharpness=2.0):
    noise = torch.randn(samples, pool, classes, generator=generator(address), dtype=torch.float64)
    return (sharpness * noise).softmax(-1)


def plain_joint_entropy(probabilities):
    """By the definition: each labelling's probability is the mean over samples of a product over points."""
    samples, points, classes = len(probabilities), len(probabilities[0]), len(probabilities[0][0])
    total = 0.0
    for labels in itertools.product(range(classes), repeat=points):
        products = [math.prod(row[n][labels[n]] for n in range(points)) for row in probabilities]
        mean = math.fsum(products) / samples
        total -= mean * math.log(mean) if mean else 0.0
    return total


def plain_information(probabilities, chosen):
    """Joint entropy less the entropy left when the sample is known, which is a sum over points."""
    some = [[row[n] for n in chosen] for row in probabilities]
    settled = math.fsum(-p * math.log(p) for row in some for point in row for p in point if p) / len(some)
    return plain_joint_entropy(some) - settled


def plain_choice(probabilities, budget):
    chosen, pool = [], len(probabilities[0])
    while len(chosen) < budget:
        worth = {n: plain_information(probabilities, [*chosen, n]) for n in range(pool) if n not in chosen}
        chosen.append(min(n for n in worth if worth[n] >= max(worth.values()) - 1e-12))
    return chosen


tables = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(2, 3)).flatmap(
    lambda shape: st.lists(
        st.sampled_from([0, 0, 1, 2, 5, 1e-9, 1e-300]),
        min_size=math.prod(shape),
        max_size=math.prod(shape),
    ).map(lambda weights: torch.tensor(weights, dtype=torch.float64).reshape(shape))
)


def rows_of(table):
    table = table.clone()
    table[..., 0] += table.sum(-1).eq(0)  # a row of zeros becomes certain of the first class
    return table / table.sum(-1, keepdim=True)


@settings(max_examples=100)
@given(tables)
def test_the_joint_entropy_is_that_of_the_definition(table):
    probabilities = rows_of(table)
    assert joint_entropy(probabilities).item() == pytest.approx(plain_joint_entropy(probabilities.tolist()), abs=1e-12)


@settings(max_examples=150)
@given(table=tables, data=st.data())
def test_every_pick_adds_most_to_the_joint_information_with_ties_to_the_lowest_index(table, data):
    probabilities = rows_of(table)
    budget = data.draw(st.integers(1, min(3, probabilities.shape[1])))
    chosen = batch_bald(probabilities, budget, chunk=data.draw(st.integers(1, 60)))
    assert chosen.tolist() == plain_choice(probabilities.tolist(), budget)


def test_a_case_worked_by_hand():
    # Four samples, each sure of every label. Point 0 splits them 2 to 2 (1 bit), and so does its copy, point 1; point 2
    # splits them 3 to 1 (0.81 bits). After point 0 the copy adds nothing; point 2 splits one of its halves (0.5 bits).
    ones = torch.tensor([[0, 0, 0], [0, 0, 0], [1, 1, 0], [1, 1, 1]])
    probabilities = torch.stack([1.0 - ones, ones.float()], -1)
    assert batch_bald(probabilities, 3).tolist() == [0, 2, 1]
    assert joint_entropy(probabilities[:, [0, 2]]).item() == pytest.approx(1.5 * math.log(2), abs=1e-15)
    assert joint_entropy(probabilities).item() == pytest.approx(1.5 * math.log(2), abs=1e-15)


def test_points_that_are_only_noisy_are_no_choice():
    noisy, disputed = torch.full((2, 1, 2), 0.5), torch.tensor([[[0.9, 0.1]], [[0.8, 0.2]]])
    assert batch_bald(torch.cat([noisy, disputed], 1), 1).tolist() == [1]


def test_the_first_pick_is_the_highest_mutual_information():
    probabilities = random(7, 200, 5)
    assert batch_bald(probabilities, 1).item() == mutual_information(probabilities).argmax().item()


def test_a_copy_of_a_sure_disagreement_adds_nothing_so_that_others_come_first():
    sure = torch.eye(3, dtype=torch.float64)[:, None]  # each sample is sure of another class, which settles everything
    rest = random(3, 4, 3)
    assert batch_bald(torch.cat([sure, sure, rest, sure], 1), 2).tolist() == [0, 1]  # all add 0: the lowest
    half = torch.eye(2, dtype=torch.float64)[[0, 0, 1], None]
    some = torch.tensor([[[0.9, 0.1]], [[0.2, 0.8]], [[0.5, 0.5]]], dtype=torch.float64)
    assert batch_bald(torch.cat([half, half, some], 1), 2).tolist() == [0, 2]


def test_copies_of_float32_rows_add_exactly_nothing():
    agreed = random(1, 5, 7).float().expand(6, 5, 7)  # the samples are equal, so that no label tells anything
    assert batch_bald(agreed, 4).tolist() == [0, 1, 2, 3]


def test_neither_the_order_of_samples_nor_of_classes_matters_and_that_of_points_only_moves_them():
    probabilities = random(5, 30, 4)
    plain = batch_bald(probabilities, 4)
    assert torch.equal(batch_bald(probabilities[[3, 0, 4, 1, 2]], 4), plain)
    assert torch.equal(batch_bald(probabilities[..., [2, 0, 3, 1]], 4), plain)
    order = torch.randperm(30, generator=generator("order"))
    assert torch.equal(order[batch_bald(probabilities[:, order], 4)], plain)


def test_the_chunk_changes_no_pick():
    probabilities = random(4, 50, 3).float()
    answers = {tuple(batch_bald(probabilities, 5, chunk=chunk).tolist()) for chunk in (1, 100, 999, 10**6)}
    assert len(answers) == 1


def test_a_larger_budget_extends_the_choice_of_a_smaller_one():
    probabilities = random(4, 20, 3)
    assert torch.equal(batch_bald(probabilities, 6)[:3], batch_bald(probabilities, 3))


def test_the_whole_pool_can_be_asked_for():
    assert sorted(batch_bald(random(3, 6, 2), 6).tolist()) == list(range(6))


def test_half_precision_is_not_refused_for_its_rounding():
    rows = random(3, 40, 30)
    for dtype in (torch.float16, torch.bfloat16):
        assert batch_bald(rows.to(dtype), 1).shape == (1,)


def test_labellings_beyond_the_limit_are_refused_with_the_largest_budget():
    with pytest.raises(ValueError, match=r"budget: 8 needs 10\^7 labellings, beyond .* ask for at most 6, raise"):
        batch_bald(random(2, 9, 10), 8)
    assert len(batch_bald(random(2, 9, 10), 3, configurations=100)) == 3
    with pytest.raises(ValueError, match="ask for at most 3, raise"):
        batch_bald(random(2, 9, 10), 4, configurations=100)
    with pytest.raises(ValueError, match="ask for at most 2 points or raise it"):
        joint_entropy(random(2, 3, 10), configurations=100)


def test_a_budget_beyond_the_pool_is_refused():
    with pytest.raises(ValueError, match="budget: 4 exceeds the 3 points"):
        batch_bald(random(2, 3, 2), 4)


@pytest.mark.parametrize("wrong", [-0.5, math.nan, math.inf, 0.9])
@pytest.mark.parametrize("function", [joint_entropy, lambda rows: batch_bald(rows, 1)])
def test_rows_that_are_no_distributions_are_refused(wrong, function):
    probabilities = random(2, 3, 2)
    probabilities[1, 2, 0] += wrong
    with pytest.raises(ValueError, match="probabilities: some rows are no distributions"):
        function(probabilities)


def test_the_argument_is_not_changed():
    probabilities = random(3, 6, 2)
    before = probabilities.clone()
    batch_bald(probabilities, 3)
    batch_bald_sampled(probabilities, 3, generator("draws"), 10)
    joint_entropy(probabilities)
    assert torch.equal(probabilities, before)


# --- drawn labellings -------------------------------------------------------------------------------------------------


def test_drawn_labellings_agree_with_all_of_them_where_gains_are_apart():
    probabilities = random(6, 15, 3, sharpness=3.0)
    exact = batch_bald(probabilities, 4)
    assert torch.equal(batch_bald_sampled(probabilities, 4, generator("draws"), 20_000), exact)


def test_one_draw_of_sure_samples_follows_one_sample():
    # once point 0 is labelled, the sample that agrees with the label is known and nothing is left to be learnt
    sure = torch.eye(3)[:, None].expand(3, 4, 3)
    assert batch_bald_sampled(sure, 3, generator("draws"), 1).tolist() == [0, 1, 2]


def test_drawn_labellings_are_repeatable_and_serve_budgets_beyond_all_labellings():
    probabilities = random(5, 80, 10)
    once, twice = (batch_bald_sampled(probabilities, 40, generator("draws"), 50) for _ in range(2))
    assert torch.equal(once, twice)
    assert len(set(once.tolist())) == 40


def test_no_draws_are_refused():
    with pytest.raises(ValueError, match="draws: 0 labellings estimate nothing"):
        batch_bald_sampled(random(2, 3, 2), 1, generator("draws"), 0)


# --- conformance ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_the_picks_are_those_of_the_authors_reimplementation(seed):
    peer = pytest.importorskip("batchbald_redux.batchbald")
    probabilities = random(8, 60, 4, address=seed)
    theirs = peer.get_batchbald_batch(probabilities.transpose(0, 1).log(), 4, 10**6, dtype=torch.float64)
    assert batch_bald(probabilities, 4).tolist() == theirs.indices
    chosen = probabilities[:, theirs.indices]
    settled = torch.special.entr(chosen).sum(-1).mean(0).sum()
    assert (joint_entropy(chosen) - settled).item() == pytest.approx(theirs.scores[-1], abs=1e-9)
