"""What a run has before it, and what its cycles make of it."""

import numpy as np
import pytest
import torch

from torchal.data.index_files import read_rows
from torchal.experiment import ExperimentSpec
from torchal.loop import rows_by_cycle, run, stages
from torchal.plan import chains, plan_record
from torchal.problem import opened
from torchal.records import QueryRecord
from torchal.store import Store

BASE = {
    "name": "t",
    "dataset": "digits",
    "model": {"name": "mlp", "hidden": [8]},
    "strategy": "margin",
    "partition": {"drawn": 1, "labelled": 20, "validation": 40},
    "seed": 1,
    "setting": {"cycles": 3, "budget": 10},
    "recipe": {"optimizer": "adam", "epochs": 1},
    "tuning": {"scope": "fixed"},
}


def spec(**fields) -> ExperimentSpec:
    return ExperimentSpec.model_validate({**BASE, **fields})


def finished(folder, **fields):
    (one,) = spec(**fields).runs()
    with Store(folder) as store:
        return one, list(stages(one, store))


def labelled(folder, **fields) -> list[int]:
    one, done = finished(folder, **fields)
    return [len(rows.labelled) for rows in rows_by_cycle(one, done)]


# --- budgets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "sizes"),
    [
        ({"cycles": 3, "budget": 10}, [20, 30, 40]),
        ({"cycles": 2, "budget": "10%"}, [20, 164]),  # 1,438 rows
        ({"budget": [5, "1%", 20]}, [20, 25, 39, 59]),
        ({"cycles": 1, "budget": 10}, [20]),
    ],
)
def test_labels_grow_by_the_budgets_asked_for(tmp_path, setting, sizes):
    assert labelled(tmp_path, setting=setting) == sizes


def test_until_exhaustion_every_row_of_the_pool_is_bought(tmp_path):
    one, done = finished(tmp_path, setting={"cycles": "all", "budget": 500})
    rows = rows_by_cycle(one, done)
    assert [len(each.labelled) for each in rows] == [20, 520, 1020, 1398]
    assert len(rows[-1].pool) == 0
    assert run(one, Store(tmp_path)).finished


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"cycles": 3, "budget": [5]}, "leave cycles out"),
        ({"cycles": "all", "budget": {"cost": 3}}, "a cost does not say how many"),
        ({"budget": [5, {"cost": 5}]}, "mixes counts and costs"),
        ({"cycles": 0, "budget": 5}, "below 1"),
        ({"cycles": 2, "budget": {"cost": 0}}, "greater than 0"),
        ({"cycles": 2, "budget": {"price": 1}}, "unknown field"),
    ],
)
def test_a_setting_that_contradicts_itself_is_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        spec(setting=setting)


def test_a_later_cycle_costs_only_itself(tmp_path):
    with Store(tmp_path) as store:
        short = {done.entry.key for done in stages(spec().runs()[0], store)}
        long = {done.entry.key for done in stages(spec(setting={"budget": [10, 10, 20]}).runs()[0], store)}
    assert short < long


# --- prices -----------------------------------------------------------------------------------------------------------


def test_no_query_spends_more_than_has_been_allowed_and_leftovers_are_carried_on(tmp_path):
    prices = {"each": 1, "classes": {8: 3, 9: 7}}
    one, done = finished(tmp_path, setting={"cycles": 5, "budget": {"cost": 9.5}}, oracle={"price": prices})
    problem, spent = opened(one), 0.0
    dearest = 7
    for number, answer in enumerate(each for each in done if each.stage == "query"):
        record = QueryRecord.read(answer.entry.path / "query.json")
        paid = problem.oracle.cost(torch.tensor(record.rows))
        assert record.cost == paid.sum().item()
        spent += record.cost
        assert 9.5 * (number + 1) - dearest < spent <= 9.5 * (number + 1)
    assert [each.paid for each in done if each.stage == "fit"] == [20, 29.5, 39, 48.5, 58]


def test_a_budget_that_cannot_pay_the_dearest_label_is_refused():
    with pytest.raises(ValueError, match="2 cannot pay one label at 7; raise it"):
        opened(spec(setting={"cycles": 2, "budget": {"cost": 2}}, oracle={"price": {"classes": {9: 7}}}).runs()[0])


def test_more_than_the_pool_could_be_bought_is_refused_even_if_prices_are_low():
    with pytest.raises(ValueError, match=r"lower setting\.budget or setting\.cycles"):
        opened(spec(setting={"cycles": 2, "budget": {"cost": 100}}, oracle={"price": 0.01}).runs()[0])


# --- validation -------------------------------------------------------------------------------------------------------


