"""Faults that were found in TorchAL, D1 to D11, each with a test that fails if we had it.

They are of its published code at 51e3810 of July 2022; docs/same-picks.md lists them. Where another file tests the same
thing more widely, the test here is the shortest that would notice.
"""

import os

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import TypeAdapter
from small_runs import changed
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from torchal.data.dataset import AnySource, Examples, Resident
from torchal.host import Host
from torchal.launch import run_experiment
from torchal.loop import rows_by_cycle, run, stages
from torchal.models.mlp import Mlp
from torchal.plan import chains
from torchal.problem import opened
from torchal.query import Strategy
from torchal.records import FitRecord, RunRecord, TuneRecord
from torchal.report.claim import Claim, judged
from torchal.report.frame import read
from torchal.rng import generator
from torchal.selection import select
from torchal.spec import names, resolve
from torchal.store import Store
from torchal.training import train
from torchal.training.fit import fit, fresh
from torchal.training.memo import restored
from torchal.training.metrics import evaluate
from torchal.training.recipe import Recipe
from torchal.training.schedule import rate_factor
from torchal.training.task import Task

pytestmark = pytest.mark.unchecked

FIXED = {"scope": "fixed"}
QUICK = {"optimizer": "adam", "epochs": 1, "batch": 64}


def validated(one, entry) -> float:
    """Return the validation accuracy of the weights that lie in an entry, with the rows of cycle 0."""
    problem = opened(one)
    held = Examples(problem.data.train.inputs, problem.rows.validation, problem.oracle.labels(problem.rows.validation))
    task = Task(model=one.model, labelled=held, validation=held, classes=10, dataset="")
    return evaluate(restored(task, entry), held, 10).accuracy


def first(one, store, stage):
    return next(done.entry for done in stages(one, store) if done.stage == stage)


# --- D1: the file of the best epoch holds the weights of the last one -------------------------------------------------


def test_d1_the_weights_saved_reproduce_the_best_validation_accuracy_and_are_not_the_last_epochs(tmp_path):
    recipe = {"optimizer": "sgd", "lr": 0.7, "epochs": 12, "batch": 8}
    one = changed(strategy="random", seed=1, recipe=recipe, tuning=FIXED).runs()[0]
    with Store(tmp_path) as store:
        entry = first(one, store, "fit")
        record = FitRecord.read(entry.path / "fit.json")
        accuracies = [epoch.validation.accuracy for epoch in record.history]
        assert accuracies[record.best] == max(accuracies) > accuracies[-1]
        assert validated(one, entry) == max(accuracies)


def test_d1_the_network_of_the_chosen_trial_has_the_accuracy_by_which_the_trial_was_chosen(tmp_path):
    space = {"lr": {"low": 0.5, "high": 1.0, "log": True}}
    tuning = {"scope": "every_run", "trials": 4, "pruner": None, "retrain": False, "space": space}
    recipe = {"optimizer": "sgd", "epochs": 12, "batch": 8}
    one = changed(strategy="random", seed=1, recipe=recipe, tuning=tuning).runs()[0]
    with Store(tmp_path) as store:
        search = TuneRecord.read(first(one, store, "tune").path / "tune.json")
        chosen = search.trials[search.chosen]
        assert chosen.value > chosen.history[-1].validation.accuracy
        assert validated(one, first(one, store, "fit")) == chosen.value


# --- D2: the schedule never runs, since one file writes SGD and another reads sgd -------------------------------------


