import pytest

from torchal.experiment import ExperimentSpec
from torchal.loop import stages
from torchal.spec_file import SpecError
from torchal.store import Store

BASE = {
    "name": "t",
    "dataset": "digits",
    "model": {"name": "mlp", "hidden": [8]},
    "strategy": ["random", "margin"],
    "partition": {"drawn": [1, 2], "labelled": 20, "validation": 40},
    "seed": [1, 2],
    "setting": {"cycles": 2, "budget": 5},
    "recipe": {"epochs": 1},
    "tuning": {"trials": 2},
}


def spec(**fields) -> ExperimentSpec:
    return ExperimentSpec.model_validate({**BASE, **fields})


def by_id(experiment, strategy, partition, seed):
    return next(
        run
        for run in experiment.runs()
        if (run.strategy.plugin_name(), run.partition.id, run.seed) == (strategy, partition, seed)
    )


def test_an_experiment_is_the_product_of_its_axes():
    runs = spec().runs()
    assert len(runs) == len({run.id for run in runs}) == 2 * 2 * 2
    assert {run.first_seed for run in runs} == {1}


def test_an_axis_takes_one_value_or_a_list():
    assert len(spec(strategy="random", seed=3, partition={"published": 2}).runs()) == 1


def test_a_value_given_twice_on_an_axis_is_refused():
    with pytest.raises(ValueError, match=r"strategy\[1\] repeats"):
        spec(strategy=["random", "random"])


def test_one_draw_in_two_sizes_makes_two_conditions():
    sizes = [{"drawn": [1, 2], "labelled": 20, "validation": size} for size in (40, "10%")]
    assert set(spec(partition=sizes).conditions()) == {"validation 40", "validation 10%"}


def test_a_search_space_that_the_recipe_refuses_is_refused_before_anything_runs():
    with pytest.raises(ValueError, match=r"space\.lr may propose -1"):
        spec(tuning={"space": {"lr": {"low": -1, "high": 1}}})
    with pytest.raises(ValueError, match=r"space\.leraning_rate may propose"):
        spec(tuning={"space": {"leraning_rate": {"low": 0.1, "high": 1}}})


@pytest.mark.parametrize("name", ["store", "../up", "a/b", "", ".hidden"])
def test_a_name_that_is_no_folder_of_its_own_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        spec(name=name)


def test_a_saved_spec_reads_back_as_the_same_runs(tmp_path):
    (tmp_path / "spec.yaml").write_text(spec().text())
    assert [run.id for run in ExperimentSpec.read(tmp_path / "spec.yaml").runs()] == [run.id for run in spec().runs()]


def test_strategies_from_files_join_the_comparison_once(tmp_path):
    (tmp_path / "spec.yaml").write_text(spec().text())
    names = [
        each.plugin_name() for each in ExperimentSpec.read(tmp_path / "spec.yaml", (), ("bald", "margin")).strategy
    ]
    assert names == ["random", "margin", "bald"]


def test_errors_name_the_file_the_path_and_the_nearest_name(tmp_path):
    (tmp_path / "x.yaml").write_text(spec().text())
    with pytest.raises(SpecError, match=r"x\.yaml: strategy\[0\]: unknown name 'blad'; did you mean 'bald'\?"):
        ExperimentSpec.read(tmp_path / "x.yaml", ("strategy=[blad]",))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"setting": {"cycles": 60, "budget": 50}}, "lower setting.budget or setting.cycles"),
        ({"setting": {"cycles": 2, "budget": "0.001%"}}, "is no row"),
        ({"partition": {"drawn": 1, "labelled": 20, "validation": 0}}, "tuning needs validation rows"),
        ({"partition": {"drawn": 1, "labelled": 2000, "validation": 0}}, "2000"),
        ({"partition": {"published": 1}}, "published"),
    ],
)
def test_what_the_data_cannot_give_is_refused_with_field_and_remedy(tmp_path, fields, message):
    run = spec(**fields).runs()[0]
    with pytest.raises(ValueError, match=message):
        next(stages(run, Store(tmp_path)))


def test_runs_that_share_a_stage_by_position_share_it_by_content(tmp_path):
    """The identity by which a plan shares stages must make equal exactly what the store's keys make equal."""
    experiment = spec(partition={"drawn": 1, "labelled": 20, "validation": 40})
    assert_shared_by_position_as_by_content(experiment, tmp_path)


def assert_shared_by_position_as_by_content(experiment, folder):
    with Store(folder) as store:
        pairs = {
            (run.stage_identity(done.cycle, done.stage), done.entry.key)
            for run in experiment.runs()
            for done in stages(run, store)
        }
    identities, keys = zip(*pairs, strict=True)
    assert len(set(identities)) == len(pairs) == len(set(keys))


