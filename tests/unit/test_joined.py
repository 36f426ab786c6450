"""Several experiments in one report."""

from dataclasses import replace

import pytest
from report_runs import all_runs, write_results

from torchal.report import page
from torchal.report.compare import summary
from torchal.report.findings import findings
from torchal.report.frame import frame, read
from torchal.report.joined import joined

pytestmark = pytest.mark.unchecked

PLAIN, STRONG = {"recipe": "plain", "partition": {"drawn": 1}}, {"recipe": "strong", "partition": {"drawn": 1}}


def made(records, spec, suffix=""):
    """Return runs that were made by a spec, whose ids begin otherwise where they are to be other runs."""
    changes = [
        {"spec": spec | {"strategy": each.strategy, "seed": each.seed}, "id": each.id + suffix} for each in records
    ]
    return [each.model_copy(update=change) for each, change in zip(records, changes, strict=True)]


def both(tmp_path, one, other):
    write_results(tmp_path, one, name="one")
    write_results(tmp_path, other, name="other")
    return joined([read(tmp_path, name) for name in ("one", "other")])


def test_a_strategy_computed_later_is_compared_with_the_random_that_was_there(tmp_path):
    old, new = made(all_runs(("random", "margin")), PLAIN), made(all_runs(("coreset",)), PLAIN)
    found = both(tmp_path, old, new)
    together = summary(frame(found)).set_index("strategy")
    write_results(tmp_path, [*old, *new], name="whole")
    whole = summary(frame(read(tmp_path, "whole"))).set_index("strategy")
    assert set(together.index) == {"random", "margin", "coreset"}
    assert together.loc["coreset", "difference"] == whole.loc["coreset", "difference"]
    assert {run.condition for run in found.plan.runs} == {""}


def test_partitions_of_other_numbers_belong_to_the_same_comparison(tmp_path):
    old = made(all_runs(("random", "margin"), partitions=("drawn-1",)), PLAIN)
    new = made(all_runs(("random", "margin"), partitions=("drawn-2",)), PLAIN | {"partition": {"drawn": 2}})
    assert summary(frame(both(tmp_path, old, new)))["partitions"].tolist() == [2, 2]


def test_experiments_that_were_made_otherwise_are_conditions_and_never_paired(tmp_path):
    found = both(tmp_path, made(all_runs(), PLAIN), made(all_runs(), STRONG, "x"))
    rows = summary(frame(found))
    assert list(dict.fromkeys(rows["condition"])) == ["one", "other"]
    assert rows["runs"].tolist() == [6] * 8


def test_conditions_that_tell_protocols_apart_already_keep_their_names(tmp_path):
    one, other = made(all_runs(), PLAIN), made(all_runs(), STRONG, "x")
    write_results(tmp_path, one, name="one")
    write_results(tmp_path, other, name="other")
    experiments = [read(tmp_path, name) for name in ("one", "other")]
    named = []
    for found, condition in zip(experiments, ("recipe plain", "recipe strong"), strict=True):
        runs = tuple(run.model_copy(update={"condition": condition}) for run in found.plan.runs)
        named.append(replace(found, plan=found.plan.model_copy(update={"runs": runs})))
    assert {run.condition for run in joined(named).plan.runs} == {"recipe plain", "recipe strong"}


def test_a_run_that_two_experiments_share_counts_once_as_far_as_either_came(tmp_path):
    whole = made(all_runs(), PLAIN)
    behind = made(all_runs(cycles=2), PLAIN)
    for order in ((whole, behind), (behind, whole)):
        found = both(tmp_path, *order)
        assert len(found.records) == len(whole)
        assert found.unfinished == ()
        assert all(record.finished for record in found.records)


def test_class_names_stay_with_their_runs(tmp_path):
    write_results(tmp_path, made(all_runs(("random",)), PLAIN), name="one")
    write_results(tmp_path, made(all_runs(("random",)), STRONG, "x"), name="other")
    experiments = [read(tmp_path, name) for name in ("one", "other")]
    named = [
        replace(found, plan=found.plan.model_copy(update={"classes": (names,)}))
        for found, names in zip(experiments, (("a", "b"), ("c",)), strict=True)
    ]
    plan = joined(named).plan
    assert {(run.condition, plan.classes[run.classes]) for run in plan.runs} == {("one", ("a", "b")), ("other", ("c",))}


def test_the_report_of_two_experiments_lies_in_a_folder_of_its_own_and_shows_both_protocols(tmp_path):
    both(tmp_path, made(all_runs(("random", "margin")), PLAIN), made(all_runs(("coreset",)), PLAIN))
    written = page.report(tmp_path, "one", "other")
    assert written.page == tmp_path / "one+other" / "report" / "report.html"
    text = written.page.read_text()
    assert "<h1>one + other</h1>" in text
    assert "coreset" in written.verdict.sentence or "margin" in written.verdict.sentence


def test_no_experiment_at_all_is_refused():
    with pytest.raises(ValueError, match="give one at least"):
        joined([])


def test_one_experiment_is_reported_as_it_always_was(tmp_path):
    write_results(tmp_path, all_runs(), name="one")
    assert findings(tmp_path, "one").experiment == read(tmp_path, "one")
