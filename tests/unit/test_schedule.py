"""What can be worked on next, from plans alone: nothing is computed here."""

from pathlib import Path

import numpy as np
import pytest

from torchal.experiment import ExperimentSpec
from torchal.loop import Done
from torchal.plan import Chain
from torchal.schedule import Schedule
from torchal.store import Entry


def schedule(*, apart, **fields):
    experiment = ExperimentSpec.model_validate(
        {
            "name": "t",
            "dataset": "digits",
            "model": "mlp",
            "strategy": ["margin", "random"],
            "partition": {"drawn": 1, "labelled": 20, "validation": 40},
            "seed": [1, 2],
            "setting": {"cycles": 2, "budget": 5},
            "tuning": {"trials": 5, "pruner": None, **fields},
        }
    )
    return Schedule([Chain.of(run) for run in experiment.runs()], apart=apart)


def trials(parts):
    return [part.number for part in parts]


def test_a_search_that_runs_share_is_ready_once():
    assert [part.chain.spec.seed for part in schedule(apart=False).take(9)] == [1]


def test_a_shared_search_belongs_to_the_run_that_makes_it_and_not_to_the_first_that_needs_it():
    (part,) = schedule(apart=False, scope="shared").take(9)
    assert part.chain.spec.id.startswith("random-drawn-1-s1")


def test_trials_that_know_nothing_of_each_other_are_all_ready_at_once():
    plan = schedule(apart=True)
    assert trials(plan.take(2)) == [0, 1]
    assert trials(plan.take(9)) == [2, 3, 4]


def test_trials_that_learn_wait_for_those_they_learn_from():
    plan = schedule(apart=True, pruner="median", together=2)
    first, second = plan.take(9)
    assert trials([first, second]) == [0, 1]
    plan.done(second)
    assert trials(plan.take(9)) == []  # trial 2 knows of trial 0
    plan.done(first)
    third, fourth = plan.take(9)
    assert trials([third, fourth]) == [2, 3]
    plan.done(third)
    assert trials(plan.take(9)) == [4]


def test_the_search_itself_is_ready_after_its_last_trial_and_only_then_and_once():
    plan = schedule(apart=True)
    for part in plan.take(9):
        assert part.number is not None
        plan.done(part)
    (whole,) = plan.take(9)
    assert (whole.number, whole.step.stage) == (None, "tune")
    assert plan.take(9) == []
    assert plan.finished == 0
    plan.done(whole)
    assert plan.finished == 1


def test_a_run_fails_once_though_several_of_its_trials_do():
    plan = schedule(apart=True)
    first, second, *_ = plan.take(9)
    assert plan.failed(first)
    assert not plan.failed(second)
    assert [chain.spec.id for chain, _ in plan.waiting() if chain is first.chain] == []
    assert plan.take(9) == []


def stub_look(chain: Chain, done: set[str]) -> None:
    while (step := chain.next) is not None and step.identity in done:
        chain.finished.append(Done(step.cycle, step.stage, Entry("", Path()), 0, 0))


@pytest.mark.parametrize("number", range(12))
def test_whatever_is_done_in_whatever_order_all_runs_end_and_nothing_is_computed_twice_or_too_early(number):
    """Workers of any number finish parts in a random order; what is at work is held against the definition."""
    draw = np.random.default_rng(number)
    workers, apart = int(draw.choice([1, 2, 3, 50])), draw.random() < 0.7
    scope = str(draw.choice(["every_run", "first_seed", "shared", "fixed", "first_cycle"]))
    fields = {"pruner": [None, "median"][draw.integers(2)], "together": int(draw.choice([1, 2, 4])), "scope": scope}
    plan = schedule(apart=apart and workers > 1, **fields)
    done, running, computed, finished_trials = set(), [], [], set()
    while True:
        while passed := plan.passed():
            for chain in passed:
                before = len(chain.finished)
                stub_look(chain, done)
                assert len(chain.finished) > before
                plan.moved(chain, before)
        taken = plan.take(workers - len(running))
        assert len(taken) + len(running) <= workers
        for part in taken:
            assert part.step == part.chain.next
            known = part.chain.spec.tuning.known(part.number) if part.number is not None else 0
            assert {(part.step.identity, each) for each in range(known)} <= finished_trials
        running += taken
        if not running:
            break
        part = running.pop(draw.integers(len(running)))
        computed.append((part.step.identity, part.number))
        finished_trials.add((part.step.identity, part.number))
        if part.number is None:
            done.add(part.step.identity)
        plan.done(part)
    assert len(set(computed)) == len(computed)
    assert plan.waiting() == []
    assert plan.finished == plan.total == len({identity for identity, trial in computed if trial is None})


