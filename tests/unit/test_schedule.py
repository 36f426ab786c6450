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
    return [part.trial for part in parts]


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
        assert part.trial is not None
        plan.done(part)
    (whole,) = plan.take(9)
    assert (whole.trial, whole.step.stage) == (None, "tune")
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
            known = part.chain.spec.tuning.known(part.trial) if part.trial is not None else 0
            assert {(part.step.identity, each) for each in range(known)} <= finished_trials
        running += taken
        if not running:
            break
        part = running.pop(draw.integers(len(running)))
        computed.append((part.step.identity, part.trial))
        finished_trials.add((part.step.identity, part.trial))
        if part.trial is None:
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