def test_d2_the_schedule_runs_in_every_trial_of_a_search_whatever_its_optimizer(tmp_path):
    seen: dict[int, list[tuple[str, float]]] = {}

    def watch(optimizer, *_):
        seen.setdefault(id(optimizer), []).append((type(optimizer).__name__, optimizer.param_groups[0]["lr"]))
        kept.append(optimizer)

    kept = []  # so that no two have the same id
    schedule = {"name": "step", "at": [0.5], "factor": 0.2}
    recipe = {"lr": 0.01, "epochs": 2, "batch": 15, "schedule": schedule}
    search = {"scope": "every_run", "trials": 3, "pruner": None, "sampler": "grid"}
    search["space"] = {"optimizer": ["sgd", "adam", "adamw"]}
    one = changed(strategy="random", seed=1, recipe=recipe, tuning=search).runs()[0]
    handle = register_optimizer_step_pre_hook(watch)
    try:
        with Store(tmp_path) as store:
            first(one, store, "tune")
    finally:
        handle.remove()
    factors = [rate_factor(one.recipe.schedule, step, 4) for step in range(4)]
    assert factors == [1, 1, 0.2, 0.2]
    assert {steps[0][0] for steps in seen.values()} == {"SGD", "Adam", "AdamW"}
    for steps in seen.values():
        assert [rate for _, rate in steps] == pytest.approx([0.01 * factor for factor in factors])


@pytest.mark.parametrize("name", ["SGD", "ADAM", "AdamW"])
def test_d2_an_optimizer_in_other_letters_is_refused_in_recipe_and_space_and_not_trained_without_schedule(name):
    with pytest.raises(ValueError, match="Input should be 'sgd', 'adam' or 'adamw'"):
        Recipe(optimizer=name)
    with pytest.raises(ValueError, match="'sgd', 'adam' or 'adamw'"):
        changed(tuning={"space": {"optimizer": [name]}})


# --- D3: what the network is certain of comes first, as NaN -----------------------------------------------------------


@pytest.mark.parametrize("name", ["dbal", "bald"])
def test_d3_rows_of_saturated_softmax_are_not_chosen_before_rows_in_doubt(name):
    logits = torch.randn(8, 200, 4, generator=generator("saturated"))
    logits[:, 50:150] = torch.tensor([300.0, 0, 0, 0])
    said = logits.softmax(-1)
    assert (said[:, 50:150].mean(0) == 0).any(1).all()
    chosen = select(name, budget=100, mc_probabilities=said)
    assert sorted(chosen.tolist()) == [*range(50), *range(150, 200)]


# --- D4: BALD and DBAL rank rounding noise of a network without dropout -----------------------------------------------

SAMPLING = [name for name in names(Strategy.room) if resolve(Strategy, name)().samples_dropout]


@pytest.mark.parametrize("asked", [*SAMPLING, {"name": "subsample", "strategy": "bald"}], ids=str)
def test_d4_a_network_without_dropout_is_refused_before_anything_runs(asked, tmp_path):
    assert {"bald", "dbal"} <= set(SAMPLING)
    dry = {"name": "mlp", "hidden": [8], "dropout": 0.0}
    with Store(tmp_path) as store, pytest.raises(ValueError, match=r"^strategy '\w+.*' on mlp.*: model: dropout is 0"):
        chains(changed(model=dry, strategy=["random", asked], setting={"cycles": 2, "budget": 3}), store)


def test_d4_what_counts_is_the_network_that_chooses_and_whether_anything_is_chosen(tmp_path):
    dry, wet = ({"name": "mlp", "hidden": [8], "dropout": dropout} for dropout in (0.0, 0.2))
    with Store(tmp_path) as store:
        assert chains(changed(model=wet, transfer=[dry], strategy="bald"), store)
        assert chains(changed(model=dry, strategy="random"), store)
        with pytest.raises(ValueError, match="dropout is 0"):
            chains(changed(model=dry, transfer=[wet], strategy="bald"), store)


# --- D5: core-set takes a row many times ------------------------------------------------------------------------------


def test_d5_core_set_takes_each_of_forty_points_once_before_a_copy_of_any_and_no_row_twice():
    points = torch.randn(40, 16, generator=generator("points")).repeat(5, 1)
    chosen = select("coreset", budget=60, embeddings=points, labelled=[0])
    assert len(set(chosen.tolist())) == 60
    assert len({row % 40 for row in chosen[:39].tolist()} | {0}) == 40


def test_d5_core_set_takes_no_row_twice_where_float32_expansions_of_distances_cancel():
    points = 30 + 0.01 * torch.randn(300, 512, generator=generator("far"))
    chosen = select("coreset", budget=150, embeddings=points, labelled=range(5))
    assert len(set(chosen.tolist())) == 150