def test_validation_rows_grow_with_the_labelled_and_keep_those_they_had(tmp_path):
    partition = {"drawn": 1, "labelled": 20, "validation": {"scale": 0.25}}
    one, done = finished(tmp_path, partition=partition)
    rows = rows_by_cycle(one, done)
    sets = [set(each.validation.tolist()) for each in rows]
    assert [len(each) for each in sets] == [5, 8, 10]  # a quarter of 20, 30 and 40
    assert sets[0] < sets[1] < sets[2]
    assert all(sets[2].isdisjoint(each.pool.tolist()) for each in rows)
    scored = [each.entry.json("measure.json")["validation"]["examples"] for each in done if each.stage == "measure"]
    assert scored == [5, 8, 10]


def test_until_exhaustion_a_growing_validation_set_is_its_share_to_the_end(tmp_path):
    partition = {"drawn": 1, "labelled": 138, "validation": {"scale": 0.25}}
    one, done = finished(tmp_path, partition=partition, setting={"cycles": "all", "budget": 1000})
    last = rows_by_cycle(one, done)[-1]
    assert (len(last.labelled), len(last.pool), len(last.validation)) == (1151, 0, 287)  # of 1,438


def test_none_is_no_validation_and_tuning_then_is_refused(tmp_path):
    partition = {"drawn": 1, "labelled": 20, "validation": "none"}
    _, done = finished(tmp_path, partition=partition, setting={"cycles": 1, "budget": 1})
    assert done[-1].entry.json("measure.json")["validation"] is None
    with pytest.raises(ValueError, match="tuning needs validation rows"):
        opened(spec(partition=partition, tuning={"trials": 2}).runs()[0])


@pytest.mark.parametrize(("validation", "warned"), [(20, 0), (21, 1), ({"scale": 1.0}, 0), ({"scale": 1.1}, 1)])
def test_a_validation_set_larger_than_the_labelled_one_is_told_with_the_reason(tmp_path, validation, warned):
    experiment = spec(partition={"drawn": [1, 2], "labelled": 20, "validation": validation})
    with Store(tmp_path) as store:
        told = plan_record(experiment, chains(experiment, store)).warnings
    assert len(told) == warned
    assert all("Oliver et al. 2018" in each and "lower partition.validation" in each for each in told)


def test_data_of_a_single_class_are_refused_before_anything_runs(tmp_path):
    np.savez(tmp_path / "one.npz", x=np.random.default_rng(1).normal(size=(300, 4)), y=np.array(["circle"] * 300))
    experiment = spec(dataset={"name": "arrays", "path": str(tmp_path / "one.npz")})
    with Store(tmp_path) as store, pytest.raises(ValueError, match="has the class circle alone, so there is nothing"):
        chains(experiment, store)


# --- beginning without labels -----------------------------------------------------------------------------------------

COLD = {"partition": {"drawn": 1, "labelled": 0, "validation": 40}}


@pytest.mark.parametrize("strategy", ["random", "typiclust", "probcover", "maxherding", "coreset"])
def test_a_run_without_labels_begins_with_rows_chosen_by_embeddings(tmp_path, strategy):
    setting = {"cycles": 2, "budget": 10, "start": {"budget": 15}}
    one, done = finished(tmp_path, **COLD, setting=setting, strategy=strategy)
    assert [(each.cycle, each.stage) for each in done] == list(one.plan(2))
    assert [len(rows.labelled) for rows in rows_by_cycle(one, done)] == [15, 25]
    assert [each.paid for each in done if each.stage == "fit"] == [15, 25]


def test_the_first_query_sees_the_embeddings_that_were_given(tmp_path):
    """Of two heaps far apart, the first two rows of core-set are one of each."""
    heaps = np.repeat(np.array([[0.0, 0.0], [1000.0, 0.0]], dtype=np.float32), 719, axis=0)
    heaps += np.random.default_rng(1).normal(size=heaps.shape).astype(np.float32)
    np.save(tmp_path / "embeddings.npy", heaps)
    start = {"budget": 2, "strategy": "coreset", "embeddings": str(tmp_path / "embeddings.npy")}
    one, done = finished(tmp_path, **COLD, setting={"cycles": 1, "budget": 1, "start": start})
    first = rows_by_cycle(one, done)[0].labelled
    assert sorted((first >= 719).tolist()) == [False, True]


def test_where_embeddings_lie_is_no_part_of_the_result_and_what_they_hold_is(tmp_path):
    keys = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / folder).mkdir()
        file = tmp_path / folder / "embeddings.npy"
        np.save(file, np.random.default_rng(seed).normal(size=(1438, 3)))
        start = {"budget": 2, "strategy": "coreset", "embeddings": str(file)}
        _, done = finished(tmp_path / "store", **COLD, setting={"cycles": 1, "budget": 1, "start": start})
        keys.append(done[0].entry.key)
    assert keys[0] == keys[1] != keys[2]


