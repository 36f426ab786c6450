import dataclasses
import inspect
from itertools import cycle

import optuna
import pytest
import torch

from torchal.data.dataset import Examples, Resident
from torchal.digest import seed_of
from torchal.models.mlp import Mlp
from torchal.records import TrialRecord
from torchal.rng import generator
from torchal.store import Store
from torchal.training.recipe import Recipe
from torchal.training.task import Task
from torchal.tuning.pruner import Median
from torchal.tuning.search import Search
from torchal.tuning.spaces import PAPER
from torchal.tuning.tuning import Tuning

pytestmark = pytest.mark.unchecked

RECIPE = Recipe(epochs=4, batch=8, lr=0.01, optimizer="adam")
SPACE = {"lr": {"low": 1e-5, "high": 1.0, "log": True}}


def task(n: int = 24) -> Task:
    draw = generator("tuning test")
    inputs = Resident(torch.randn(2 * n, 5, generator=draw))
    labels = (inputs.values[:, 0] > 0).long()
    rows = torch.arange(2 * n)
    return Task(
        model=Mlp(hidden=(8,), dropout=0.0),
        labelled=Examples(inputs, rows[:n], labels[:n]),
        validation=Examples(inputs, rows[n:], labels[n:]),
        classes=2,
        dataset="test",
    )


def search(store, where=("a",), **fields):
    tuning = Tuning.model_validate({"space": SPACE, "trials": 6, "pruner": None, **fields}).of(Mlp(), RECIPE)
    return Search(tuning, RECIPE, task(), where, store)


def test_the_default_search_is_the_papers_with_the_pruner_that_lost_nothing_in_replays():
    tuning = Tuning().of(Mlp(), Recipe())
    assert (tuning.trials, tuning.sampler.name, tuning.space) == (50, "random", PAPER)
    assert tuning.pruner == Median(startup=5, warmup=3)


def test_a_search_has_no_way_to_reach_test_data():
    """Whatever a search is given holds the training side alone: no data set, no split, no path to one."""
    assert list(inspect.signature(Search).parameters) == ["tuning", "recipe", "task", "where", "store"]
    kinds = {field.name: str(field.type) for field in dataclasses.fields(Task)}
    assert set(kinds) == {"model", "labelled", "validation", "classes", "dataset", "previous"}
    assert kinds["dataset"].endswith("str'>")
    assert {field.name for field in dataclasses.fields(Examples)} == {"inputs", "rows", "labels"}
    assert {field.name for field in dataclasses.fields(Resident)} == {"values", "mean", "std"}


def test_the_chosen_trial_has_the_highest_validation_accuracy_and_the_first_of_equals_wins(tmp_path):
    with Store(tmp_path) as store:
        record = search(store).result()
    best = max(trial.value for trial in record.trials)
    assert record.chosen == next(trial.number for trial in record.trials if trial.value == best)
    assert record.recipe["lr"] == record.trials[record.chosen].proposal["lr"]
    assert all(trial.value == max(e.validation.accuracy for e in trial.history) for trial in record.trials)


def test_random_proposals_are_independent_of_what_trials_return_and_of_their_number(tmp_path):
    with Store(tmp_path) as store:
        few, many = search(store, trials=2).result(), search(store, trials=4).result()
    assert many.trials[:2] == few.trials
    assert len(list((tmp_path / "trial").iterdir())) == 4


def test_the_address_decides_the_proposals_and_global_seeds_do_not(tmp_path):
    proposals = []
    for seed, where in ((0, ("a",)), (1, ("a",)), (0, ("b",))):
        torch.random.default_generator.manual_seed(seed)
        with Store(tmp_path / f"{seed}{where}") as store:
            proposals.append([trial.proposal for trial in search(store, where, trials=2).result().trials])
    assert proposals[0] == proposals[1] != proposals[2]


def test_the_order_in_which_a_space_is_written_changes_nothing(tmp_path):
    domains = {"lr": SPACE["lr"], "batch": [4, 8, 16]}
    records = []
    for name, order in (("a", ("lr", "batch")), ("b", ("batch", "lr"))):
        with Store(tmp_path / name) as store:
            records.append(search(store, trials=3, space={path: domains[path] for path in order}).result())
    assert [t.proposal for t in records[0].trials] == [t.proposal for t in records[1].trials]


# --- replay, and trials side by side ----------------------------------------------------------------------------------