# --- D6: of thousands of equal votes the order of the pool decides ----------------------------------------------------


def test_d6_a_committee_of_three_chooses_the_same_rows_however_the_pool_is_ordered():
    said = torch.randn(3, 400, 5, generator=generator("votes"), dtype=torch.float64).mul(2).softmax(-1)
    votes = said.argmax(-1)
    split = int(((votes != votes.mode(0).values).sum(0) == 2).sum())
    assert split > 50  # rows of the highest level, of which but some are chosen
    chosen = set(select("qbc", budget=50, committee_probabilities=said).tolist())
    for seed in range(3):
        order = torch.randperm(400, generator=generator("order", seed))
        there = select("qbc", budget=50, committee_probabilities=said[:, order])
        assert set(order[there].tolist()) == chosen


# --- D7: noise of earlier cycles is forgotten, and drawn anew ---------------------------------------------------------


def test_d7_a_wrong_label_stays_as_it_is_in_every_trial_and_training_of_every_later_cycle(tmp_path, monkeypatch):
    trainings, real = [], train.fit

    def watched(model, labelled, *rest):
        trainings.append(dict(zip(labelled.rows.tolist(), labelled.labels.tolist(), strict=True)))
        return real(model, labelled, *rest)

    monkeypatch.setattr(train, "fit", watched)
    noise = {"noise": {"symmetric": 0.5, "as_torchal": True, "touches": ["queried"]}}
    tuning = {"trials": 2, "scope": "first_seed", "pruner": None, "space": {"batch": [8, 16]}}
    one = changed(strategy="random", seed=1, oracle=noise, tuning=tuning).runs()[0]
    with Store(tmp_path) as store:
        run(one, store)
    assert [len(each) for each in trainings] == [30] * 3 + [40] * 3 + [50] * 3  # two trials and a fit in each cycle
    truth, last = opened(one).data.train.labels, trainings[-1]
    assert all(last[row] == label for each in trainings for row, label in each.items())
    wrong = {row for row, label in last.items() if label != int(truth[row])}
    assert len(wrong & trainings[3].keys()) >= 2  # of the first query, two cycles ago
    assert not wrong & trainings[0].keys()


# --- D8: accuracies of a transfer lie where another regularisation overwrites them ------------------------------------


def test_d8_transfers_under_two_regularisations_have_results_of_their_own(tmp_path):
    recipes = [{"optimizer": "adam", "epochs": 2, "label_smoothing": smoothing} for smoothing in (0.0, 0.3)]
    spec = changed(
        strategy="random",
        seed=1,
        model={"name": "mlp", "hidden": [8]},
        transfer=[{"name": "mlp", "hidden": [12]}],
        recipe=recipes,
        setting={"cycles": 2, "budget": 10},
        tuning=FIXED,
    )
    assert run_experiment(spec, Host(tmp_path)) == []
    records = [RunRecord.read(file) for file in (tmp_path / "small" / "runs").glob("*.json")]
    told = {(each.model, each.spec["source"] is not None, each.spec["recipe"]["label_smoothing"]) for each in records}
    assert len(records) == len(told) == 4
    store = Store(tmp_path / "store")
    for record in records:
        cycle = record.cycles[-1]
        fitted = FitRecord.read(store.root / "fit" / cycle.keys["fit"] / "fit.json")
        assert fitted.recipe == record.spec["recipe"]
        assert fitted.parameters == sum(each.numel() for each in built(record.model).parameters())
    assert len({record.cycles[-1].keys["measure"] for record in records}) == 4


def built(label: str) -> nn.Module:
    return Mlp(hidden=(12,) if "12" in label else (8,)).build((1, 8, 8), 10)


# --- D9: 20 % is a name that was counted up, whatever was bought ------------------------------------------------------


