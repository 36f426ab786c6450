import json
from pathlib import Path

import pandas as pd
import pytest
from report_runs import page_of, run_record, write_results
from rich.console import Console
from small_runs import SMALL, changed, compute

from torchal.digest import digest_of
from torchal.records import RunRecord
from torchal.report import costs, page
from torchal.report.ledger import COUNTED, TIMED, Ledger, ledger_of, table, total

pytestmark = pytest.mark.unchecked

CYCLES = 4


class Store:
    """Entries as they lie in a store, as far as they say what they cost."""

    def __init__(self, results: Path) -> None:
        self.root = results / "store"

    def add(self, stage, name, epochs=0, uses=(), seconds=1.0, **timing) -> str:
        key = digest_of(name)
        place = self.root / stage / key
        place.mkdir(parents=True)
        effort = {"epochs": epochs, "images": 10 * epochs, "evaluated": 5 * epochs, "flops": 10**6 * epochs}
        own = {} if stage in {"tune", "own"} else {"effort": effort}
        (place / f"{stage}.json").write_text(json.dumps({"more": [1]} | own))
        (place / "digests.json").write_text("{}")
        (place / "timing.json").write_text(json.dumps({"seconds": seconds, "host": "h", **timing}))
        if uses:
            (place / "uses.json").write_text(json.dumps([[used, digest_of(each)] for used, each in uses]))
        return key

    def search(self, name, epochs) -> str:
        """Add a search whose trials took so many epochs each, and return its key."""
        for number, each in enumerate(epochs):
            self.add("trial", f"{name} {number}", each, seconds=each, joules=2 * each)
        return self.add("tune", name, uses=[("trial", f"{name} {number}") for number in range(len(epochs))], joules=0)


def run(strategy, seed, *cycles: dict, finished=True) -> RunRecord:
    """Return a run whose cycles have such keys."""
    record = run_record(strategy, "drawn-1", seed, cycles=CYCLES)
    with_keys = [
        one.model_copy(update={"keys": {**one.keys, **keys}}) for one, keys in zip(record.cycles, cycles, strict=False)
    ]
    return record.model_copy(update={"cycles": (*with_keys, *record.cycles[len(cycles) :]), "finished": finished})


def ledger(results, *runs) -> Ledger:
    write_results(results, list(runs))
    return ledger_of(results, "tiny")


@pytest.fixture
def shared(tmp_path) -> Ledger:
    """Two strategies that share the first cycle's search and fit, and then go apart."""
    store = Store(tmp_path)
    first = {"tune": store.search("first", [3, 2, 1]), "fit": store.add("fit", "first", 10, seconds=100.0)}
    store.add("fit", "member", 10)
    store.add("own", "own", seconds=7.0)
    asked = store.add("query", "asked", uses=[("fit", "member"), ("own", "own")])
    runs = [
        run("random", 1, first | {"query": store.add("query", "drawn")}, {"fit": store.add("fit", "random", 20)}),
        run("margin", 1, first | {"query": asked}, {"tune": first["tune"], "fit": store.add("fit", "margin", 20)}),
    ]
    return ledger(tmp_path, *runs)


def spent(ledger, strategy, activity):
    return total(line for line in ledger.lines if (line.run.strategy, line.activity) == (strategy, activity))


def test_each_run_is_charged_for_all_that_it_rests_on_and_once(shared):
    for strategy in ("random", "margin"):  # margin's second cycle reuses the search of the first
        tuning = spent(shared, strategy, "tuning")
        assert (tuning.trials, tuning.epochs, tuning.images, tuning.evaluated) == (3, 6, 60, 30)
        assert (tuning.flops, tuning.seconds, tuning.joules) == (6 * 10**6, 7.0, 12)
        assert (spent(shared, strategy, "training").epochs, spent(shared, strategy, "training").seconds) == (30, 101.0)
    assert spent(shared, "random", "querying").epochs == 0
    assert (spent(shared, "margin", "querying").epochs, spent(shared, "margin", "querying").seconds) == (10, 9.0)


def test_what_runs_share_is_paid_for_once(shared):
    paid = total(shared.paid())
    assert (paid.trials, paid.epochs) == (3, 6 + 10 + 10 + 20 + 20)
    assert paid.seconds == 7 + 100 + 9 + 1 + 1 + 1


def test_the_table_has_both_views_of_every_run_cycle_and_activity(shared):
    found = table(shared, COUNTED)
    assert found.columns.tolist() == [
        *("dataset", "model", "source", "condition", "strategy", "partition", "seed", "cycle", "activity", "view"),
        *COUNTED,
        "run",
    ]
    views = found.set_index(["strategy", "cycle", "activity", "view"])["epochs"]
    assert views["random", 0, "tuning", "paid"] == views["margin", 0, "tuning", "used"] == 6
    assert views["margin", 0, "tuning", "paid"] == 0
    assert len(found) == 2 * (2 * 3 + 2 * 1)
    assert table(shared, TIMED)["seconds"].sum() == total(shared.lines).seconds + total(shared.paid()).seconds


