"""What is exported for trackers is read back by the trackers' own packages, and compared with the records."""

import json
import sys

import pandas as pd
import pytest
from offline_runs import kept_by_wandb
from report_runs import run_record, scores, write_results

from torchal.cli import main
from torchal.digest import digest_of
from torchal.records import Effort, EpochRecord, FitRecord
from torchal.report import frame
from torchal.tracking import export_records
from torchal.tracking._runs import flat, read

pytestmark = pytest.mark.unchecked

quiet = pytest.mark.filterwarnings("ignore:The ``noload`` loader")  # MLflow asks SQLAlchemy for something old


@pytest.fixture(autouse=True)
def nothing_is_sent(monkeypatch):
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        monkeypatch.setenv(name, "true")
    monkeypatch.setenv("WANDB_MODE", "disabled")  # what is said there does not matter
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")


def trained(results, record, finished=1000.0):
    """Return a run whose trainings of two epochs are in the store, and say when they ended."""
    cycles = []
    for cycle in record.cycles:
        key = digest_of([record.id, cycle.cycle])
        place = results / "store" / "fit" / key
        place.mkdir(parents=True)
        epochs = [EpochRecord(epoch=n, loss=1.0 - n / 2, lr=0.1, validation=scores(0.5 + n / 8)) for n in range(2)]
        effort = Effort(epochs=2, images=20, evaluated=10, flops=300)
        fit = FitRecord(recipe={}, history=tuple(epochs), best=1, parameters=7, effort=effort)
        (place / "fit.json").write_text(fit.text())
        timing = {"seconds": 2.5, "finished": finished + cycle.cycle, "host": "here"}
        (place / "timing.json").write_text(json.dumps(timing))
        more = {"keys": cycle.keys | {"fit": key}, "best_epoch": 1, "queried": 10, "cost": 12.5, "strangers": 0}
        cycles.append(cycle.model_copy(update=more))
    spec = {"strategy": {"name": record.strategy}, "seed": record.seed, "tuning": {"space": {}, "scopes": [1, 2]}}
    return record.model_copy(update={"cycles": tuple(cycles), "spec": spec})


def shorter(record, cycles):
    """Return a run that has not come as far."""
    return record.model_copy(update={"cycles": record.cycles[:cycles], "finished": False})


@pytest.fixture
def results(tmp_path):
    """Two runs of four cycles, from 20 labels to 50."""
    folder = tmp_path / "results"
    return write_results(folder, [trained(folder, run_record(name, "drawn-1", 1)) for name in ("random", "margin")])


def exported(results, to, at=None):
    told = []
    written = export_records(results, "tiny", to, at and str(at), lambda *counts: told.append(counts))
    assert told == [(0, 2), (1, 2)]
    return written


def recorded(results):
    return frame.read(results, "tiny").records


def test_a_cycles_numbers_are_those_of_its_record_under_names_that_say_side_and_metric(results):
    run = next(iter(read(frame.read(results, "tiny"), results)))
    cycle, record = run.cycles[1], recorded(results)[0].cycles[1]
    test = record.test
    assert (cycle.cycle, cycle.labelled, cycle.finished) == (1, 30, 1001.0)
    expected = {"test/accuracy": test.accuracy, "test/nll": test.nll, "test/macro_f1": test.macro_f1}
    expected |= {"test/balanced_accuracy": test.balanced_accuracy, "test/ece": 0.05, "paid": 30, "best_epoch": 1}
    expected |= {"test_classes/0": test.per_class[0], "test_classes/2": test.per_class[2], "recipe/lr": 0.02}
    expected |= {"query/queried": 10, "query/cost": 12.5, "query/strangers": 0, "recipe/augment.flip": 0}
    expected |= {"cost/training/flops": 300, "cost/training/epochs": 2, "cost/training/trials": 0}
    assert {name: cycle.numbers.get(name) for name in expected} == expected
    assert "test_classes/1" not in cycle.numbers  # the class has no examples
    assert cycle.timing == {"cost/training/seconds": 2.5}
    assert cycle.recipe == {"lr": 0.02, "epochs": 30, "augment.flip": False}
    assert [(n, each["loss"], each["validation/accuracy"]) for n, each in cycle.epochs()] == [
        (0, 1, 0.5),
        (1, 0.5, 0.625),
    ]
    assert {"strategy": "random", "seed": 1, "spec.tuning.scopes": "[1,2]"}.items() <= run.parameters.items()