def scoped(scope):
    return spec(tuning={"trials": 2, "scope": scope}, setting={"cycles": 3, "budget": 5})


def test_each_scope_searches_where_it_says():
    """Two strategies, two partitions, two seeds, three cycles; cycle 0 is shared by the strategies."""
    searches = {}
    for scope in ("every_run", "first_seed", "shared", "first_cycle", "fixed"):
        runs = scoped(scope).runs()
        tuned = {run.stage_identity(cycle, stage) for run in runs for cycle, stage in run.plan(3) if stage == "tune"}
        searches[scope] = len(tuned)
    per_cycle_0, later = 2, 2 * 2 * 2  # partitions; partitions x strategies x later cycles
    assert searches == {
        "every_run": 2 * (per_cycle_0 + later),
        "first_seed": per_cycle_0 + later,
        "shared": per_cycle_0 + 2 * 2,  # partitions x later cycles
        "first_cycle": 2 * per_cycle_0,
        "fixed": 0,
    }


def test_in_scope_first_seed_the_second_seed_trains_with_the_first_ones_recipes(tmp_path):
    experiment = scoped("first_seed")
    recipes = {}
    with Store(tmp_path) as store:
        for seed in (2, 1):
            run = by_id(experiment, "margin", "drawn-1", seed)
            recipes[seed] = [d.entry.key for d in stages(run, store) if d.stage == "tune"]
    assert recipes[1] == recipes[2]
    assert len(set(recipes[1])) == 3


def test_in_scope_shared_every_run_trains_with_the_recipes_found_on_the_sets_of_random(tmp_path):
    experiment = scoped("shared")
    recipes = {}
    with Store(tmp_path) as store:
        for strategy, seed in (("margin", 2), ("margin", 1), ("random", 1)):
            run = by_id(experiment, strategy, "drawn-1", seed)
            recipes[strategy, seed] = [done.entry.key for done in stages(run, store) if done.stage == "tune"]
    assert recipes["margin", 2] == recipes["margin", 1] == recipes["random", 1]
    assert len(set(recipes["random", 1])) == 3


def test_scope_shared_without_random_is_refused():
    with pytest.raises(ValueError, match="add it to strategy"):
        spec(strategy="margin", tuning={"scope": "shared"})


def test_several_tunings_are_an_axis_whose_runs_share_what_is_the_same(tmp_path):
    """For the first seed, ``every_run`` and ``first_seed`` come to the same: its stages are computed once."""
    scopes = [{"trials": 2, "scope": scope} for scope in ("every_run", "first_seed", "first_cycle", "fixed")]
    experiment = spec(tuning=scopes, seed=1, partition={"drawn": 1, "labelled": 20, "validation": 40})
    assert len({run.id for run in experiment.runs()}) == 4 * 2
    assert list(experiment.conditions()) == [f"scope {each['scope']}" for each in scopes for _ in range(2)]
    assert_shared_by_position_as_by_content(experiment, tmp_path)


def test_without_retraining_the_network_is_the_chosen_trials(tmp_path):
    """Its history is the trial's own; trained anew it is another."""
    experiment = spec(tuning=[{"trials": 2, "retrain": again} for again in (False, True)], seed=1, strategy="random")
    same = []
    with Store(tmp_path) as store:
        for run in experiment.runs()[::2]:
            entries = {done.stage: done.entry for done in stages(run, store) if done.cycle == 0}
            search, fit = entries["tune"].json("tune.json"), entries["fit"].json("fit.json")
            same.append(search["trials"][search["chosen"]]["history"] == fit["history"])
    assert same == [True, False]


def test_in_scope_first_cycle_the_first_recipe_serves_every_cycle(tmp_path):
    run = by_id(scoped("first_cycle"), "margin", "drawn-1", 2)
    with Store(tmp_path) as store:
        keys = [done.entry.key for done in stages(run, store) if done.stage == "tune"]
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_strategies_train_on_common_random_numbers_so_cycle_0_is_one(tmp_path):
    experiment = spec()
    with Store(tmp_path) as store:
        first = {
            (run.strategy.plugin_name(), done.stage): done.entry.key
            for run in experiment.runs()[:2]
            for done in stages(run, store)
            if done.cycle == 0
        }
    for stage in ("tune", "fit", "measure"):
        assert first["random", stage] == first["margin", stage]
    assert first["random", "query"] != first["margin", "query"]
