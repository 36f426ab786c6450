import math
from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError

from torchal.inference import mc_probabilities
from torchal.query import AnyStrategy, Strategy, choose
from torchal.rng import generator, seeded
from torchal.spec import Spec
from torchal.testing.fakes import FakePool, fake_context


class Answers(Strategy):
    """Gives a prepared answer."""

    def select(self, ctx):
        return ctx.prepared


def answered(answer, **options):
    ctx = fake_context(**options)
    ctx.prepared = answer
    return choose(Answers(), ctx)


# --- what a context gives ---------------------------------------------------------------------------------------------


def test_outputs_are_those_of_the_pool_in_the_order_of_the_pool():
    fake = FakePool(order=3)
    ctx, model = fake.context(), fake.network().eval()
    with torch.no_grad():
        features = model.features(fake.inputs.values[fake.rows.pool])
        logits = model.head(features)
    torch.testing.assert_close(ctx.logits, logits)
    torch.testing.assert_close(ctx.embeddings, features)
    torch.testing.assert_close(ctx.probabilities, logits.double().softmax(-1), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(ctx.log_probabilities.exp(), ctx.probabilities)
    assert ctx.probabilities.dtype == ctx.log_probabilities.dtype == torch.float64


def test_labelled_embeddings_and_labels_belong_together():
    fake = FakePool()
    ctx, model = fake.context(), fake.network().eval()
    with torch.no_grad():
        expected = model.features(fake.inputs.values[fake.rows.labelled])
    torch.testing.assert_close(ctx.labelled_embeddings, expected)
    assert torch.equal(ctx.labelled_labels, fake.labels[fake.rows.labelled])


def test_nothing_labelled_gives_empty_tensors_of_the_right_width():
    ctx = fake_context(labelled=0)
    assert ctx.labelled_embeddings.shape == (0, ctx.embeddings.shape[1])
    assert ctx.labelled_labels.shape == (0,)


def test_sampled_probabilities_are_those_of_the_pool_at_the_address_of_the_query():
    fake = FakePool()
    expected = mc_probabilities(fake.network(), fake.inputs, fake.rows.pool, 3, fake.context().where)
    assert torch.equal(fake.context().mc_probabilities(3), expected)


def test_inputs_are_found_by_position_in_the_pool():
    fake = FakePool()
    positions = torch.tensor([5, 0, 59])
    assert torch.equal(fake.context().inputs_of(positions), fake.inputs.values[fake.rows.pool[positions]])


def test_examples_go_through_the_network_once_however_often_they_are_read_and_are_counted():
    ctx = fake_context(pool=60, labelled=12, budget=5)
    batches = []
    ctx.model.body[0].register_forward_hook(lambda _layer, _args, output: batches.append(len(output)))
    assert ctx.forward_passes == 0
    for _ in range(2):
        _ = ctx.logits, ctx.probabilities, ctx.log_probabilities, ctx.embeddings
    assert (ctx.forward_passes, batches) == (60, [60])
    _ = ctx.labelled_embeddings, ctx.labelled_embeddings
    assert (ctx.forward_passes, batches) == (72, [60, 12])
    _ = ctx.mc_probabilities(4), ctx.mc_probabilities(4)
    assert (ctx.forward_passes, batches) == (72 + 4 * 60, [60, 12, 60])


def test_random_draws_have_the_address_of_the_query_and_a_purpose():
    ctx = fake_context()
    expected = torch.rand(3, generator=generator(*ctx.where, "noise"))
    assert torch.equal(torch.rand(3, generator=ctx.generator("noise")), expected)
    assert not torch.equal(torch.rand(3, generator=ctx.generator("other")), expected)
    with seeded(*ctx.where, "layers"):
        drawn = torch.rand(3)
    with ctx.seeded("layers"):
        assert torch.equal(torch.rand(3), drawn)


def test_the_highest_scores_win_and_the_lowest_position_among_equals():
    scores = torch.zeros(60)
    scores[[40, 7]] = torch.tensor([2.0, 1.0])
    assert fake_context(budget=4).top(scores).tolist() == [40, 7, 0, 1]


def test_scores_of_another_length_or_shape_are_refused():
    for scores in (torch.zeros(59), torch.zeros(61)):
        with pytest.raises(ValueError, match=rf"shape \({len(scores)},\); give one for each of 60 pool rows"):
            fake_context().top(scores)


def test_a_network_that_diverged_is_named_as_the_likely_cause_of_nan_scores():
    ctx = fake_context()
    ctx.model.head.weight.data[0] = math.nan
    with pytest.raises(ValueError, match=r"60 of 60 are NaN.*diverged"):
        ctx.top(ctx.logits.sum(-1))


# --- what a context refuses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [61, 0, -1])
def test_a_budget_that_the_pool_cannot_meet_is_refused_with_the_remedy(budget):
    with pytest.raises(ValueError, match=rf"budget: {budget} of a pool of 60 rows .* set it to 1\.\.60"):
        fake_context(budget=budget)


def test_labels_of_other_rows_than_the_labelled_are_refused():
    fake = FakePool()
    with pytest.raises(ValueError, match="labels: 77 given for 12 labelled rows"):
        replace(fake.context(), labels=fake.labels)


# --- the promise of a strategy ----------------------------------------------------------------------------------------


def test_a_kept_promise_is_passed_on_as_it_is():
    answer = torch.tensor([3, 59, 0])
    assert answered(answer, budget=3) is answer


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ([1, 2, 3], "returned a list"),
        (torch.tensor([1.0, 2.0, 3.0]), "returned torch.float32"),
        (torch.tensor([1, 2, 3], dtype=torch.int32), "returned torch.int32"),
        (torch.tensor([1, 2]), r"returned shape \(2,\)"),
        (torch.tensor([[1, 2, 3]]), r"returned shape \(1, 3\)"),
        (torch.tensor([1, 60, 2]), "returned position 60"),
        (torch.tensor([1, -1, 2]), "returned position -1"),
        (torch.tensor([4, 2, 4]), "returned position 4 more than once"),
    ],
)
def test_a_broken_promise_is_refused_by_the_name_of_the_strategy(answer, fault):
    with pytest.raises(ValueError, match=rf"strategy '.*test_query' {fault}; select must return .* 3 distinct"):
        answered(answer, budget=3)


def test_a_strategy_is_found_by_name_and_its_wrong_fields_are_refused():
    class Holder(Spec):
        strategy: AnyStrategy

    assert Holder.model_validate({"strategy": "bald"}).strategy.label == "bald"
    assert Holder.model_validate({"strategy": {"name": "bald", "samples": 10}}).strategy.label == "bald(samples=10)"
    for wrong, hint in (("blad", "did you mean 'bald'"), ({"name": "bald", "sampels": 3}, "did you mean 'samples'")):
        with pytest.raises(ValidationError, match=hint):
            Holder.model_validate({"strategy": wrong})
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        Holder.model_validate({"strategy": {"name": "dbal", "samples": 1}})


def test_fakes_are_the_same_whenever_they_are_made_and_differ_by_seed():
    one, same, other = FakePool().context(), FakePool().context(), replace(FakePool(), seed=1).context()
    assert torch.equal(one.logits, same.logits)
    assert not torch.allclose(one.logits, other.logits)
