"""Whatever conditions are put together, what comes out is a valid problem or one clear refusal."""

import re

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchal.experiment import ExperimentSpec
from torchal.loop import rows_by_cycle, stages
from torchal.plan import chains
from torchal.problem import Problem, opened
from torchal.records import QueryRecord
from torchal.store import Store

pytestmark = pytest.mark.unchecked

SIZES = st.one_of(st.integers(1, 60), st.sampled_from(["2%", "10%"]), st.sampled_from([0, 300, "0%", "60%", "100%"]))
SHARES = st.sampled_from([0.0, 0.1, "30%", 0.9])
IMBALANCES = st.sampled_from([None, "torchal", {"long_tail": 5}, {"long_tail": 500}, {"step": 4, "minority": "30%"}])
CLASSES = st.lists(st.sampled_from(list("0123456789")), min_size=1, max_size=9, unique=True)
PARTITIONS = st.fixed_dictionaries(
    {
        "drawn": st.integers(1, 3),
        "labelled": SIZES,
        "validation": st.one_of(SIZES, st.just("none"), st.sampled_from([{"scale": 0.25}, {"scale": 3}])),
        "stratified": st.booleans(),
        "imbalance": IMBALANCES,
    }
)
COSTS = st.builds(lambda cost: {"cost": cost}, st.sampled_from([0.5, 8, 50]))
BUDGETS = st.one_of(SIZES, COSTS, st.lists(SIZES, min_size=1, max_size=3))
STARTS = st.fixed_dictionaries({"budget": SIZES}, optional={"strategy": st.sampled_from(["typiclust", "random"])})
CYCLES = st.sampled_from([1, 2, 3, "all"])
POOLS = st.fixed_dictionaries(
    {},
    optional={
        "imbalance": IMBALANCES,
        "copies": st.fixed_dictionaries(
            {"share": SHARES, "times": st.integers(1, 2)}, optional={"jitter": st.sampled_from([0, 0.3])}
        ),
        "strangers": st.one_of(
            st.fixed_dictionaries({"classes": CLASSES}, optional={"share": SHARES}),
            st.fixed_dictionaries({"dataset": st.just({"name": "digits", "test": "50%"}), "share": SHARES}),
        ),
    },
)
PLACES = st.lists(st.sampled_from(["initial", "queried", "validation", "test"]), min_size=1, max_size=4, unique=True)
NOISES = st.one_of(
    st.none(),
    st.fixed_dictionaries({"symmetric": SHARES, "as_torchal": st.booleans(), "touches": PLACES}),
    st.fixed_dictionaries({"flip": st.sampled_from([{"3": "8"}, {"0": "1", "1": "0"}]), "rate": SHARES}),
)
ORACLES = st.fixed_dictionaries(
    {},
    optional={
        "noise": NOISES,
        "price": st.one_of(st.sampled_from([1, 0.01, 7]), st.just({"classes": {"3": 4}, "none": 0.5})),
    },
)


@st.composite
def experiments(draw) -> dict:
    """Draw fields that mostly go together: labels or a start, and no number of cycles beside a list of budgets."""
    partition = draw(PARTITIONS) if draw(st.integers(0, 19)) else {"published": 1}
    budget = draw(BUDGETS)
    setting = {"budget": budget}
    if not isinstance(budget, list) or draw(st.integers(0, 9)) == 0:
        setting["cycles"] = draw(CYCLES)
    if draw(st.integers(0, 2)) == 0:
        setting["start"] = draw(STARTS)
        partition = partition | ({"labelled": 0} if "drawn" in partition and draw(st.integers(0, 9)) else {})
    return {"partition": partition, "setting": setting, "pool": draw(POOLS), "oracle": draw(ORACLES)}


FIXED = {
    "name": "any",
    "dataset": "digits",
    "model": {"name": "mlp", "hidden": [4]},
    "strategy": "random",
    "seed": 1,
    "recipe": {"optimizer": "adam", "epochs": 1, "batch": 256},
    "tuning": {"scope": "fixed"},
}
FIELD = re.compile(r"partition|setting|pool|oracle|budget|cycles|noise|published|imbalance|validation", re.IGNORECASE)
"""A refusal names what to change."""


def asked_for(fields) -> ExperimentSpec:
    return ExperimentSpec.model_validate({**FIXED, **fields})


@given(experiments())
@settings(max_examples=250, suppress_health_check=list(HealthCheck))
def test_any_conditions_give_a_valid_partition_or_one_clear_refusal(fields):
    try:
        problem = opened(asked_for(fields).runs()[0])
    except ValueError as error:
        refusal = str(error)
    else:
        check_problem(problem)
        return
    assert FIELD.search(refusal)
    assert len(refusal) < 2000


def check_problem(problem: Problem) -> None:
    rows, truth = problem.rows, problem.data.train.labels
    rows.check(len(problem.data.train))
    assert len(torch.cat([rows.labelled, rows.pool, rows.validation]).unique()) == sum(
        len(part) for part in (rows.labelled, rows.pool, rows.validation)
    )
    assert (truth[torch.cat([rows.labelled, rows.validation])] >= 0).all()
    assert (problem.oracle.answers < 0).equal(truth < 0)
    assert int(problem.oracle.answers.max()) < len(problem.data.classes)
    assert problem.first >= 1


@given(experiments())
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_what_is_not_refused_by_the_plan_runs_to_its_end(tmp_path_factory, fields):
    folder = tmp_path_factory.mktemp("any")
    try:
        experiment = asked_for(fields)
        found = chains(experiment, Store(folder))
    except ValueError:
        return
    (run,) = experiment.runs()
    if len(found[0].steps) > 60:
        return  # until exhaustion by single rows: the same, at length
    with Store(folder) as store:
        done = list(stages(run, store))
    assert [(each.cycle, each.stage) for each in done] == [(step.cycle, step.stage) for step in found[0].steps]
    problem, rows = opened(run), rows_by_cycle(run, done)
    for answer in (each for each in done if each.stage == "query"):
        record = QueryRecord.read(answer.entry.path / "query.json")
        gained = len(rows[answer.cycle + 1].labelled) - len(rows[answer.cycle].labelled)
        assert gained == len(record.rows) - record.strangers
        if problem.in_money:
            assert len(record.rows) >= 1
        else:
            assert len(record.rows) == problem.allowed[answer.cycle]


def test_the_conditions_drawn_here_are_neither_all_refused_nor_all_accepted():
    outcomes = []

    @given(experiments())
    @settings(max_examples=100, database=None, suppress_health_check=list(HealthCheck))
    def collect(fields):
        try:
            opened(asked_for(fields).runs()[0])
            outcomes.append(True)
        except ValueError:
            outcomes.append(False)

    collect()
    assert 0.1 < sum(outcomes) / len(outcomes) < 0.9


def test_the_plan_refuses_what_a_run_would_refuse(tmp_path):
    with pytest.raises(ValueError, match="cannot choose before the first training"):
        chains(
            asked_for(
                {
                    "partition": {"drawn": 1, "labelled": 0, "validation": 10},
                    "setting": {"cycles": 2, "budget": 5, "start": {"budget": 5}},
                    "strategy": "margin",
                }
            ),
            Store(tmp_path),
        )