def test_runs_with_the_longest_way_to_go_are_served_first():
    plan = schedule(apart=False, scope="fixed")
    first, second = plan.take(2)  # the first training of each seed
    plan.done(first)
    for chain in plan.passed():
        stub_look(chain, {first.step.identity})
        plan.moved(chain, 0)
    third = plan.take(1)[0]
    plan.failed(third)
    assert second.chain.spec.seed != first.chain.spec.seed
    assert third.step.stage == "measure"
    plan.done(second)
    assert plan.finished == 2


def experiment(**fields):
    document = {
        "name": "t",
        "dataset": "digits",
        "model": "mlp",
        "strategy": "random",
        "partition": {"drawn": 1, "labelled": 20, "validation": 40},
        "seed": 1,
        "setting": {"cycles": 2, "budget": 5},
        "tuning": {"scope": "fixed"},
    }
    return [Chain.of(run) for run in ExperimentSpec.model_validate(document | fields).runs()]


def finish(plan: Schedule, found: list[Chain], *parts) -> None:
    """Have parts done, and every run pass what is done."""
    done = {part.step.identity for part in parts if part.number is None}
    for part in parts:
        plan.done(part)
    while passed := plan.passed():
        for chain in passed:
            before = len(chain.finished)
            stub_look(chain, done | plan._done)
            plan.moved(chain, before)


def test_the_longest_chain_is_first_though_it_is_last_in_the_plan_and_has_come_further():
    lengths = {1: 1, 2: 2, 3: 4}
    found = [experiment(seed=seed, setting={"cycles": many, "budget": 5})[0] for seed, many in lengths.items()]
    plan = Schedule(found, apart=False)
    left = {chain.id: len(chain.steps) for chain in found}
    while parts := plan.take(1):
        (part,) = parts
        assert left[part.chain.id] == max(left.values())
        left[part.chain.id] -= 1
        finish(plan, found, part)
    assert set(left.values()) == {0}


def test_a_stage_that_a_long_run_waits_for_is_as_urgent_as_that_run():
    """A short run makes the search; a long one goes on from it."""
    found = experiment(seed=[1, 2], setting={"cycles": 3, "budget": 5}, tuning={"scope": "first_seed", "trials": 2})
    first, second = found
    first.steps = first.steps[:1]
    other = experiment(seed=3, setting={"cycles": 2, "budget": 6})[0]
    (part,) = Schedule([other, first, second], apart=False).take(1)
    assert len(other.steps) > len(first.steps)
    assert part.chain is first


QBC = [{"name": "qbc", "members": 2}, {"name": "qbc", "members": 3, "disagreement": "kl_divergence"}]


def test_members_that_two_committees_share_are_trained_once_and_before_both_queries():
    found = experiment(strategy=QBC)
    plan = Schedule(found, apart=True)
    for stage in ("fit", "measure"):
        (part,) = plan.take(9)
        assert part.step.stage == stage
        finish(plan, found, part)
    members = plan.take(9)
    assert sorted(part.number for part in members) == [0, 1, 2]
    for part in members[:-1]:
        finish(plan, found, part)
    ready = plan.take(9)
    assert all(part.number is None for part in ready)
    assert all(part.chain.spec.strategy.members == 2 for part in ready)
    finish(plan, found, members[-1])
    assert len(ready) + len(plan.take(9)) == 2


def test_a_member_that_one_run_cannot_train_is_tried_by_the_other_which_does_not_wait_for_ever():
    found = experiment(strategy=QBC)
    plan = Schedule(found, apart=True)
    for _ in range(2):
        finish(plan, found, *plan.take(9))
    members = plan.take(9)
    assert plan.failed(members[0])
    again = plan.take(9)
    assert [part.number for part in again] == [members[0].number]
    assert again[0].chain is not members[0].chain


def test_queries_of_a_transfer_belong_to_the_run_whose_network_makes_them():
    models = [{"name": "mlp", "hidden": [4]}, {"name": "mlp", "hidden": [8]}]
    found = experiment(model=models, transfer="all", strategy="margin")
    owners = Schedule(sorted(found, key=lambda chain: chain.spec.source is None), apart=False)._owner
    of = {chain.id: chain for chain in found}
    queries = [step.identity for chain in found for step in chain.steps if step.stage == "query"]
    assert len(queries) > len(set(queries))
    assert all(of[owners[identity]].spec.source is None for identity in queries)
