import json
import subprocess
import sys

import numpy as np
import pytest
import yaml
from small_runs import SMALL, forks
from typer.testing import CliRunner

import torchal
from torchal.cli import app, main
from torchal.data.index_files import read_rows
from torchal.testing.__main__ import main as check

pytestmark = pytest.mark.unchecked

RUNNER = CliRunner()
SHORT = {
    **SMALL,
    "name": "short",
    "setting": {"cycles": 2, "budget": 10},
    "seed": 1,
    "recipe": {**SMALL["recipe"], "epochs": 1},
    "tuning": {**SMALL["tuning"], "trials": 2},
}


def torchal_(*words, code: int = 0):
    result = RUNNER.invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished experiment: its YAML file and its folder of results."""
    folder = tmp_path_factory.mktemp("finished")
    spec = folder / "short.yaml"
    spec.write_text(yaml.safe_dump(SHORT))
    torchal_("run", spec, "--results", folder / "results", "--jobs", 1)
    return spec, folder / "results"


def modules_after(*verbs) -> list[set[str]]:
    """Return the modules that are loaded when each verb ends, one verb after the other, in a process of its own."""
    code = (
        "import sys, json, torchal.cli as cli\n"
        f"for words in {[[str(word) for word in words] for words in verbs]!r}:\n"
        "    sys.argv = ['torchal', *words]\n"
        "    try:\n        cli.main()\n    except SystemExit as end:\n        assert not end.code, end.code\n"
        "    print('MODULES' + json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told = [line for line in done.stdout.splitlines() if line.startswith("MODULES")]
    return [set(json.loads(line.removeprefix("MODULES"))) for line in told]


def test_help_loads_nothing_heavy_so_it_answers_at_once():
    (modules,) = modules_after(["--help"])
    assert not {"torch", "numpy", "pandas", "optuna", "altair", "scipy"} & modules


def test_reports_status_and_exports_of_records_never_load_torch(finished):
    spec, results = finished
    verbs = ["status", "status --cost", "export records --to csv", "compare bald(samples=3) random", "report"]
    loaded = modules_after(*([*verb.split(), spec, "--results", results] for verb in verbs))
    assert [verb for verb, modules in zip(verbs, loaded, strict=True) if "torch" in modules] == []


def test_the_public_names_are_these_and_each_can_be_had():
    assert torchal.__all__ == [
        "Classifier",
        "Dataset",
        "ExperimentSpec",
        "Host",
        "Model",
        "Partition",
        "QueryContext",
        "RunSpec",
        "Source",
        "Store",
        "Strategy",
        "compute",
        "run",
        "run_experiment",
        "select",
    ]
    assert len(torchal.__all__) <= 15
    for name in torchal.__all__:
        assert callable(getattr(torchal, name)), name


def test_importing_torchal_loads_no_torch():
    subprocess.run(
        [sys.executable, "-c", "import torchal, sys; assert 'torch' not in sys.modules"],
        check=True,
        capture_output=True,
    )


def test_plan_of_a_new_experiment_says_what_is_missing_and_computes_nothing(tmp_path, finished):
    spec, _ = finished
    answer = json.loads(torchal_("plan", spec, "--results", tmp_path / "none", "--json").stdout)
    assert len(answer["runs"]) == 2
    # two strategies share cycle 0; each has a fit of its own in cycle 1, and a query in cycle 0
    assert {stage: row["missing"] for stage, row in answer["stages"].items()} == {
        "tune": 3,
        "fit": 3,
        "measure": 3,
        "query": 2,
    }
    assert answer["stages"]["tune"]["examples"] == 2 * (30 + 40 + 40)
    assert answer["seconds"] > 0
    assert not (tmp_path / "none").exists()


def test_plan_of_a_finished_experiment_says_that_nothing_is_missing(finished):
    spec, results = finished
    answer = json.loads(torchal_("plan", spec, "--results", results, "--json").stdout)
    assert {row["missing"] for row in answer["stages"].values()} == {0}
    assert {row["exist"] for row in answer["stages"].values()} == {3, 2}


def test_an_added_strategy_costs_only_its_own_stages(finished):
    spec, results = finished
    answer = json.loads(
        torchal_("plan", spec, "--results", results, "--json", "--set", "strategy=[random, margin]").stdout
    )
    assert {stage: row["missing"] for stage, row in answer["stages"].items()} == {
        "tune": 1,
        "fit": 1,
        "measure": 1,
        "query": 1,
    }


def test_status_tells_every_run(finished):
    spec, results = finished
    answer = json.loads(torchal_("status", spec, "--results", results, "--json").stdout)
    assert answer["finished"] == len(answer["runs"]) == 2
    assert all(run["done"] == run["stages"] == 7 and len(run["test_accuracy"]) == 2 for run in answer["runs"])


def test_status_tells_what_the_results_cost_if_asked(finished):
    spec, results = finished
    answer = json.loads(torchal_("status", spec, "--results", results, "--cost", "--json").stdout)
    assert "cost" not in json.loads(torchal_("status", spec, "--results", results, "--json").stdout)
    cost = answer["cost"]
    assert cost["paid"]["trials"] == len(list((results / "store" / "trial").iterdir()))
    assert cost["paid"]["seconds"] > 0
    assert {each["strategy"] for each in cost["used"]} == {run["strategy"] for run in runs_of(results)}
    assert cost["unfair"] == []
    shown = torchal_("status", spec, "--results", results, "--cost").stdout
    assert "The experiment cost" in shown.replace("\n", " ")
    assert "What a finished run costs" in shown.replace("\n", " ")


def runs_of(results):
    return [json.loads(path.read_text()) for path in (results / "short" / "runs").iterdir()]


def test_verify_of_untouched_results_ends_with_0_and_of_changed_ones_with_1(finished):
    spec, results = finished
    answer = json.loads(torchal_("verify", spec, "--results", results, "--json").stdout)
    assert answer["same"]
    assert answer["equal"] == {"trial": 4, "tune": 2, "fit": 2, "measure": 2, "query": 1}
    entry = min((results / "store" / "measure").iterdir())
    original = (entry / "measure.json").read_bytes()
    (entry / "measure.json").write_bytes(original.replace(b'"accuracy": 0', b'"accuracy": 1', 1))
    try:
        result = torchal_("verify", spec, "--results", results, "--all", code=1)
        assert "measure.json" in result.stdout.replace("\n", "")
    finally:
        (entry / "measure.json").write_bytes(original)


def test_list_tells_name_summary_source_and_parameters():
    strategies = {entry["name"]: entry for entry in json.loads(torchal_("list", "strategies", "--json").stdout)}
    assert set(strategies) >= {"random", "uncertainty", "margin", "entropy", "dbal", "bald", "coreset"}
    assert strategies["bald"]["parameters"]["samples"]["default"] == 25
    assert "Houlsby" in strategies["bald"]["source"]
    for kind in ("strategies", "models", "datasets"):
        for entry in json.loads(torchal_("list", kind, "--json").stdout):
            assert entry["summary"].endswith((".", ":")), entry
            assert all(value["description"] for value in entry["parameters"].values()), entry


def test_list_of_one_tells_what_each_parameter_means_and_which_has_no_default():
    said = " ".join(torchal_("list", "datasets", "arrays").stdout.split())
    assert "What a parameter means: torchal list datasets NAME" not in said
    (arrays,) = json.loads(torchal_("list", "datasets", "arrays", "--json").stdout)
    assert [name for name, each in arrays["parameters"].items() if each["required"]] == ["path"]
    assert all(name in said for name in arrays["parameters"])
    assert arrays["parameters"]["title"]["description"].split()[0] in said
    assert "'required'" not in torchal_("list", "datasets").stdout


def test_a_new_strategy_passes_the_contract_suite_and_joins_a_run_at_once(tmp_path, finished, monkeypatch):
    monkeypatch.setattr("multiprocessing.get_context", forks)
    spec, _ = finished
    torchal_("new", "strategy", "brand_new", "--to", tmp_path)
    file = tmp_path / "brand_new.py"
    assert check([str(file)]) == 0
    torchal_("run", spec, "--results", tmp_path / "results", "--with", file, "--jobs", 2)
    runs = [json.loads(path.read_text()) for path in (tmp_path / "results" / "short" / "runs").iterdir()]
    assert {run["strategy"] for run in runs} == {"random", "bald(samples=3)", "brand_new"}
    assert all(run["finished"] for run in runs)
    source = next(run["spec"]["strategy"]["source"] for run in runs if run["strategy"] == "brand_new")
    assert len(source) == 64


def test_new_refuses_to_overwrite_and_to_write_strange_names(tmp_path):
    torchal_("new", "strategy", "mine", "--to", tmp_path)
    for name in ("mine", "Mine", "../mine", "1mine"):
        with pytest.raises(ValueError, match=r"strategy|exists"):
            RUNNER.invoke(app, ["new", "strategy", name, "--to", str(tmp_path)], catch_exceptions=False)


def test_exported_index_sets_are_plain_integers_and_grow_by_what_was_queried(tmp_path, finished):
    spec, results = finished
    torchal_("export", "index", spec, "--results", results, "--to", tmp_path)
    for run in tmp_path.glob("*-s1-*"):
        before, after = (read_rows(run / f"cycle-{cycle}" / "lSet_DIGITS.npy") for cycle in (0, 1))
        queried = np.load(run / "cycle-0" / "queried.npy")
        assert queried.dtype == np.int64
        assert np.array_equal(np.asarray(after), np.concatenate([np.asarray(before), queried]))


def test_a_failing_strategy_stops_its_own_run_alone_and_is_told(tmp_path, finished):
    spec, _ = finished
    (tmp_path / "breaks.py").write_text(
        '"""Own."""\nfrom torchal.query import QueryContext, Strategy\n\n\nclass Breaks(Strategy):\n'
        '    """Prefer to break."""\n\n    def select(self, ctx: QueryContext):\n        raise RuntimeError("broken")\n'
    )
    arguments = ("run", spec, "--results", tmp_path / "results", "--with", tmp_path / "breaks.py", "--jobs", 1)
    result = torchal_(*arguments, "--json", code=1)
    failures = json.loads(result.stdout[result.stdout.index("{") : result.stdout.rindex("}") + 1])["failures"]
    assert [(each["cycle"], each["stage"]) for each in failures] == [(0, "query")]
    answer = json.loads(torchal_("status", spec, "--results", tmp_path / "results", "--json").stdout)
    assert answer["finished"] == 2
    assert [run["failure"] for run in answer["runs"] if run["failure"]] == ["RuntimeError: broken"]


def test_a_fault_of_the_user_is_one_sentence_and_exit_code_2(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["torchal", "plan", str(tmp_path / "none.yaml")])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["plan", "run", "verify"])
@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(tmp_path, finished, verb, device):
    spec, _ = finished
    with pytest.raises(ValueError, match=r"--device .*: torch finds only cpu.* here; torchal doctor says more"):
        RUNNER.invoke(app, [verb, str(spec), "--results", str(tmp_path), "--device", device], catch_exceptions=False)
    assert not list(tmp_path.iterdir())


def test_another_fingerprint_is_refused_unless_it_is_accepted_and_then_recorded(tmp_path, finished):
    spec, _ = finished
    torchal_("run", spec, "--results", tmp_path, "--jobs", 1)
    file = tmp_path / "fingerprint.json"
    known = json.loads(file.read_text())
    known["accepted"][0]["torch"] = "1.6.0"
    file.write_text(json.dumps(known))
    with pytest.raises(ValueError, match=r"torch was 1\.6\.0.*--mixed"):
        RUNNER.invoke(app, ["run", str(spec), "--results", str(tmp_path)], catch_exceptions=False)
    torchal_("run", spec, "--results", tmp_path, "--jobs", 1, "--mixed")
    assert len(json.loads(file.read_text())["accepted"]) == 2
    torchal_("run", spec, "--results", tmp_path, "--jobs", 1)


def test_the_results_folder_may_come_from_the_environment(finished, monkeypatch):
    spec, results = finished
    monkeypatch.setenv("TORCHAL_RESULTS", str(results))
    assert json.loads(torchal_("status", spec, "--json").stdout)["finished"] == 2


def test_a_damaged_record_is_refused_in_one_sentence_that_names_the_file(tmp_path, finished):
    spec, _ = finished
    (tmp_path / "short").mkdir()
    (tmp_path / "short" / "plan.json").write_text('{"experiment": 1}')
    with pytest.raises(ValueError, match=r"plan\.json: .*another version of torchal"):
        RUNNER.invoke(app, ["status", str(spec), "--results", str(tmp_path)], catch_exceptions=False)


def test_a_strategy_runs_by_its_dotted_name_in_workers_too(tmp_path, finished, monkeypatch):
    monkeypatch.setattr("multiprocessing.get_context", forks)
    spec, _ = finished
    torchal_("new", "strategy", "dotted", "--to", tmp_path / "own_package")
    (tmp_path / "own_package" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    chosen = ("--set", "strategy=[random, {name: own_package.dotted, temperature: 2}]")
    torchal_("run", spec, "--results", tmp_path / "results", "--jobs", 2, *chosen)
    runs = [json.loads(path.read_text()) for path in (tmp_path / "results" / "short" / "runs").iterdir()]
    assert {run["strategy"] for run in runs} == {"random", "own_package.dotted(temperature=2.0)"}
    assert all(run["finished"] for run in runs)