TWO = {"lr": SPACE["lr"], "weight_decay": {"low": 1e-6, "high": 1e-2, "log": True}, "batch": [4, 8]}
SAMPLERS = ["random", {"name": "tpe", "startup": 3}, {"name": "cmaes", "startup": 2}]
PRUNERS = [
    None,
    {"name": "median", "startup": 1, "warmup": 0},
    {"name": "halving", "least": 1},
    {"name": "hyperband", "least": 1, "factor": 2},
]
PAIRS = [*zip(cycle(SAMPLERS), PRUNERS, strict=False), *zip(SAMPLERS[1:], PRUNERS, strict=False)]
"""Each sampler with two pruners."""


def prunes(pruner):
    return bool(pruner) and pruner["name"] != "hyperband"  # of that, the brackets decide


@pytest.mark.parametrize(("sampler", "pruner"), PAIRS, ids=str)
def test_a_search_replayed_from_the_store_ends_as_it_did(tmp_path, monkeypatch, sampler, pruner):
    fields = {"trials": 14, "sampler": sampler, "pruner": pruner, "space": TWO, "together": 3}
    with Store(tmp_path) as store:
        first = search(store, **fields).result()
    if prunes(pruner):
        assert any(trial.state == "pruned" for trial in first.trials)
    for entry in sorted((tmp_path / "trial").iterdir())[:7]:  # half of the trials are lost, the rest is replayed
        entry.rename(tmp_path / entry.name)
    with Store(tmp_path) as store:
        assert search(store, **fields).result() == first
    monkeypatch.setattr(Store, "_make", lambda *_: pytest.fail("computed again"))
    with Store(tmp_path) as store:
        assert search(store, **fields).result() == first


@pytest.mark.parametrize(("sampler", "pruner"), PAIRS, ids=str)
def test_trials_computed_in_another_order_and_by_strangers_end_as_one_after_the_other(tmp_path, sampler, pruner):
    """Of the trials that could run, the last is always computed first, by a search that knows only the store."""
    fields = {"trials": 10, "sampler": sampler, "pruner": pruner, "space": TWO, "together": 4}
    with Store(tmp_path / "in order") as store:
        first = search(store, **fields).result()
    with Store(tmp_path / "by strangers") as store:
        tuning, left = search(store, **fields).tuning, list(range(10))
        while left:
            number = max(each for each in left if tuning.known(each) <= left[0])
            assert search(store, **fields).trial(number) == first.trials[number]
            left.remove(number)
        assert search(store, **fields).result() == first
    keys = [{entry.name for entry in (tmp_path / name / "trial").iterdir()} for name in ("in order", "by strangers")]
    assert keys[0] == keys[1]


def test_what_runs_beside_a_trial_does_not_judge_it(tmp_path):
    """With all trials together there is nobody to be worse than."""
    pruner = {"name": "median", "startup": 0, "warmup": 0}
    with Store(tmp_path) as store:
        assert {t.state for t in search(store, pruner=pruner, together=6).result().trials} == {"complete"}
        assert "pruned" in {t.state for t in search(store, pruner=pruner, together=1).result().trials}


def test_how_many_run_together_matters_only_where_trials_learn_from_each_other(tmp_path):
    with Store(tmp_path) as store:
        for together in (1, 4):
            search(store, together=together).result()
        assert len(list((tmp_path / "trial").iterdir())) == 6
        for together in (1, 4):
            search(store, together=together, pruner="median").result()
    assert len(list((tmp_path / "trial").iterdir())) == 18


