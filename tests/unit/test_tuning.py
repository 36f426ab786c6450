import dataclasses
import inspect

import optuna
import pytest
import torch
from pydantic import ValidationError

from torchal.data.dataset import Examples, Resident
from torchal.models.mlp import Mlp
from torchal.records import TrialRecord
from torchal.rng import generator
from torchal.store import Store
from torchal.training.recipe import Recipe
from torchal.training.task import Task
from torchal.tuning.space import PAPER, Choice, Range, proposed
from torchal.tuning.tune import Tuning, tune

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


def test_the_default_space_is_the_papers():
    assert Tuning().trials == 50
    assert Tuning().space == PAPER
    assert PAPER["lr"] == Range(low=1e-5, high=1e-2, log=True)
    assert PAPER["weight_decay"] == Range(low=1e-8, high=1e-3, log=True)
    assert PAPER["batch"] == Choice(choices=tuple(2**n for n in range(3, 10)))
    assert PAPER["optimizer"] == Choice(choices=("sgd", "adam"))


def test_a_proposal_reaches_fields_inside_fields():
    recipe = proposed(RECIPE, {"augment.flip": True, "lr": 0.5})
    assert (recipe.augment.flip, recipe.lr, recipe.batch) == (True, 0.5, 8)
    with pytest.raises(ValidationError, match="unknown field 'lrr'"):
        proposed(RECIPE, {"lrr": 1})


@pytest.mark.parametrize("domain", [{"low": 2, "high": 1}, {"low": 0, "high": 1, "log": True}, []])
def test_a_domain_without_values_is_refused(domain):
    with pytest.raises(ValidationError):
        Tuning.model_validate({"space": {"lr": domain}})


def test_a_search_has_no_way_to_reach_test_data():
    """Whatever a search is given holds the training side alone: no data set, no split, no path to one."""
    assert list(inspect.signature(tune).parameters) == ["tuning", "recipe", "task", "where", "store"]
    kinds = {field.name: str(field.type) for field in dataclasses.fields(Task)}
    assert set(kinds) == {"model", "labelled", "validation", "classes", "dataset", "previous"}
    assert kinds["dataset"].endswith("str'>")
    assert {field.name for field in dataclasses.fields(Examples)} == {"inputs", "rows", "labels"}
    assert {field.name for field in dataclasses.fields(Resident)} == {"values", "mean", "std"}


def test_the_chosen_trial_has_the_highest_validation_accuracy_and_the_first_of_equals_wins(tmp_path):
    with Store(tmp_path) as store:
        record = tune(Tuning.model_validate({"trials": 6, "space": SPACE}), RECIPE, task(), ("a",), store)
    best = max(trial.value for trial in record.trials)
    assert record.chosen == next(trial.number for trial in record.trials if trial.value == best)
    assert record.recipe["lr"] == record.trials[record.chosen].proposal["lr"]
    assert all(trial.value == max(e.validation.accuracy for e in trial.history) for trial in record.trials)


def test_random_proposals_are_independent_of_what_trials_return_and_of_their_number(tmp_path):
    with Store(tmp_path) as store:
        few = tune(Tuning.model_validate({"trials": 2, "space": SPACE}), RECIPE, task(), ("a",), store)
        many = tune(Tuning.model_validate({"trials": 4, "space": SPACE}), RECIPE, task(), ("a",), store)
    assert many.trials[:2] == few.trials
    assert len(list((tmp_path / "trial").iterdir())) == 4


def test_the_address_decides_the_proposals_and_global_seeds_do_not(tmp_path):
    tuning = Tuning.model_validate({"trials": 2, "space": SPACE})
    proposals = []
    for seed, where in ((0, ("a",)), (1, ("a",)), (0, ("b",))):
        torch.random.default_generator.manual_seed(seed)
        with Store(tmp_path / f"{seed}{where}") as store:
            proposals.append([t.proposal for t in tune(tuning, RECIPE, task(), where, store).trials])
    assert proposals[0] == proposals[1] != proposals[2]


def test_the_order_in_which_a_space_is_written_changes_nothing(tmp_path):
    domains = {"lr": SPACE["lr"], "batch": [4, 8, 16]}
    records = []
    for name, order in (("a", ("lr", "batch")), ("b", ("batch", "lr"))):
        tuning = Tuning.model_validate({"trials": 3, "space": {path: domains[path] for path in order}})
        with Store(tmp_path / name) as store:
            records.append(tune(tuning, RECIPE, task(), ("a",), store))
    assert [t.proposal for t in records[0].trials] == [t.proposal for t in records[1].trials]


@pytest.mark.parametrize("sampler", ["random", "tpe"])
@pytest.mark.parametrize(
    "pruner", [None, {"name": "median", "startup": 1, "warmup": 0}, {"name": "halving", "least": 1}]
)
def test_a_search_replayed_from_the_store_ends_as_it_did(tmp_path, monkeypatch, sampler, pruner):
    tuning = Tuning.model_validate({"trials": 14, "sampler": sampler, "pruner": pruner, "space": SPACE})
    with Store(tmp_path) as store:
        first = tune(tuning, RECIPE, task(), ("a",), store)
    if pruner:
        assert any(trial.state == "pruned" for trial in first.trials)
    some = sorted((tmp_path / "trial").iterdir())[:7]
    for entry in some:  # half of the trials are lost, the rest is replayed
        entry.rename(tmp_path / entry.name)
    with Store(tmp_path) as store:
        assert tune(tuning, RECIPE, task(), ("a",), store) == first
    monkeypatch.setattr(Store, "_make", lambda *_: pytest.fail("computed again"))
    with Store(tmp_path) as store:
        assert tune(tuning, RECIPE, task(), ("a",), store) == first


def test_median_pruning_equals_optuna_run_without_a_store(tmp_path):
    """The trials say when they stop; Optuna's own study, fed the same curves, must stop them at the same epochs."""
    tuning = Tuning.model_validate(
        {"trials": 14, "pruner": {"name": "median", "startup": 1, "warmup": 0}, "space": SPACE}
    )
    with Store(tmp_path) as store:
        record = tune(tuning, RECIPE, task(), ("a",), store)
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(1, 0))
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


def test_a_trial_that_diverges_is_recorded_as_failed_and_is_not_chosen(tmp_path):
    tuning = Tuning.model_validate({"trials": 8, "space": {"lr": [0.01, 1e30], "optimizer": ["sgd"]}})
    with Store(tmp_path) as store:
        record = tune(tuning, RECIPE, task(), ("a",), store)
    states = {trial.proposal["lr"]: trial.state for trial in record.trials}
    assert states == {0.01: "complete", 1e30: "failed"}
    assert record.recipe["lr"] == 0.01
    assert all(trial.value is None for trial in record.trials if trial.state == "failed")


def test_a_search_in_which_all_trials_fail_says_what_to_do(tmp_path):
    tuning = Tuning.model_validate({"trials": 2, "space": {"lr": [1e30], "optimizer": ["sgd"]}})
    with Store(tmp_path) as store, pytest.raises(ValueError, match=r"2 failed.*lower tuning\.space\.lr"):
        tune(tuning, RECIPE, task(), ("a",), store)


def test_a_stored_trial_says_how_many_epochs_it_took(tmp_path):
    with Store(tmp_path) as store:
        tune(Tuning.model_validate({"trials": 1, "space": SPACE}), RECIPE, task(), ("a",), store)
        entry = next((tmp_path / "trial").iterdir())
        trial = TrialRecord.read(entry / "trial.json")
    assert trial.epochs == len(trial.history) == 4