def test_a_shared_start_is_one_stage_for_all_strategies(tmp_path):
    setting = {"cycles": 2, "budget": 10, "start": {"budget": 15, "strategy": "typiclust"}}
    experiment = spec(**COLD, setting=setting, strategy=["random", "margin"])
    with Store(tmp_path) as store:
        found = chains(experiment, store)
    for place in ((0, "start"), (0, "fit")):
        assert len({step.identity for each in found for step in each.steps if (step.cycle, step.stage) == place}) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"setting": {"cycles": 2, "budget": 5}}, "nothing is labelled"),
        ({"setting": {"cycles": 2, "budget": 5, "start": {"budget": 0}}}, "give at least one"),
        ({"setting": {"cycles": 2, "budget": 5, "start": {"budget": 5}}}, "strategy 'margin' cannot choose before"),
        (
            {"setting": {"cycles": 2, "budget": 5, "start": {"budget": 5}}, "partition": BASE["partition"]},
            "is for runs that begin without labels",
        ),
    ],
)
def test_a_start_that_cannot_be_is_refused_before_anything_runs(tmp_path, fields, message):
    with Store(tmp_path) as store, pytest.raises(ValueError, match=message):
        chains(spec(**{**COLD, **fields}), store)


@pytest.mark.parametrize(
    ("values", "message"),
    [(np.zeros((10, 2)), "has 10 rows, and the training side 1438"), (np.zeros(10), "give n x width numbers")],
)
def test_embeddings_that_do_not_fit_are_refused_before_anything_runs(tmp_path, values, message):
    np.save(tmp_path / "e.npy", values)
    start = {"budget": 2, "strategy": "coreset", "embeddings": str(tmp_path / "e.npy")}
    with Store(tmp_path) as store, pytest.raises(ValueError, match=message):
        chains(spec(**COLD, setting={"cycles": 1, "budget": 1, "start": start}), store)
    with pytest.raises(ValueError, match="there is no file"):
        spec(**COLD, setting={"cycles": 1, "budget": 1, "start": {**start, "embeddings": "nowhere.npy"}})


# --- conditions in the loop -------------------------------------------------------------------------------------------


def test_strangers_cost_budget_and_are_not_trained_on(tmp_path):
    pool = {"strangers": {"classes": [7, 8, 9]}}
    one, done = finished(tmp_path, pool=pool, setting={"cycles": 3, "budget": 60}, strategy="random")
    rows, problem = rows_by_cycle(one, done), opened(one)
    asked = [QueryRecord.read(each.entry.path / "query.json") for each in done if each.stage == "query"]
    assert all(record.strangers > 0 for record in asked)
    assert [len(each.labelled) for each in rows] == [20, 80 - asked[0].strangers, 140 - sum(r.strangers for r in asked)]
    assert [len(each.pool) for each in rows] == [len(problem.rows.pool) - 60 * number for number in range(3)]
    assert all((problem.data.train.labels[each.labelled] >= 0).all() for each in rows)
    record = run(one, Store(tmp_path))
    assert [cycle.paid for cycle in record.cycles] == [20, 80, 140]
    assert len(record.cycles[0].test.per_class) == 7


def test_a_noisy_label_is_the_same_in_every_cycle_and_every_strategy():
    runs = spec(oracle={"noise": {"symmetric": 0.5}}, seed=[1, 2], strategy=["random", "margin"]).runs()
    answers = [opened(one).oracle.answers for one in runs]
    assert all(torch.equal(each, answers[0]) for each in answers)
    assert not torch.equal(answers[0], opened(spec().runs()[0]).oracle.answers)


def test_networks_learn_from_the_noisy_labels_and_are_tested_on_the_true_ones(tmp_path):
    fields = {"setting": {"cycles": 1, "budget": 1}, "recipe": {"optimizer": "adam", "lr": 0.01, "epochs": 40}}
    fields |= {"partition": {"drawn": 1, "labelled": 600, "validation": 40}}
    rotated = [[float(b == (a + 1) % 10) for b in range(10)] for a in range(10)]
    _, clean = finished(tmp_path, **fields)
    _, noisy = finished(tmp_path, **fields, oracle={"noise": {"confusion": rotated}})
    accuracies = [done[-1].entry.json("measure.json")["test"]["accuracy"] for done in (clean, noisy)]
    assert accuracies[0] > 0.7
    assert accuracies[1] < 0.1