def test_counts_that_exceed_64_bits_are_not_rounded(tmp_path):
    store = Store(tmp_path)
    key = store.add("fit", "huge", 10**14 + 1)
    found = ledger(tmp_path, run("random", 1, {"fit": key}))
    table(found, COUNTED).to_csv(tmp_path / "x.csv", index=False)
    assert "100000000000001000000" in (tmp_path / "x.csv").read_text()


# --- fairness ---------------------------------------------------------------------------------------------------------


def compared(tmp_path, epochs, base=(50, 50), name="margin", reference="random") -> list[str]:
    store = Store(tmp_path)
    runs = [
        run(reference, 1, {"tune": store.search("base", base)}),
        run(name, 1, {"tune": store.search("other", epochs)}),
    ]
    return costs.unfair(ledger(tmp_path, *runs))


@pytest.mark.parametrize("epochs", [(50, 50), (60, 50), (45, 45)])
def test_nothing_is_said_where_tuning_was_equal_within_a_tenth(tmp_path, epochs):
    assert compared(tmp_path, epochs) == []


@pytest.mark.parametrize(
    ("epochs", "told"),
    [
        ((61, 50), "2 trials and 111 epochs"),
        ((44, 45), "2 trials and 89 epochs"),
        ((40, 40, 20), "3 trials and 100 epochs"),
        ((100,), "1 trials and 100 epochs"),
    ],
)
def test_another_effort_in_tuning_is_told_with_its_figures(tmp_path, epochs, told):
    (sentence,) = compared(tmp_path, epochs)
    assert sentence == (
        f"Tuning effort differs on digits with mlp: margin had {told} a run and random 2 trials and 100 epochs; part "
        "of a difference between them may come from that."
    )


def test_without_random_the_first_strategy_is_the_measure(tmp_path):
    (sentence,) = compared(tmp_path, (10,), reference="coreset")
    assert "margin had 1 trials and 10 epochs a run and coreset 2 trials and 100 epochs" in sentence


def test_only_finished_runs_on_the_same_partitions_and_seeds_are_compared(tmp_path):
    store = Store(tmp_path)
    key, more = store.search("base", [10]), store.search("more", [99, 99])
    runs = [
        run("random", 1, {"tune": key}),
        run("margin", 1, {"tune": key}),
        run("margin", 2, {"tune": more}),  # random has no such run
        run("coreset", 1, {"tune": more}, finished=False),
    ]
    assert costs.unfair(ledger(tmp_path, *runs)) == []


# --- what is not there ------------------------------------------------------------------------------------------------


def test_results_without_their_store_leave_blanks_and_say_so(tmp_path):
    runs = [run(name, 1, {"tune": digest_of("a"), "fit": digest_of("b")}) for name in ("random", "margin")]
    found = ledger(tmp_path, *runs)
    assert "Of 2 of 2 entries the cost is not known" in costs.gaps(found)[0]
    assert "Of 2 of 2 entries no seconds are known" in costs.untimed(found)[0]
    assert costs.unfair(found) == []
    assert "not known" in costs.spent(found)
    _, rows = costs.cells(next(iter(costs.means(found).values())))
    assert rows[0] == ["random", "tuning", "1", "", "", "", "", ""]
    assert "cost is not known" in page_of(tmp_path, "cost")
    used = table(found, COUNTED)
    assert used[used["view"] == "used"][list(COUNTED)].isna().all(axis=None)


@pytest.mark.parametrize("name", ["uses.json", "tune.json"])
@pytest.mark.parametrize("text", [None, "{", "[1]", '{"effort": 1}'])
def test_a_search_that_cannot_be_read_leaves_its_trials_unknown(tmp_path, name, text):
    key = Store(tmp_path).search("a", [1, 2])
    file = tmp_path / "store" / "tune" / key / name
    file.unlink() if text is None else file.write_text(text)
    assert spent(ledger(tmp_path, run("random", 1, {"tune": key})), "random", "tuning").epochs is None


def test_an_entry_of_a_time_when_effort_was_not_counted_leaves_a_blank(tmp_path):
    key = Store(tmp_path).add("fit", "old", 1)
    (tmp_path / "store" / "fit" / key / "fit.json").write_text('{"parameters": 1}')
    cost = spent(ledger(tmp_path, run("random", 1, {"fit": key})), "random", "training")
    assert (cost.flops, cost.seconds) == (None, 1.0)


