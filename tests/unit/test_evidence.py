"""Parts of a pool, committees, networks of a strategy's own, and the networks of the cycle before."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from small_runs import SMALL
from torch import nn

from torchal.estimate import by_stage, missing
from torchal.experiment import ExperimentSpec
from torchal.loop import run
from torchal.plan import chains
from torchal.spec import load_file
from torchal.store import Store
from torchal.testing.fakes import FakePool, fake_context

PART = torch.tensor([7, 3, 59, 20, 21])


# --- parts of a pool --------------------------------------------------------------------------------------------------


def test_a_part_of_the_pool_knows_what_the_pool_knows_of_these_rows_and_computes_nothing_anew():
    whole = fake_context()
    asked = whole.logits, whole.embeddings, whole.mc_probabilities(3), whole.committee(2), whole.previous_logits
    passes = whole.forward_passes
    part = whole.part(PART, budget=2)
    assert part.size == 5
    assert torch.equal(part.logits, asked[0][PART])
    assert torch.equal(part.embeddings, asked[1][PART])
    assert torch.equal(part.mc_probabilities(3), asked[2][:, PART])
    assert torch.equal(part.committee(2), asked[3][:, PART])
    assert torch.equal(part.previous_logits, asked[4][PART])
    assert part.forward_passes == passes


def test_a_part_that_is_asked_first_costs_its_own_rows_and_says_the_same():
    whole, part = fake_context(), fake_context().part(PART, budget=2)
    torch.testing.assert_close(part.logits, whole.logits[PART])
    assert part.forward_passes == 5
    torch.testing.assert_close(part.mc_probabilities(3), whole.mc_probabilities(3)[:, PART])
    torch.testing.assert_close(part.committee(2), whole.committee(2)[:, PART])
    torch.testing.assert_close(part.layers, [each[PART] for each in whole.layers])


def test_parts_of_parts_and_their_inputs_are_found_by_position():
    fake = FakePool()
    inner = fake.context().part(PART, budget=3).part(torch.tensor([4, 0]), budget=1)
    torch.testing.assert_close(inner.logits, fake.context().logits[[21, 7]])
    assert torch.equal(inner.inputs_of(torch.tensor([1])), fake.inputs.values[fake.rows.pool[[7]]])


def test_labelled_rows_go_through_the_network_once_for_all_parts():
    whole = fake_context()
    parts = [whole.part(PART, budget=1), whole.part(PART + 1 - 2 * (PART > 58), budget=1)]
    assert torch.equal(parts[0].labelled_embeddings, parts[1].labelled_embeddings)
    assert whole.forward_passes == 12


def test_a_budget_that_a_part_cannot_meet_is_refused():
    with pytest.raises(ValueError, match="budget: 6 of a pool of 5 rows"):
        fake_context().part(PART, budget=6)


# --- hidden layers ----------------------------------------------------------------------------------------------------


def test_hidden_layers_are_what_the_steps_of_the_body_gave_averaged_over_space():
    fake = FakePool()
    ctx, body = fake.context(), fake.network().eval().body
    x = fake.inputs.values[fake.rows.pool]
    with torch.no_grad():
        first = body[0](x)
        expected = [first, body[2](body[1](first))]
    torch.testing.assert_close(ctx.layers, expected)
    assert [each.shape for each in ctx.labelled_layers] == [(12, 16), (12, 8)]
    assert [each.shape for each in fake_context(labelled=0).labelled_layers] == [(0, 16), (0, 8)]


# --- in a run ---------------------------------------------------------------------------------------------------------

ASKS = '''"""Asks for whatever can be trained: own rule."""
import torch
from torch import nn
from torchal.query import QueryContext, Strategy

class Asks(Strategy):
    """Own rule."""
    tag: int = 0

    def select(self, ctx):
        self.said.append([ctx.committee(2), ctx.previous_logits, ctx.logits, ctx.own("probe", self.build, self.learn)])
        return torch.arange(ctx.budget)

    @property
    def said(self):
        return SAID

    def build(self):
        return nn.Linear(2, 1)

    def learn(self, network):
        LEARNT.append(1)
        with torch.no_grad():
            network.weight.add_(torch.rand(1, 2))

SAID, LEARNT = [], []
'''


@pytest.fixture
def asks(tmp_path):
    (tmp_path / "asks.py").write_text(ASKS)
    kind = load_file(tmp_path / "asks.py")
    yield kind, sys.modules[kind.__module__]
    del sys.modules[kind.__module__]


def small_run(cycles, **strategy):
    fields = {
        "strategy": {"name": "asks", **strategy},
        "seed": 1,
        "setting": {"cycles": cycles, "budget": 10},
        "tuning": {"scope": "fixed"},
    }
    return ExperimentSpec.model_validate({**SMALL, **fields}).runs()[0]


def test_members_of_a_committee_are_trained_once_for_all_strategies_of_a_run_and_differ_from_the_cycle_network(
    asks, tmp_path
):
    _, module = asks
    with Store(tmp_path / "store") as store:
        for tag in (0, 1):
            run(small_run(2, tag=tag), store)
        fits = len(list((tmp_path / "store" / "fit").iterdir()))
    committee, _, logits, _ = module.SAID[0]
    assert torch.equal(committee, module.SAID[1][0])
    assert not torch.equal(committee[0], committee[1])
    assert not torch.equal(committee[0], logits.double().softmax(-1))
    assert fits == 1 + 2 + 1  # cycle 0, its two members, cycle 1: all shared, as both choose the same rows


def test_the_network_of_the_cycle_before_is_none_at_first_and_then_the_one_that_was_asked_before(asks, tmp_path):
    _, module = asks
    with Store(tmp_path / "store") as store:
        spec = small_run(3)
        run(spec, store)
    first, second = module.SAID
    assert first[1] is None
    budget = len(first[2]) - len(second[2])
    torch.testing.assert_close(second[1], first[2][budget:])


def test_a_network_of_a_strategys_own_is_trained_once_and_restored_from_the_store(asks, tmp_path):
    _, module = asks
    spec = small_run(2)
    with Store(tmp_path / "store") as store:
        run(spec, store)
    (query,) = (tmp_path / "store" / "query").iterdir()
    for file in query.iterdir():
        file.unlink()
    query.rmdir()
    with Store(tmp_path / "store") as store:
        run(spec, store)
    once, again = (said[3] for said in module.SAID)
    assert len(module.LEARNT) == 1
    assert torch.equal(once.weight, again.weight)
    assert torch.equal(once.bias, again.bias)
    assert not torch.equal(once.weight, nn.Linear(2, 1).weight)


def test_a_plan_counts_the_trainings_of_a_committee():
    def examples(strategy):
        fields = {"strategy": strategy, "seed": 1, "tuning": {"scope": "fixed"}}
        experiment = ExperimentSpec.model_validate({**SMALL, **fields})
        with TemporaryDirectory() as folder:
            found = chains(experiment, Store(Path(folder)))
            return by_stage(found, missing(found))["query"]["examples"]

    epochs, labelled = 3, [30, 40]
    assert examples("margin") == 0
    assert examples({"name": "qbc", "members": 2}) == 2 * epochs * sum(labelled)
    nested = {"name": "subsample", "strategy": {"name": "qbc", "members": 2}}
    assert examples(nested) == 2 * epochs * sum(labelled)


def test_a_plan_refuses_a_batch_that_the_strategy_cannot_serve():
    fields = {"strategy": "batchbald", "seed": 1, "setting": {"cycles": 2, "budget": 10}}
    experiment = ExperimentSpec.model_validate({**SMALL, **fields})
    with TemporaryDirectory() as folder, pytest.raises(ValueError, match="at most 6 rows at once with 10 classes"):
        chains(experiment, Store(Path(folder)))