def test_test_labels_are_noisy_only_if_asked(tmp_path):
    fields = {"setting": {"cycles": 1, "budget": 1}}
    clean = opened(spec(**fields).runs()[0]).data
    for touches, same in (("initial", True), ("test", False)):
        data = opened(spec(**fields, oracle={"noise": {"symmetric": 1, "touches": [touches]}}).runs()[0]).data
        assert torch.equal(data.test.labels, clean.test.labels) == same
        assert (data.digest == clean.digest) == same


def test_copies_of_a_data_set_are_trained_on_and_exported_as_rows_after_its_own(tmp_path):
    _, done = finished(tmp_path, pool={"copies": {"share": "100%", "times": 3}}, setting={"cycles": 2, "budget": 200})
    rows = QueryRecord.read(next(each for each in done if each.stage == "query").entry.path / "query.json").rows
    assert max(rows) >= 1438
    assert len(set(rows)) == 200


# --- transfer ---------------------------------------------------------------------------------------------------------


def test_a_transferred_run_trains_another_network_on_the_very_rows_of_its_source(tmp_path):
    experiment = spec(model=[{"name": "mlp", "hidden": [8]}, {"name": "mlp", "hidden": [16]}], transfer="all")
    runs = experiment.runs()
    assert len(runs) == 4
    with Store(tmp_path) as store:
        rows = {one.id: [each.digest for each in rows_by_cycle(one, list(stages(one, store)))] for one in runs}
        queries = len(list((tmp_path / "query").iterdir()))
        fits = len(list((tmp_path / "fit").iterdir()))
    for one in runs:
        assert rows[one.id] == rows[one.chooser.id]
    assert rows[runs[0].id] != rows[runs[2].id]
    assert queries == 2 * 2  # networks x queries: those trained on others' rows ask nothing
    assert fits == 2 + 4 * 2  # in cycle 0 each network once, then every pair


def test_a_network_that_is_not_in_the_models_is_trained_on_their_rows_alone():
    experiment = spec(transfer=[{"name": "mlp", "hidden": [16]}])
    assert [(one.model.hidden, one.source and one.source.model.hidden) for one in experiment.runs()] == [
        ((8,), None),
        ((16,), (8,)),
    ]


def test_networks_of_transfer_are_trained_by_a_recipe_of_their_own_on_rows_chosen_by_the_usual_one(tmp_path):
    alone, other = spec(), {"name": "mlp", "hidden": [16]}
    experiment = spec(transfer=[other], transfer_recipe={**BASE["recipe"], "weight_decay": 0.5})
    own, moved = experiment.runs()
    assert own == moved.chooser == alone.runs()[0]
    assert (own.recipe.weight_decay, moved.recipe.weight_decay) == (alone.recipe[0].weight_decay, 0.5)
    assert experiment.conditions() == ("", "")
    with Store(tmp_path) as store:
        rows = [[each.digest for each in rows_by_cycle(one, list(stages(one, store)))] for one in experiment.runs()]
        recipes = [each.entry.json("fit.json")["recipe"] for each in stages(moved, store) if each.stage == "fit"]
        queries = len(list((tmp_path / "query").iterdir()))
    assert rows[0] == rows[1]
    assert {recipe["weight_decay"] for recipe in recipes} == {0.5}
    assert queries == moved.setting.cycles - 1


def test_where_the_recipe_of_transfer_is_the_usual_one_runs_are_those_without_it():
    other = [{"name": "mlp", "hidden": [16]}]
    assert spec(transfer=other, transfer_recipe=BASE["recipe"]).runs() == spec(transfer=other).runs()


def test_a_recipe_of_transfer_without_transfer_is_refused():
    with pytest.raises(ValueError, match="transfer_recipe is for the networks of transfer, and there are none"):
        spec(transfer_recipe="strong")


def test_the_plan_says_where_rows_come_from(tmp_path):
    experiment = spec(transfer=[{"name": "mlp", "hidden": [16]}])
    with Store(tmp_path) as store:
        planned = plan_record(experiment, chains(experiment, store)).runs
    assert [(each.model, each.source) for each in planned] == [
        ("mlp(hidden=[8])", ""),
        ("mlp(hidden=[16])", "mlp(hidden=[8])"),
    ]


def test_the_published_rows_are_those_of_the_files_under_a_pool_of_fewer_classes(shared):
    """What does not belong to a class joins the pool, wherever it was published."""
    from torchal.data.draw import Published

    labels = torch.arange(50_000) % 10
    labels[labels == 9] = -1
    rows = Published(published=1).rows(labels, 9)
    files = shared / "torchal_index_sets" / "CIFAR10" / "partition_1"
    listed = torch.from_numpy(read_rows(files / "lSet_CIFAR10.npy"))
    assert torch.equal(rows.labelled, listed[labels[listed] >= 0])
    assert len(rows.labelled) + len(rows.pool) + len(rows.validation) == 50_000