def test_classes_have_their_names_in_letters_that_every_tracker_takes(results):
    file = results / "tiny" / "plan.json"
    plan = json.loads(file.read_text()) | {"classes": [["a cat/dog", "tree", "été"]]}
    file.write_text(json.dumps(plan))
    run = next(iter(read(frame.read(results, "tiny"), results)))
    names = {name for name in run.cycles[0].numbers if name.startswith("test_classes/")}
    assert names == {"test_classes/0_a_cat_dog", "test_classes/2_été"}


def test_a_spec_becomes_flat_without_losing_what_is_empty():
    spec = {"a": {"b": 1, "c": {"d": None}}, "e": [1, {"f": 2}], "g": {}}
    assert flat(spec) == {"a.b": 1, "a.c.d": None, "e": '[1,{"f":2}]', "g": "{}"}


@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_tables_hold_every_number_and_the_same_records_give_the_same_bytes(results, tmp_path, to):
    written = exported(results, to)
    folder = results / "tiny" / "export" / to
    assert (written.place, written.runs) == (str(folder), 2)
    tables = {file.stem: getattr(pd, f"read_{to}")(file) for file in folder.iterdir()}
    assert set(tables) == {"runs", "cycles", "recipes", "epochs", "cycles-timing"}
    assert dict(zip(tables["runs"]["run"], tables["runs"]["strategy"], strict=True)) == {
        record.id: record.strategy for record in recorded(results)
    }
    accuracy = tables["cycles"].query("metric == 'test/accuracy'")
    assert list(accuracy["value"]) == [cycle.test.accuracy for run in recorded(results) for cycle in run.cycles]
    assert list(accuracy["labelled"]) == [20, 30, 40, 50] * 2
    assert list(tables["epochs"]["loss"]) == [1.0, 0.5] * 8
    assert not tables["cycles"]["metric"].str.contains("seconds").any()
    other = tmp_path / "other"
    runs = [trained(other, run_record(run.strategy, "drawn-1", 1), finished=9.0) for run in recorded(results)]
    exported(write_results(other, runs), to, other / "out")
    for file in folder.iterdir():
        assert (other / "out" / file.name).read_bytes() == file.read_bytes()


def test_tables_of_strategies_with_other_fields_keep_types_and_gaps(results):
    first, second = recorded(results)
    spec = {"samples": 10, "spread": 0.5, "mixed": "x"}
    write_results(
        results,
        [first.model_copy(update={"spec": {"mixed": 1}}), second.model_copy(update={"spec": spec})],
    )
    exported(results, "parquet")
    table = pd.read_parquet(results / "tiny" / "export" / "parquet" / "runs.parquet")
    assert table["spec.samples"].dtype == "Int64"
    assert table["spec.samples"].isna().tolist() == [True, False]
    assert table["spec.mixed"].tolist() == ["1", "x"]


def accumulated(folder):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = event_accumulator.EventAccumulator(str(folder), {"scalars": 0, "tensors": 0})
    found.Reload()
    return found


def test_tensorboard_reads_scalars_by_labels_parameters_recipes_and_epochs(results):
    folder = results / "tiny" / "export" / "tensorboard"
    assert exported(results, "tensorboard").hint == f"tensorboard --logdir {folder}"
    record = recorded(results)[1]
    run = accumulated(folder / record.id)
    found = run.Scalars("test/accuracy")
    assert [each.step for each in found] == [20, 30, 40, 50]
    assert [each.value for each in found] == pytest.approx([cycle.test.accuracy for cycle in record.cycles], abs=1e-6)
    assert [each.wall_time for each in found] == [1000.0, 1001.0, 1002.0, 1003.0]
    assert [each.value for each in run.Scalars("cost/training/seconds")] == [2.5] * 4
    assert run.Tensors("recipe")[1].tensor_proto.string_val[0].decode().splitlines()[2:] == [
        "| lr | `0.02` |",
        "| epochs | `30` |",
        "| augment.flip | `false` |",
    ]
    epochs = accumulated(folder / record.id / "cycle-2").Scalars("training/loss")
    assert [(each.step, each.value) for each in epochs] == [(0, 1.0), (1, 0.5)]