def test_d9_records_count_the_labels_that_were_trained_on_and_per_cent_follow_from_them(tmp_path):
    setting = {"budget": [7, "1%", 113]}
    spec = changed(strategy=["random", "margin"], seed=1, setting=setting, recipe=QUICK, tuning=FIXED)
    assert run_experiment(spec, Host(tmp_path)) == []
    experiment = read(tmp_path, "small")
    with Store(tmp_path / "store") as store:
        counted = [[len(rows.labelled) for rows in rows_by_cycle(one, list(stages(one, store)))] for one in spec.runs()]
    assert counted == [[30, 37, 51, 164]] * 2  # the hundredth of 1,438 rows is 14
    assert [[cycle.labelled for cycle in record.cycles] for record in experiment.records] == counted
    assert judged(Claim.read("margin > random at 11.4%"), experiment)[0].n == 1
    with pytest.raises(ValueError, match="nothing was measured at 40%; budgets are 30, 37, 51, 164 labels"):
        judged(Claim.read("margin > random at 40%"), experiment)


# --- D10: rows are numbered as the file system lists its files --------------------------------------------------------


@pytest.fixture
def pets(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHAL_CACHE", str(tmp_path / "cache"))
    for split, count in (("train", 5), ("test", 2)):
        for number, kind in enumerate(("cat", "ant", "dog")):
            folder = tmp_path / "pets" / split / kind
            folder.mkdir(parents=True)
            for each in range(count):
                grey = np.full((8, 8, 3), 40 * number + 7 * each + (split == "test"), dtype=np.uint8)
                Image.fromarray(grey).save(folder / f"{(each * 3) % 5}.png")
    return tmp_path / "pets"


def backwards(monkeypatch) -> None:
    """Let the file system list everything in the opposite order."""
    scan, listing = os.scandir, os.listdir

    class Reversed:
        def __init__(self, path):
            with scan(path) as entries:
                self.entries = sorted(entries, key=lambda each: each.name, reverse=True)

        def __iter__(self):
            return iter(self.entries)

        def __next__(self):
            return self.entries.pop(0)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.close()

        def close(self):
            self.entries = []

    monkeypatch.setattr(os, "scandir", Reversed)
    monkeypatch.setattr(os, "listdir", lambda *path: sorted(listing(*path), reverse=True))


@pytest.mark.parametrize("source", ["hub", "folder"])
def test_d10_a_row_of_a_folder_of_images_is_the_same_image_in_whatever_order_files_are_listed(
    source, pets, tmp_path, monkeypatch
):
    def loaded():
        options = {"hub": {}, "folder": {"size": 8, "resize": 8, "test": "test"}}[source]
        data = TypeAdapter(AnySource).validate_python({"name": source, "path": pets, **options}).load()
        inputs, rows = data.train.inputs, torch.arange(len(data.train))
        return inputs.raw(rows).float().flatten(1).mean(1).tolist(), data.train.labels.tolist(), data.classes

    plain = loaded()
    backwards(monkeypatch)
    monkeypatch.setenv("TORCHAL_CACHE", str(tmp_path / "another"))
    assert next(os.scandir(pets / "train")).name == "dog"
    assert loaded() == plain
    assert len(set(plain[0])) == 15
    assert (plain[1], plain[2]) == ([0] * 5 + [1] * 5 + [2] * 5, ("ant", "cat", "dog"))


# --- D11: class weights fail where the labelled set lacks a class -----------------------------------------------------


def test_d11_a_labelled_set_that_lacks_classes_is_trained_on_with_balanced_weights():
    labels = torch.tensor([0, 1, 1, 1, 4, 4, 4, 4])
    data = Examples(Resident(torch.randn(8, 3, generator=generator("few"))), torch.arange(8), labels)
    network = fresh(Mlp(hidden=(4,)), (3,), 6, ("few",))
    recipe = Recipe(epochs=2, batch=4, lr=0.01, class_weights="balanced", label_smoothing=0.1)
    epochs = list(fit(network, data, None, recipe, ("few",), 6))
    assert [epoch.finite for epoch in epochs] == [True, True]
    assert all(each.isfinite().all() for each in network.parameters())
