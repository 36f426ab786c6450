"""An experiment held against what is recommended."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from markupsafe import escape
from report_runs import all_runs, write_results
from typer.testing import CliRunner

from torchal.cli import app
from torchal.experiment import ExperimentSpec
from torchal.records import FingerprintFile
from torchal.report import certainty, check, page
from torchal.report.findings import findings
from torchal.report.rules import RULES, Subject

ROOT = Path(__file__).parents[2]
SEARCH = {"scope": "first_seed", "trials": 50, "space": {"lr": {"low": 1e-4, "high": 1.0}}}
STRONG = {"augment": {"randaugment": {"n": 1}}, "swa": {"epochs": 50}}
GOOD = {
    "dataset": [{"name": "cifar10"}, {"name": "cifar100"}],
    "model": [{"name": "vgg16"}],
    "transfer": ["resnet18"],
    "strategy": [{"name": "random"}, {"name": "margin"}],
    "partition": [{"published": number} for number in range(1, 6)],
    "seed": [1, 2, 3, 4, 5],
    "setting": [{"cycles": 4, "budget": "5%"}, {"cycles": 4, "budget": "10%"}],
    "recipe": [{"augment": {}}, STRONG],
    "tuning": [SEARCH],
}


def outcome(rule: str, spec=GOOD, found=None, **more) -> tuple[str, str]:
    subject = Subject(**{"spec": spec, "found": found, "beside": pd.DataFrame(), "exported": False, **more})
    return next(each for each in RULES if each.name == rule).ask(subject)


@pytest.fixture
def found(tmp_path):
    return findings(write_results(tmp_path, all_runs()), "tiny")


def test_an_experiment_that_follows_every_recommendation_passes_what_its_spec_can_tell():
    answers = {each.rule: each.outcome for each in check.checked(GOOD)}
    told = {
        "random",
        "tuning",
        "regularisation",
        "partitions",
        "seeds",
        "budgets",
        "networks",
        "data sets",
        "test side",
    }
    assert {rule for rule, each in answers.items() if each == "pass"} == told
    assert {each for rule, each in answers.items() if rule not in told} == {"unknown", "warn"}
    assert answers["index sets"] == "warn"


@pytest.mark.parametrize(
    ("rule", "change", "expected"),
    [
        ("random", {"strategy": [{"name": "margin"}]}, "fail"),
        ("tuning", {"tuning": [{**SEARCH, "scope": "fixed"}]}, "warn"),
        ("tuning", {"tuning": [{**SEARCH, "trials": 5}]}, "warn"),
        ("tuning", {"tuning": [{**SEARCH, "space": {}}]}, "fail"),
        ("tuning", {"tuning": [{**SEARCH, "scope": "fixed"}, SEARCH]}, "pass"),
        ("regularisation", {"recipe": [{"augment": {"randaugment": {"n": 1}}, "swa": None}]}, "warn"),
        ("regularisation", {"recipe": [STRONG]}, "pass"),
        ("partitions", {"partition": [{"published": 1}] * 4}, "warn"),
        ("partitions", {"partition": [{"published": 1}] * 2}, "fail"),
        ("seeds", {"seed": [1, 2]}, "warn"),
        ("seeds", {"seed": [1]}, "warn"),
        ("budgets", {"setting": [{"cycles": 4, "budget": "10%"}]}, "warn"),
        ("budgets", {"setting": [{"cycles": 1, "budget": "10%"}]}, "fail"),
        ("networks", {"transfer": []}, "warn"),
        ("networks", {"transfer": [], "model": [{"name": "vgg16"}, {"name": "resnet18"}]}, "pass"),
        ("data sets", {"dataset": [{"name": "cifar10"}]}, "warn"),
    ],
)
def test_a_spec_that_leaves_a_recommendation_is_told_so(rule, change, expected):
    assert outcome(rule, GOOD | change)[0] == expected


def test_a_baseline_below_what_is_published_fails_and_one_near_it_passes():
    rows = {"strategy": ["random", "random", "margin"], "labelled": [5000, 10000, 10000]}
    rows |= {"published": [0.69, 0.77, 0.8], "network": ["VGG-16"] * 3}
    near = pd.DataFrame(rows | {"difference": [0.01, -0.019, -0.5]})
    weak = pd.DataFrame(rows | {"difference": [0.01, -0.021, 0.5]})
    assert outcome("baseline", beside=near)[0] == "pass"
    answer, reason = outcome("baseline", beside=weak)
    assert answer == "fail"
    assert "2.1 points below 77.0 %" in reason
    assert outcome("baseline")[0] == "unknown"


def test_whether_half_a_point_could_be_seen_follows_from_the_replications_needed(found):
    answer, reason = outcome("power", found=found)
    rows = certainty.certainty(found.compared)
    assert answer == ("pass" if (rows["needed"] <= rows["n"]).all() else "warn")
    assert reason


def test_a_validation_set_larger_than_the_labelled_one_is_told_with_its_numbers(found):
    assert outcome("validation", found=found) == (
        "warn",
        "100 validation rows beside 20 labelled ones, which anybody would train on.",
    )


def test_mixed_fingerprints_unfinished_runs_and_missing_sets_are_told(found, tmp_path):
    assert outcome("fingerprint", found=found)[0] == "pass"
    file = tmp_path / "fingerprint.json"
    one = FingerprintFile.read(file).accepted[0]
    file.write_text(FingerprintFile(accepted=(one, one.model_copy(update={"threads": 2}))).text())
    assert outcome("fingerprint", found=found)[0] == "warn"
    file.unlink()
    assert outcome("fingerprint", found=found)[0] == "fail"
    assert outcome("finished", found=found)[0] == "pass"
    behind = replace(found, experiment=replace(found.experiment, unfinished=(None,)))
    assert outcome("finished", found=behind) == ("warn", "1 run is not finished; the verdict may change.")
    assert outcome("index sets", exported=True)[0] == "pass"


def test_every_experiment_that_is_shipped_can_be_checked():
    for file in sorted((ROOT / "experiments").rglob("*.yaml")):
        spec = ExperimentSpec.read(file).document()
        assert {each.outcome for each in check.checked(spec)} <= set(check.SIGNS)


def test_the_page_and_the_terminal_say_the_same_and_escape_what_is_hostile(tmp_path, monkeypatch):
    results = write_results(tmp_path, all_runs(("random", "<script>alert(1)</script>")))
    text = page.write(results, "tiny").read_text()
    assert "Was it done as is recommended?" in text
    assert "<script>alert(1)" not in text
    answer = CliRunner().invoke(app, ["check", str(tmp_path / "tiny"), "--json"])
    assert answer.exit_code == 0, answer.output
    assert [each["rule"] for each in json.loads(answer.stdout)] == [rule.name for rule in RULES]
    for each in json.loads(answer.stdout):
        assert str(escape(each["reason"])).replace("-", "\N{MINUS SIGN}") in text


def test_strict_makes_a_failed_rule_an_exit_code(tmp_path):
    results = write_results(tmp_path, all_runs(("margin", "coreset")))
    assert CliRunner().invoke(app, ["check", str(results / "tiny")]).exit_code == 0
    assert CliRunner().invoke(app, ["check", str(results / "tiny"), "--strict"]).exit_code == 1


def test_a_spec_is_checked_before_anything_has_run(tmp_path):
    words = ["check", str(ROOT / "experiments" / "quickstart.yaml"), "--results", str(tmp_path), "--json"]
    answer = CliRunner().invoke(app, words)
    outcomes = {each["rule"]: each["outcome"] for each in json.loads(answer.stdout)}
    assert outcomes["finished"] == "unknown"
    assert outcomes["random"] == "pass"


def test_the_documentation_names_every_rule():
    text = (ROOT / "docs" / "report.md").read_text()
    for rule in RULES:
        assert f"| {rule.name} |" in text, rule.name