@pytest.mark.parametrize("pruner", PRUNERS[1:], ids=str)
def test_pruning_equals_optuna_run_without_a_store(tmp_path, pruner):
    """The trials say when they stop; Optuna's own study, fed the same curves, must stop them at the same epochs."""
    with Store(tmp_path) as store:
        found = search(store, trials=14, pruner=pruner, together=1)
        record = found.result()
    made = found.tuning.pruner.pruner(RECIPE.epochs)
    study = optuna.create_study(study_name="search", direction="maximize", pruner=made)
    for trial in record.trials:
        asked = study.ask()
        stopped = False
        for epoch in trial.history:
            asked.report(epoch.validation.accuracy, epoch.epoch)
            stopped = asked.should_prune() and epoch.epoch + 1 < RECIPE.epochs
        assert stopped == (trial.state == "pruned")
        if stopped:
            study.tell(asked, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(asked, trial.value)


def test_a_sampler_that_learns_equals_optuna_run_without_a_store(tmp_path):
    with Store(tmp_path) as store:
        record = search(store, trials=14, sampler={"name": "tpe", "startup": 3}, together=1).result()
    seed = seed_of("a", "tune") % 2**32
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=3, multivariate=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for trial in record.trials:
        asked = study.ask()
        assert asked.suggest_float("lr", 1e-5, 1.0, log=True) == trial.proposal["lr"]
        for epoch in trial.history:
            asked.report(epoch.validation.accuracy, epoch.epoch)
        study.tell(asked, trial.value)


# --- grid -------------------------------------------------------------------------------------------------------------

GRID = {"lr": {"low": 1e-3, "high": 1e-1, "log": True, "points": 3}, "batch": [4, 8]}


def test_a_grid_tries_every_combination_once_and_no_more(tmp_path):
    with Store(tmp_path) as store:
        record = search(store, trials=50, sampler="grid", space=GRID).result()
    tried = sorted((trial.proposal["lr"], trial.proposal["batch"]) for trial in record.trials)
    assert tried == [(pytest.approx(lr), batch) for lr in (0.001, 0.01, 0.1) for batch in (4, 8)]


def test_fewer_trials_are_a_part_of_the_grid_that_depends_on_the_address(tmp_path):
    with Store(tmp_path) as store:
        first, other = (search(store, (name,), trials=4, sampler="grid", space=GRID).result() for name in "ac")
        whole = search(store, sampler="grid", space=GRID).result()
    assert first.trials == whole.trials[:4]
    assert [t.proposal for t in first.trials] != [t.proposal for t in other.trials]


def test_a_condition_that_does_not_hold_multiplies_no_grid(tmp_path):
    space = {"optimizer": ["sgd", "adam"], "momentum": {"choices": [0.0, 0.5, 0.9], "when": {"optimizer": "sgd"}}}
    with Store(tmp_path) as store:
        record = search(store, sampler="grid", space=space).result()
    tried = {(t.proposal["optimizer"], t.proposal.get("momentum")) for t in record.trials}
    assert tried == {("sgd", 0.0), ("sgd", 0.5), ("sgd", 0.9), ("adam", None)}
    assert len(record.trials) == 4


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sampler": "grid"}, r"space\.lr.*points"),
        ({"sampler": "cmaes"}, "needs two ranges"),
        ({"sampler": "cmeas"}, "cmeas"),
        ({"pruner": "halvin"}, "halvin"),
    ],
)
def test_a_search_that_cannot_be_is_refused(tmp_path, fields, message):
    with pytest.raises(ValueError, match=message):
        search(Store(tmp_path), **fields)


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_trial_that_diverges_is_recorded_as_failed_and_is_not_chosen(tmp_path):
    with Store(tmp_path) as store:
        record = search(store, trials=8, space={"lr": [0.01, 1e30], "optimizer": ["sgd"]}).result()
    states = {trial.proposal["lr"]: trial.state for trial in record.trials}
    assert states == {0.01: "complete", 1e30: "failed"}
    assert record.recipe["lr"] == 0.01
    assert all(trial.value is None for trial in record.trials if trial.state == "failed")


@pytest.mark.parametrize("sampler", ["random", "tpe", {"name": "cmaes", "startup": 2}], ids=str)
def test_samplers_and_pruners_live_with_trials_that_diverge(tmp_path, sampler):
    space = {"lr": {"low": 1e-3, "high": 1e12, "log": True}, "momentum": {"low": 0.0, "high": 0.9}}
    with Store(tmp_path) as store:
        record = search(
            store, trials=12, sampler=sampler, pruner="median", space=space | {"optimizer": ["sgd"]}
        ).result()
    assert {trial.state for trial in record.trials} >= {"complete", "failed"}


def test_a_search_in_which_all_trials_fail_says_what_to_do(tmp_path):
    fields = {"trials": 2, "space": {"lr": [1e30], "optimizer": ["sgd"]}}
    with Store(tmp_path) as store, pytest.raises(ValueError, match=r"2 failed.*lower tuning\.space\.lr"):
        search(store, **fields).result()


def test_a_stored_trial_says_how_many_epochs_it_took(tmp_path):
    with Store(tmp_path) as store:
        search(store, trials=1).result()
        entry = next((tmp_path / "trial").iterdir())
        trial = TrialRecord.read(entry / "trial.json")
    assert trial.epochs == len(trial.history) == 4