def test_tensorboards_table_of_parameters_holds_a_runs_axes(results):
    plugin_data_pb2 = pytest.importorskip("tensorboard.plugins.hparams.plugin_data_pb2")
    exported(results, "tensorboard")
    record = recorded(results)[1]
    metadata = accumulated(results / "tiny" / "export" / "tensorboard" / record.id).SummaryMetadata(
        "_hparams_/session_start_info"
    )
    told = plugin_data_pb2.HParamsPluginData.FromString(metadata.plugin_data.content).session_start_info
    assert told.hparams["strategy"].string_value == "margin"
    assert told.hparams["seed"].number_value == 1


def test_event_files_are_replaced_and_not_added_to(results):
    def files():
        return {file: file.read_bytes() for file in sorted((results / "tiny" / "export").rglob("*")) if file.is_file()}

    exported(results, "tensorboard")
    first = files()
    assert len(first) == 2 * (1 + 4)
    exported(results, "tensorboard")
    assert files() == first


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """One database for all, since MLflow takes seconds to make one; each test has an experiment of its own."""
    return tmp_path_factory.mktemp("mlflow")


@quiet
def test_mlflow_holds_each_run_once_with_parameters_metrics_by_labels_and_tags(results, database):
    flow = pytest.importorskip("mlflow")
    first = exported(results, "mlflow", database)
    again = exported(results, "mlflow", database)
    assert (first.runs, first.unchanged, again.runs, again.unchanged) == (2, 0, 0, 2)
    client = flow.MlflowClient(tracking_uri=first.place)
    runs = client.search_runs([client.get_experiment_by_name("tiny").experiment_id], order_by=["start_time"])
    by_name = {run.data.tags["torchal.run"]: run for run in runs}
    assert len(runs) == 2
    record = recorded(results)[1]
    run = by_name[record.id]
    assert {"strategy": "margin", "seed": "1", "spec.tuning.scopes": "[1,2]"}.items() <= run.data.params.items()
    assert run.data.tags["torchal.spec_digest"] == digest_of(record.spec)
    assert json.loads(run.data.tags["torchal.recipe.1"])["lr"] == 0.02
    history = client.get_metric_history(run.info.run_id, "test/accuracy")
    wanted = [(cycle.labelled, cycle.test.accuracy, 1000 * (1000 + cycle.cycle)) for cycle in record.cycles]
    assert sorted((each.step, each.value, each.timestamp) for each in history) == wanted
    assert (run.info.status, run.info.start_time, run.info.end_time) == ("FINISHED", 1_000_000, 1_003_000)


@quiet
def test_mlflow_adds_what_is_new_to_a_run_and_replaces_one_that_changed(tmp_path, database):
    flow = pytest.importorskip("mlflow")
    results = tmp_path / "results"
    runs = [trained(results, run_record(name, "drawn-2", 2)) for name in ("random", "margin")]

    def state(*now):
        write_results(results, list(now), name="growing")
        place = export_records(results, "growing", "mlflow", str(database), lambda *_: None).place
        client = flow.MlflowClient(tracking_uri=place)
        found = client.search_runs([client.get_experiment_by_name("growing").experiment_id])
        assert len(found) == 2
        run = next(each for each in found if each.data.tags["torchal.run"] == runs[0].id)
        history = client.get_metric_history(run.info.run_id, "test/accuracy")
        return run.info.run_id, run.info.status, sorted((each.step, each.value) for each in history)

    first = state(shorter(runs[0], 2), runs[1])
    assert first[1:] == ("RUNNING", [(cycle.labelled, cycle.test.accuracy) for cycle in runs[0].cycles[:2]])
    grown = state(*runs)
    assert grown == (first[0], "FINISHED", [(cycle.labelled, cycle.test.accuracy) for cycle in runs[0].cycles])
    other = runs[0].cycles[0].model_copy(update={"test": scores(0.125)})
    replaced = state(runs[0].model_copy(update={"cycles": (other, *runs[0].cycles[1:])}), runs[1])
    assert replaced[0] != first[0]
    assert replaced[2] == [(20, 0.125), *grown[2][1:]]


def test_a_store_that_mlflow_does_not_take_is_refused_in_a_sentence(results):
    pytest.importorskip("mlflow")
    with pytest.raises(ValueError, match=r"^--at nowhere://x: "):
        export_records(results, "tiny", "mlflow", "nowhere://x", lambda *_: None)


