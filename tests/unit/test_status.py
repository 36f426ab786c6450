"""How far an experiment is, and what is computed now."""

import json
import os
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from filelock import FileLock
from report_runs import CYCLES, all_runs, write_results
from rich.console import Console
from small_runs import changed, compute

from torchal import show
from torchal.host import Host
from torchal.launch import run_experiment
from torchal.report import pace
from torchal.report.status import read
from torchal.report.status_view import SINGLE, board
from torchal.stage_log import LOG, at_work
from torchal.store import Stage, Store

pytestmark = pytest.mark.unchecked

SHORT = {"strategy": ["random"], "seed": [1], "setting": {"cycles": 2, "budget": 10}, "tuning": {"scope": "fixed"}}


def text(answer) -> str:
    console = Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123 - ends with the test
    console.print(board(answer))
    console.file.close()
    return console.export_text()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    compute(folder, changed(**SHORT), jobs=1)
    return folder


def test_stages_that_are_done_have_their_letters_and_missing_ones_a_dot(tmp_path):
    records = all_runs(("random", "margin"), cycles=2)
    answer = read(write_results(tmp_path, records, plan=all_runs(("random", "margin"))), "tiny")
    assert {run["progress"] for run in answer["runs"]} == {"M M · ·"}
    assert (answer["done"], answer["stages"]) == (2 * len(records), CYCLES * len(records))
    assert answer["runs"][0]["next"] == "cycle 2 measure"
    assert "M M · ·" in text(answer)


def test_many_runs_are_told_by_strategy(tmp_path):
    records = all_runs(seeds=tuple(range(8)))
    answer = read(write_results(tmp_path, records), "tiny")
    assert len(records) > SINGLE
    assert f"{len(records) // 4}/{len(records) // 4}" in text(answer)


def test_a_failed_run_is_told_with_the_last_lines_of_its_traceback_and_where_all_of_it_is(tmp_path):
    spec = changed(**SHORT)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "fit").write_text("in the way")
    (failure,) = run_experiment(spec, Host(tmp_path))
    answer = read(tmp_path, "small")
    (run,) = answer["runs"]
    assert run["failure_tail"] == failure.traceback.strip().splitlines()[-3:]
    assert run["failure_file"] in text(answer)
    assert failure.traceback.strip() in Path(run["failure_file"]).read_text()


def test_a_log_can_be_read_while_its_stage_is_computed_and_lies_in_the_entry_after(tmp_path):
    store, seen = Store(tmp_path / "store"), []

    def work(draft: Path) -> None:
        store.tell(Stage("fit"), "epoch 3 of 9, 71 %")
        seen.extend(at_work(store.root, time.time()))

    entry = store.memo(Stage("fit"), {"where": ["drawn-1", 2, 3]}, work)
    (one,) = seen
    assert (one.stage, one.address) == ("fit", '["drawn-1", 2, 3]')
    assert one.said.endswith("epoch 3 of 9, 71 %")
    assert "epoch 3 of 9" in (entry.path / LOG).read_text()
    assert at_work(store.root, time.time()) == []


def test_the_log_of_a_stage_that_fails_is_kept_with_the_traceback(tmp_path):
    store = Store(tmp_path / "store")

    def work(draft: Path) -> None:
        store.tell(Stage("fit"), "epoch 3 of 9")
        raise ArithmeticError("diverged")

    with pytest.raises(ArithmeticError):
        store.memo(Stage("fit"), {"where": []}, work)
    (log,) = (store.root / "failed").iterdir()
    assert "epoch 3 of 9" in log.read_text()
    assert "ArithmeticError: diverged" in log.read_text()


def test_what_nested_stages_say_is_in_the_log_of_the_innermost(tmp_path):
    store = Store(tmp_path / "store")

    def inner(draft: Path) -> None:
        store.tell(Stage("trial"), "inside")

    def outer(draft: Path) -> None:
        store.memo(Stage("trial"), {}, inner)
        store.tell(Stage("tune"), "outside")

    entry = store.memo(Stage("tune"), {}, outer)
    assert "inside" not in (entry.path / LOG).read_text()
    assert "outside" in (entry.path / LOG).read_text()


def test_what_is_at_work_is_told_with_its_log_and_what_is_silent_for_long_is_not(finished, tmp_path):
    draft = finished / "store" / "drafts" / "a-process" / "tmp1"
    draft.mkdir(parents=True)
    (draft / LOG).write_text(
        '2026-01-01 00:00:00 fit abc ["drawn-1", 1, 0] on here, process 1\n2026-01-01 epoch 1 of 3\n'
    )
    (one,) = read(finished, "small")["at_work"]
    assert (one["stage"], one["for"], one["log"]) == ("fit", '["drawn-1", 1, 0]', str(draft / LOG))
    assert str(draft / LOG) in text(read(finished, "small"))
    os.utime(draft / LOG, (time.time() - 3600,) * 2)
    assert read(finished, "small")["at_work"] == []


