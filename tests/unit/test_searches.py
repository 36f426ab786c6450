"""What the report tells of searches, by numbers worked by hand."""

import json

import optuna
import pytest
from report_runs import all_runs, page_of, run_record, trial, with_search, write_results

from torchal.export_studies import export_studies
from torchal.report import insight, page, searches, sections
from torchal.report.figures import look
from torchal.report.findings import findings
from torchal.report.frame import frame, read
from torchal.report.importance import importances

pytestmark = pytest.mark.unchecked

RATES = [10 ** (-4 + number / 10) for number in range(40)]


def many(rates=RATES):
    """Trials of which the rate decides everything, and the optimizer, which takes turns, nothing."""
    return [trial(number, lr, ("sgd", "adam")[number % 2]) for number, lr in enumerate(rates)]


def written(results, runs):
    write_results(results, runs, name="tiny")
    return read(results, "tiny")


@pytest.fixture
def shared(tmp_path):
    """Cycle 0's search serves two strategies, cycle 1's one."""
    random, margin = run_record("random", "drawn-1", 1), run_record("margin", "drawn-1", 1)
    random, margin = (with_search(tmp_path, run, 0, many(), "both") for run in (random, margin))
    margin = with_search(tmp_path, margin, 1, many(RATES[10:]), "own")
    return tmp_path, written(tmp_path, [random, margin])


def test_a_search_that_several_runs_rest_on_is_listed_once_with_all_of_them(shared):
    results, experiment = shared
    first, second = searches.read(experiment, results).found
    assert (first.strategies, first.cycle, first.labelled, first.whose) == (("random", "margin"), 0, 20, "shared")
    assert (second.strategies, second.cycle, second.labelled, second.whose) == (("margin",), 1, 30, "margin")


def test_the_best_so_far_never_falls_and_counts_no_trial_that_was_not_finished(tmp_path):
    trials = [
        trial(0, 0.1, state="failed"),
        trial(1, 0.1, value=0.5),
        trial(2, 0.1, state="pruned", value=0.9),
        trial(3, 0.1, value=0.4),
        trial(4, 0.1, value=0.7),
    ]
    experiment = written(tmp_path, [with_search(tmp_path, run_record("random", "drawn-1", 1), 0, trials, "a")])
    (search,) = searches.read(experiment, tmp_path).found
    assert search.best_so_far() == [None, 0.5, 0.5, 0.5, 0.7]
    assert search.chosen.number == 4


def test_the_field_that_decides_has_the_importance_and_the_other_none(shared):
    results, experiment = shared
    shares = importances(searches.read(experiment, results).found[0])
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["lr"] > 0.9


def test_few_trials_or_equal_ones_have_no_importance(tmp_path):
    runs = [run_record(name, "drawn-1", 1) for name in ("random", "margin")]
    few = with_search(tmp_path, runs[0], 0, many()[:19], "few")
    equal = with_search(tmp_path, runs[1], 0, [trial(number, 0.1, value=0.5) for number in range(30)], "equal")
    for search in searches.read(written(tmp_path, [few, equal]), tmp_path).found:
        assert importances(search) == {}


def test_how_the_optimum_moved_is_said_by_medians_and_most_frequent_values(shared):
    results, experiment = shared
    found = list(searches.read(experiment, results).found)
    lr, optimizer = insight.moved(found)
    assert lr == "lr: 0.01 at 20 labelled, 0.01 at 30 (medians, n = 1 and 1)."
    assert optimizer == "optimizer: sgd (1 of 1) at 20 labelled, sgd (1 of 1) at 30 (most frequent, n = 1 and 1)."


def test_charts_hold_a_point_for_each_search_and_only_steps_that_change(shared):
    results, experiment = shared
    (told,) = insight.told(searches.read(experiment, results), look(frame(experiment)))
    (move,) = told.moves
    assert [len(rows) for rows in move.spec["datasets"].values()] == [2, 2]
    (steps,) = told.progress[0].spec["datasets"].values()
    assert len(steps) <= 22  # the best rises over the first half of forty trials and then stays
    assert [step["mean"] for step in steps] == sorted(step["mean"] for step in steps)
    assert (told.searches, told.trials, told.pruned, told.failed) == (2, 70, 0, 0)


def test_a_search_that_is_not_in_the_store_is_told_and_breaks_nothing(tmp_path):
    run = with_search(tmp_path, run_record("random", "drawn-1", 1), 0, many(), "gone")
    (file,) = tmp_path.glob("store/tune/*/tune.json")
    file.unlink()
    experiment = written(tmp_path, [run])
    assert searches.read(experiment, tmp_path) == searches.Searches((), 1)
    assert "The searches of 1 cycle are not in the store" in page_of(tmp_path, "searched")


def test_a_key_that_would_lead_out_of_the_store_is_not_followed(tmp_path):
    run = run_record("random", "drawn-1", 1)
    keys = run.cycles[0].keys | {"tune": "../../elsewhere"}
    first = run.cycles[0].model_copy(update={"keys": keys})
    experiment = written(tmp_path, [run.model_copy(update={"cycles": (first, *run.cycles[1:])})])
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "tune.json").write_text("{}")
    assert searches.read(experiment, tmp_path).missing == 1


def test_the_page_and_its_table_tell_the_searches(shared):
    results, _ = shared
    first = page.write(results, "tiny")
    text, table = first.read_text(), (first.parent / "tuning.csv").read_text()
    assert "How the recipes were found" in text
    assert "2 searches of 70 trials in all" in text
    assert len(table.splitlines()) == 1 + 70


def test_without_searches_the_page_has_no_such_section(tmp_path):
    assert sections.searched(findings(write_results(tmp_path, all_runs()), "tiny")) is None


def test_what_eight_strategies_and_cycles_of_fifty_trials_add_to_the_page_is_modest(tmp_path):
    runs = []
    for number in range(8):
        run = run_record(f"strategy{number}", "drawn-1", 1, cycles=4)
        for cycle in range(4):
            run = with_search(tmp_path, run, cycle, many([*RATES, *RATES[:10]]), f"{number} {cycle}")
        runs.append(run)
    experiment = written(tmp_path, runs)
    (told,) = insight.told(searches.read(experiment, tmp_path), look(frame(experiment)))
    assert len(json.dumps([figure.spec for figure in told.figures])) < 200_000


# --- export -----------------------------------------------------------------------------------------------------------


def test_exported_studies_are_opened_by_optuna_with_every_trial_and_curve(shared):
    results, _ = shared
    (file,) = export_studies(results, "tiny", results / "out")
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
    names = optuna.get_all_study_names(storage)
    assert len(names) == 2
    study = optuna.load_study(study_name=next(name for name in names if name.startswith("shared")), storage=storage)
    assert len(study.trials) == 40
    assert study.best_trial.params == {"lr": pytest.approx(0.01), "optimizer": "sgd"}
    assert study.best_trial.intermediate_values == {0: pytest.approx(0.9)}


def test_an_export_of_studies_overwrites_nothing_and_says_when_there_are_none(shared, tmp_path_factory):
    results, _ = shared
    export_studies(results, "tiny", results / "out")
    with pytest.raises(ValueError, match="exists already"):
        export_studies(results, "tiny", results / "out")
    empty = write_results(tmp_path_factory.mktemp("empty"), all_runs())
    with pytest.raises(ValueError, match="holds no finished search"):
        export_studies(empty, "tiny", results / "out")
