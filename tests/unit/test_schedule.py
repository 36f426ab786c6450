"""What can be worked on next, from plans alone: nothing is computed here."""

from torchal.experiment import ExperimentSpec
from torchal.plan import Chain
from torchal.schedule import Schedule


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
    assert [part.chain.spec.seed for part in schedule(apart=False).ready([])] == [1]


def test_a_shared_search_belongs_to_the_run_that_makes_it_and_not_to_the_first_that_needs_it():
    (part,) = schedule(apart=False, scope="shared").ready([])
    assert part.chain.spec.id.startswith("random-drawn-1-s1")


def test_trials_that_know_nothing_of_each_other_are_all_ready_at_once():
    plan = schedule(apart=True)
    ready = plan.ready([])
    assert trials(ready) == [0, 1, 2, 3, 4]
    assert trials(plan.ready(ready[:2])) == [2, 3, 4]


def test_trials_that_learn_wait_for_those_they_learn_from():
    plan = schedule(apart=True, pruner="median", together=2)
    first, second = plan.ready([])
    assert trials([first, second]) == [0, 1]
    plan.done(second)
    assert trials(plan.ready([first])) == []  # trial 2 knows of trial 0
    plan.done(first)
    assert trials(plan.ready([])) == [2, 3]
    plan.done(plan.ready([])[0])
    assert trials(plan.ready([])) == [3, 4]


def test_the_search_itself_is_ready_after_its_last_trial_and_only_then():
    plan = schedule(apart=True)
    for part in plan.ready([]):
        assert part.trial is not None
        plan.done(part)
    (whole,) = plan.ready([])
    assert (whole.trial, whole.step.stage) == (None, "tune")
    assert plan.ready([whole]) == []
    assert plan.finished == 0
    plan.done(whole)
    assert plan.finished == 1


def test_a_run_fails_once_though_several_of_its_trials_do():
    plan = schedule(apart=True)
    first, second, *_ = plan.ready([])
    assert plan.failed(first)
    assert not plan.failed(second)
    assert [chain.spec.id for chain, _ in plan.waiting() if chain is first.chain] == []
    assert plan.ready([]) == []