def test_what_a_process_that_is_gone_left_is_not_told_as_at_work(tmp_path):
    draft = tmp_path / "drafts" / "a-process" / "tmp1"
    draft.mkdir(parents=True)
    (draft / LOG).write_text('2026-01-01 00:00:00 fit abc ["drawn-1", 1, 0] on here, process 1\n')
    with FileLock(tmp_path / "drafts" / "a-process.lock"):
        assert [each.stage for each in at_work(tmp_path, time.time())] == ["fit"]
    (tmp_path / "drafts" / "a-process.lock").touch()
    assert at_work(tmp_path, time.time()) == []


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ('["drawn-1", 2, 0]', "at work: fit of drawn-1, seed 2, cycle 0: epoch 1 of 3"),
        ('["drawn-1", 2, 0, "trial", 7]', "at work: fit of drawn-1, seed 2, cycle 0, trial 7: epoch 1 of 3"),
        ("[]", "at work: fit: epoch 1 of 3"),
        ("", "at work: fit: epoch 1 of 3"),
    ],
)
def test_what_is_at_work_is_told_in_words(finished, address, said):
    answer = read(finished, "small")
    work = {"stage": "fit", "for": address, "said": "2026-01-01 00:00:00 epoch 1 of 3", "log": "a/log"}
    assert said in text(answer | {"at_work": [work]})


def test_time_left_is_the_mean_of_what_stages_took_times_what_is_missing(finished, tmp_path):
    answer = read(finished, "small")
    records = [pace.RunRecord.read(file) for file in (finished / "small" / "runs").glob("*.json")]
    timing = {
        stage: [json.loads(file.read_text())["seconds"] for file in (finished / "store" / stage).glob("*/timing.json")]
        for stage in ("fit", "measure")
    }
    found = pace.measured(finished / "store", records, Counter(fit=3, measure=1))
    mean = {stage: sum(values) / len(values) for stage, values in timing.items()}
    assert found["left_seconds"] == pytest.approx(3 * mean["fit"] + mean["measure"])
    assert answer["pace"]["left_seconds"] == 0
    assert pace.measured(tmp_path, [], Counter(fit=3)) == {}


def timings(folder: Path, *stages: str) -> float:
    files = [file for stage in stages for file in folder.glob(f"store/{stage}/*/timing.json")]
    return sum(json.loads(file.read_text())["seconds"] for file in files)


def test_what_was_spent_so_far_is_every_entry_once_and_is_told_without_being_asked_for(tmp_path):
    """Two committees share members, which are made for both and paid once."""
    qbc = [{"name": "qbc", "members": 2}, {"name": "qbc", "members": 3, "disagreement": "kl_divergence"}]
    tuning = {"trials": 2, "scope": "first_seed", "space": {"lr": [0.01, 0.1]}}
    compute(tmp_path, changed(**{**SHORT, "strategy": qbc, "tuning": tuning}), jobs=1)
    answer = read(tmp_path, "small")
    whole = timings(tmp_path, "trial", "tune", "fit", "measure", "query")
    assert answer["pace"]["spent_seconds"] == pytest.approx(whole)
    assert "Spent so far: about" in text(answer)


def test_time_left_for_a_query_holds_the_trainings_that_are_made_for_it(tmp_path):
    qbc = {"name": "qbc", "members": 2}
    compute(tmp_path, changed(**{**SHORT, "strategy": [qbc]}), jobs=1)
    records = [pace.RunRecord.read(file) for file in (tmp_path / "small" / "runs").glob("*.json")]
    (query,) = tmp_path.glob("store/query/*")
    members = [tmp_path / "store" / stage / key for stage, key in json.loads((query / "uses.json").read_text())]
    expected = sum(json.loads((each / "timing.json").read_text())["seconds"] for each in (query, *members))
    assert len(members) == 2
    assert pace.measured(tmp_path / "store", records, Counter(query=3))["left_seconds"] == pytest.approx(3 * expected)


def test_a_damaged_sidecar_of_seconds_does_not_keep_status_from_answering(finished, tmp_path):
    folder = Path(shutil.copytree(finished, tmp_path / "copy"))
    for file in folder.glob("store/fit/*/timing.json"):
        file.write_text("{")
    answer = read(folder, "small")
    assert "fit" not in answer["pace"]["seconds"]
    assert answer["pace"]["spent_seconds"] > 0


def test_workers_are_the_seconds_computed_in_a_second():
    two_at_a_time = [pace._Timed("fit", 10.0, {}, ended) for ended in (10.0, 10.0, 20.0, 20.0)]
    found = pace._speed(two_at_a_time, stride=1)
    assert found == {"workers": 2.0, "stages_an_hour": 720.0}
    assert pace._speed(two_at_a_time[:2], stride=3)["workers"] == 6.0


def test_following_ends_when_all_is_done_and_when_somebody_presses_ctrl_c(capsys):
    answers = iter([{"n": 1}, {"n": 2}, {"n": 3}])
    drawn = []

    def draw(answer):
        drawn.append(answer["n"])
        return str(answer["n"])

    show.followed(lambda: next(answers), draw, lambda answer: answer["n"] == 2, pause=0)
    assert drawn == [1, 2]

    def interrupted():
        raise KeyboardInterrupt

    show.followed(interrupted, draw, lambda _: False)