@pytest.mark.parametrize("stage", ["../tune", "trial/..", "measure"])
@pytest.mark.parametrize("key", ["../../secret", "a" * 64, "/etc", ""])
def test_names_that_lead_out_of_the_store_are_not_followed(tmp_path, stage, key):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "fit.json").write_text(json.dumps({"effort": {"epochs": 9}}))
    asked = Store(tmp_path).add("query", "asked")
    (tmp_path / "store" / "query" / asked / "uses.json").write_text(json.dumps([[stage, key]]))
    found = ledger(tmp_path, run("random", 1, {"query": asked, "fit": "../../secret"}))
    assert [line.cost.flops for line in found.lines] == [None, 0, None]


def test_a_missing_sidecar_is_told_and_changes_no_byte_of_the_page(tmp_path):
    key = Store(tmp_path).add("fit", "a", 3)
    ledger(tmp_path, run("random", 1, {"fit": key}))
    before, counted = page_of(tmp_path, "cost"), table(ledger_of(tmp_path, "tiny"), COUNTED)
    (tmp_path / "store" / "fit" / key / "timing.json").unlink()
    assert page_of(tmp_path, "cost") == before
    found = ledger_of(tmp_path, "tiny")
    pd.testing.assert_frame_equal(table(found, COUNTED), counted)
    assert "Of 1 of 1 entries no seconds are known" in costs.untimed(found)[0]


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_the_page_tells_the_mean_of_a_run_and_what_was_paid(shared, tmp_path):
    html = page_of(tmp_path, "cost")
    assert (
        "The experiment cost 3 trials, 66 epochs, 660 examples trained on and 66 MFLOP, counting once what runs share, "
        "or 82 MFLOP without sharing."
    ) in html
    assert "Networks that strategies train for themselves (margin) are in the seconds alone." in html
    assert "Tuning effort differs" not in html
    headings, rows = costs.cells(next(iter(costs.means(shared).values())))
    assert dict(zip(headings, rows[0], strict=True)) == {
        "strategy": "random",
        "for": "tuning",
        "runs": "1",
        "trials": "3",
        "epochs": "6",
        "examples trained on": "60",
        "examples passed forward": "30",
        "MFLOP": "6",
    }
    assert sum(row[0] == "margin" for row in rows) == 3


def test_an_unfair_comparison_is_told_on_the_page(tmp_path):
    (sentence,) = compared(tmp_path, (10,), name="<b>")
    html = page_of(tmp_path, "cost")
    assert sentence.replace("<b>", "&lt;b&gt;") in html
    assert "<b>" not in html.partition("<script")[0]


def test_the_terminal_shows_seconds_and_energy_in_fitting_units(tmp_path):
    store = Store(tmp_path)
    key = store.add("fit", "[red]long[/red]", 3, seconds=7200, joules=36e5)
    found = ledger(tmp_path, run("[red]odd[/red]", 1, {"fit": key}))
    console = Console(width=160, record=True)
    console.print(*costs.shown(found), sep="\n")
    text = console.export_text()
    assert "[red]odd[/red]" in text
    (row,) = (line for line in text.splitlines() if "training" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")][-3:] == ["3", "2", "1"]
    assert " h " in text
    assert " kWh " in text


# --- a real experiment ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Path:
    results = tmp_path_factory.mktemp("real")
    compute(results)
    page.write(results, "small")
    return results


def test_what_an_experiment_cost_is_what_its_entries_say(real):
    found = ledger_of(real, "small")
    stages = {name: list((real / "store" / name).iterdir()) for name in ("trial", "tune", "fit", "query")}
    paid = total(found.paid())
    assert len(found.paid()) == sum(map(len, stages.values()))
    assert paid.trials == len(stages["trial"])
    assert paid.epochs == sum(
        json.loads((entry / f"{stage}.json").read_text())["effort"]["epochs"]
        for stage in ("trial", "fit")
        for entry in stages[stage]
    )
    assert None not in (paid.flops, paid.seconds)
    assert costs.gaps(found) == costs.untimed(found) == []


def test_a_search_uses_its_trials_in_their_order(real):
    trials = SMALL["tuning"]["trials"]
    for entry in (real / "store" / "tune").iterdir():
        uses = json.loads((entry / "uses.json").read_text())
        numbers = [
            json.loads((real / "store" / stage / key / "trial.json").read_text())["number"] for stage, key in uses
        ]
        assert numbers == list(range(trials))


def test_every_run_of_a_shared_search_is_charged_with_it(real):
    found = table(ledger_of(real, "small"), COUNTED)
    tuning = found[(found["activity"] == "tuning") & (found["view"] == "used")]
    assert set(tuning["trials"]) == {SMALL["tuning"]["trials"]}
    assert len(tuning) == len(changed().runs()) * SMALL["setting"]["cycles"]