def test_wandb_holds_each_run_once_offline_and_an_earlier_state_is_replaced(results):
    pytest.importorskip("wandb")
    records = recorded(results)
    write_results(results, [shorter(records[0], 2), records[1]])
    folder = results / "tiny" / "export" / "wandb"
    assert exported(results, "wandb").runs == 2
    before = kept_by_wandb(folder)
    write_results(results, list(records))
    written = exported(results, "wandb")
    assert (written.runs, written.unchanged) == (1, 1)
    now = kept_by_wandb(folder)
    assert now[records[1].id][0] == before[records[1].id][0]
    assert len(before[records[0].id][2]) == 2
    _, config, rows = now[records[0].id]
    assert {"strategy": "random", "seed": 1, "spec.tuning.scopes": "[1,2]"}.items() <= config.items()
    expected = [(cycle.cycle, cycle.labelled, cycle.test.accuracy) for cycle in records[0].cycles]
    assert [(row["_step"], row["labelled"], row["test/accuracy"]) for row in rows] == expected


def test_wandb_is_told_nothing_of_this_machine_and_its_packages(results):
    pytest.importorskip("wandb")
    exported(results, "wandb")
    folder = results / "tiny" / "export" / "wandb"
    assert len(kept_by_wandb(folder)) == 2
    told = [file for file in folder.rglob("files/*") if file.is_file()]
    assert {file.name for file in told} <= {"config.yaml"}


@pytest.mark.parametrize(("to", "module"), [("tensorboard", "tensorboard"), ("mlflow", "mlflow"), ("wandb", "wandb")])
def test_a_package_that_is_not_installed_is_named_by_its_extra(results, monkeypatch, to, module):
    for name in [each for each in sys.modules if each.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ValueError, match=rf"--to {to}: .*pip install 'torchal\[{to}\]'"):
        export_records(results, "tiny", to, None, lambda *_: None)


def test_an_unknown_target_names_the_nearest(results):
    with pytest.raises(ValueError, match=r"--to tensorbord: .*did you mean 'tensorboard'\?"):
        export_records(results, "tiny", "tensorbord", None, lambda *_: None)


def test_an_experiment_without_a_measurement_is_refused(tmp_path):
    results = write_results(tmp_path, [], plan=[run_record("random", "drawn-1", 1)])
    with pytest.raises(ValueError, match="tiny: no cycle has been measured yet"):
        export_records(results, "tiny", "csv", None, lambda *_: None)
    assert not (results / "tiny" / "export").exists()


@pytest.mark.parametrize("name", ["../../out", "..", "/tmp/out", "a/../../out"])  # noqa: S108 - nothing is written there
def test_a_run_whose_name_leads_out_of_the_folder_is_refused(results, name):
    found = frame.read(results, "tiny")
    crafted = found.records[0].model_copy(update={"id": name})
    run = found.plan.runs[0].model_copy(update={"id": name})
    for runs in (found.plan.runs, (run, *found.plan.runs)):  # unknown to the plan, and known to it
        plan = found.plan.model_copy(update={"runs": runs})
        with pytest.raises(ValueError, match="is not of the plan, or no name of a file"):
            next(read(frame.Experiment(plan, (crafted,), ()), results))


def say(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["torchal", "export", *map(str, words)])
    try:
        main()
    except SystemExit as left:
        return left.code
    return 0


def test_the_verb_takes_the_yaml_or_the_folder_and_says_where_it_wrote(results, monkeypatch, capsys, tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text("name: tiny\n")
    assert not say(monkeypatch, "records", spec, "--results", results, "--to", "csv", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told == {"place": str(results / "tiny" / "export" / "csv"), "runs": 2, "unchanged": 0, "hint": ""}
    assert not say(monkeypatch, "records", results / "tiny", "--to", "csv", "--at", tmp_path / "out")
    assert f"Wrote 2 runs to {tmp_path / 'out'}." in " ".join(capsys.readouterr().out.split("\n"))
    assert (tmp_path / "out" / "runs.csv").is_file()


def test_options_of_another_export_are_refused(results, monkeypatch, capsys):
    assert say(monkeypatch, "studies", results / "tiny", "--to", "x", "--at", "y") == 2
    assert "--at belongs to export records" in " ".join(capsys.readouterr().err.split())
    assert say(monkeypatch, "records", results / "tiny", "--to", "csv", "--run", "a") == 2
    assert "--run and --cycle belong to export model" in " ".join(capsys.readouterr().err.split())
