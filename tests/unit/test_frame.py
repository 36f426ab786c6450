import pandas as pd
import pytest
from report_runs import all_runs, run_record, write_results

from torchal.report.frame import COLUMNS, frame, read, scores, write_tables


def test_a_value_that_lands_in_another_row_is_caught(tmp_path):
    record = run_record("margin", "drawn-2", 2, cycles=2, value=lambda key: 0.5 + 0.1 * key[-1])
    table = frame(read(write_results(tmp_path, [record]), "tiny"))
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == 2 * 2 * 6  # cycles, sides, metrics
    row = table[(table["cycle"] == 1) & (table["side"] == "test")].set_index("metric")
    expected = {"accuracy": 0.6, "balanced_accuracy": 0.59, "macro_f1": 0.58, "nll": 0.4, "ece": 0.05}
    expected |= {"worst_class": 0.5}  # a class without examples is not worst
    assert row["value"].to_dict() == pytest.approx(expected)
    shared = row.iloc[0]
    assert (shared["strategy"], shared["partition"], shared["seed"], shared["labelled"]) == ("margin", "drawn-2", 2, 30)
    assert (shared["key"], shared["run"]) == (record.cycles[1].keys["measure"], record.id)


def test_a_run_outside_the_plan_does_not_count(tmp_path):
    records = all_runs()
    results = write_results(tmp_path, records, plan=records[:-1])
    found = read(results, "tiny")
    assert records[-1].id not in set(frame(found)["run"])
    assert len(found.records) == len(records) - 1


def test_a_run_that_is_missing_or_stopped_is_told(tmp_path):
    plan = all_runs()
    stopped = run_record("random", "drawn-1", 1, cycles=2)
    results = write_results(tmp_path, [stopped, *plan[1:-1]], plan=plan)
    (tmp_path / "tiny" / "failures").mkdir()
    (tmp_path / "tiny" / "failures" / f"{stopped.id}.txt").write_text("cycle 2, fit\nTraceback\nValueError: no\n\n")
    first, last = read(results, "tiny").unfinished
    assert (first.run.id, first.measured, first.failure) == (stopped.id, 2, "ValueError: no")
    assert (last.run.id, last.measured, last.failure) == (plan[-1].id, 0, None)


def test_a_cycle_without_measurement_makes_no_row(tmp_path):
    record = run_record("random", "drawn-1", 1, cycles=2)
    half = record.cycles[1].model_copy(update={"test": None, "validation": None, "keys": {}})
    half_run = record.model_copy(update={"cycles": (record.cycles[0], half)})
    found = read(write_results(tmp_path, [half_run]), "tiny")
    assert set(frame(found)["cycle"]) == {0}
    assert found.unfinished[0].measured == 1


def test_a_score_that_was_not_finite_is_not_made_a_number(tmp_path):
    record = run_record("random", "drawn-1", 1, cycles=1)
    test = record.cycles[0].test.model_copy(update={"nll": None})
    cycle = record.cycles[0].model_copy(update={"test": test, "validation": None})
    table = frame(read(write_results(tmp_path, [record.model_copy(update={"cycles": (cycle,)})]), "tiny"))
    assert table.set_index("metric")["value"].isna().to_dict() == {
        "accuracy": False,
        "balanced_accuracy": False,
        "macro_f1": False,
        "nll": True,
        "ece": False,
        "worst_class": False,
    }
    write_tables(table, tmp_path)
    assert ",test,nll,," in (tmp_path / "runs.csv").read_text()


def test_an_experiment_that_was_never_started_is_refused(tmp_path):
    with pytest.raises(ValueError, match="nothing was started"):
        read(tmp_path, "tiny")


def test_an_experiment_without_a_measurement_is_refused(tmp_path):
    found = read(write_results(tmp_path, [], plan=all_runs()), "tiny")
    with pytest.raises(ValueError, match="no cycle has been measured yet"):
        frame(found)


def test_tables_on_disk_lose_nothing_and_are_the_same_bytes_each_time(tmp_path):
    table = frame(read(write_results(tmp_path, all_runs()), "tiny"))
    write_tables(table, tmp_path / "a")
    write_tables(table, tmp_path / "b")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a" / "runs.parquet"), table)
    words = {"condition": "str", "source": "str"}
    read_back = pd.read_csv(tmp_path / "a" / "runs.csv", converters={"value": float}, dtype=words)
    pd.testing.assert_frame_equal(read_back.fillna({"condition": "", "source": ""}), table)
    for name in ("runs.csv", "runs.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_run_given_twice_is_refused(tmp_path):
    table = frame(read(write_results(tmp_path, all_runs()), "tiny"))
    with pytest.raises(ValueError, match="occur twice, the first of them dataset digits"):
        scores(pd.concat([table, table.head(8)]))


@pytest.mark.parametrize("key", ["partition", "seed", "cycle"])
def test_rows_without_a_key_are_refused(tmp_path, key):
    table = frame(read(write_results(tmp_path, all_runs()), "tiny"))
    with pytest.raises(ValueError, match=f"absent columns: {key}"):
        scores(table.drop(columns=key))
    with pytest.raises(ValueError, match="every row needs"):
        scores(table.assign(**{key: table[key].astype(object).where(table["cycle"] > 0)}))
