"""A card holds what an experiment's records and store hold, and nobody can change it unnoticed."""

import base64
import bz2
import json

import pytest
from report_runs import all_runs, write_results

from torchal.digest import digest_of, digest_of_file
from torchal.records import COMMITS, CommitsFile, Effort, QueryRecord
from torchal.report import card as cards
from torchal.report import carded, frame
from torchal.report.card import Card, Chosen, is_card
from torchal.report.compare import summary
from torchal.report.packed import packed, unpacked

pytestmark = pytest.mark.unchecked

NOTHING = Effort(epochs=0, images=0, evaluated=0, flops=0)
ROWS = (17, 4, 40, 5)


def asked(results, run, cycle: int, rows):
    """Write a query into the store, and return the run's record that names it."""
    key = digest_of(("query", *rows))
    place = results / "store" / "query" / key
    place.mkdir(parents=True, exist_ok=True)
    record = QueryRecord(strategy=run.strategy, rows=rows, forward_passes=0, cost=4, strangers=0, effort=NOTHING)
    (place / "query.json").write_text(record.text())
    (place / "digests.json").write_text('{"query.json": "..."}')
    (place / "timing.json").write_text('{"seconds": 2.5}')
    cycles = list(run.cycles)
    cycles[cycle] = cycles[cycle].model_copy(update={"keys": cycles[cycle].keys | {"query": key}})
    return run.model_copy(update={"cycles": tuple(cycles)})


@pytest.fixture
def results(tmp_path):
    runs = all_runs()
    runs[0], runs[1] = (asked(tmp_path / "results", run, 0, ROWS) for run in runs[:2])
    return write_results(tmp_path / "results", runs)


@pytest.fixture
def place(results):
    return carded.write(results, "tiny")[0]


def rewritten(place, change, *, sealed: bool = True):
    """Change the fields of a card as somebody could who knows how it is made, and write it again."""
    fields = json.loads(place.read_text())
    for name in cards._PACKED:
        fields[name] = unpacked(fields[name], 2**20)
    change(fields)
    if sealed:
        fields["digest"] = cards._digest(fields)
    place.write_text(json.dumps(fields | {name: packed(fields[name]) for name in cards._PACKED}))
    return place


# --- what it holds ----------------------------------------------------------------------------------------------------


def test_every_statistic_comes_out_of_a_card_as_out_of_the_results(results, place):
    known, told = frame.read(results, "tiny"), Card.read(place).experiment
    assert told == known
    assert summary(frame.frame(told)).equals(summary(frame.frame(known)))


def test_runs_that_are_not_finished_are_said_to_be_unfinished(tmp_path):
    runs = all_runs(("random",), ("drawn-1",), (1, 2))
    cut = runs[0].model_copy(update={"cycles": runs[0].cycles[:2], "finished": False})
    results = write_results(tmp_path, [cut], plan=runs)
    left = Card.read(carded.write(results, "tiny")[0]).experiment.unfinished
    assert [(each.run.id, each.measured) for each in left] == [(runs[0].id, 2), (runs[1].id, 0)]


def test_a_query_that_runs_share_is_held_once_with_its_rows_and_the_digest_of_their_order(results, place):
    card = Card.read(place)
    key = digest_of(("query", *ROWS))
    assert card.chosen == {key: Chosen(gaps=(4, 1, 12, 23), order=digest_of(ROWS))}
    assert card.chosen[key].rows == set(ROWS)
    assert card.digests == {key: digest_of_file(results / "store" / "query" / key / "digests.json")}
    assert card.unknown == 0


def test_the_order_of_rows_is_told_by_its_digest_alone():
    first, second = Chosen.of((3, 1, 2)), Chosen.of((1, 2, 3))
    assert first.gaps == second.gaps == (1, 1, 1)
    assert first.order != second.order
    assert Chosen.of(()).rows == frozenset()
    assert Chosen.of((0, 2)).gaps == (0, 2)


def test_rows_that_the_store_lacks_are_counted_and_not_invented(results):
    (results / "store" / "query" / digest_of(("query", *ROWS)) / "query.json").unlink()
    card = carded.write(results, "tiny")[1]
    assert card.chosen == {}
    assert card.unknown == 1


def test_a_key_that_is_no_key_leads_nowhere(tmp_path):
    run = all_runs(("random",), ("drawn-1",), (1,))[0]
    outside = tmp_path / "store" / "elsewhere"
    outside.mkdir(parents=True)
    (outside / "query.json").write_text("{}")
    cycle = run.cycles[0].model_copy(update={"keys": {"query": "../elsewhere"}})
    crafted = run.model_copy(update={"cycles": (cycle, *run.cycles[1:])})
    assert carded.made(frame.read(write_results(tmp_path, [crafted]), "tiny"), tmp_path).chosen == {}


# --- its bytes --------------------------------------------------------------------------------------------------------


def test_facts_of_the_machine_change_one_line_and_not_the_digest(results, place):
    before = place.read_text()
    (results / COMMITS).write_text(CommitsFile(commits=("def",)).text())
    for timing in results.rglob("timing.json"):
        timing.write_text('{"seconds": 9.0, "joules": 1.0}')
    after = carded.write(results, "tiny")[0].read_text()
    changed = [new for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert [line.partition(":")[0] for line in changed] == ['"machine"']
    assert Card.read(place).machine.timed[0].seconds == 9.0


def test_a_card_is_written_and_read_without_a_change(place):
    before = place.read_bytes()
    assert Card.read(place).text().encode() == before
    assert is_card(place)


def test_many_runs_fit_in_a_small_file(tmp_path):
    partitions, seeds = tuple(f"drawn-{number}" for number in range(1, 6)), (1, 2)
    runs = all_runs(("random", "margin"), partitions, seeds)
    runs = [asked(tmp_path, run, 0, tuple(range(n, 50_000, 50))) for n, run in enumerate(runs)]
    place = carded.write(write_results(tmp_path, runs), "tiny")[0]
    assert len(runs) == 20
    assert place.stat().st_size < 60_000


# --- a card from a stranger -------------------------------------------------------------------------------------------


def better(fields):
    fields["runs"][0]["cycles"][1]["test"]["accuracy"] = 0.99


def other_row(fields):
    next(iter(fields["chosen"].values()))["gaps"][0] = 3


def other_print(fields):
    fields["fingerprints"][0]["torch"] = "2"


@pytest.mark.parametrize("change", [better, other_row, other_print])
def test_a_changed_card_is_noticed(place, change):
    with pytest.raises(ValueError, match=r"card\.json: .* changed after it was written; ask whoever"):
        Card.read(rewritten(place, change, sealed=False))


def test_a_card_of_another_version_is_refused(place):
    place.write_text(place.read_text().replace("torchal card 1", "torchal card 2"))
    assert is_card(place)
    with pytest.raises(ValueError, match="its format is not 'torchal card 1'"):
        Card.read(place)


@pytest.mark.parametrize("text", ["[]", "{", '{"format": "torchal card 1"', "[" * 100_000, '{"format": NaN}', "\x00"])
def test_what_is_no_card_is_refused_in_a_sentence(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match=r"x\.json: cannot be read as a card: "):
        Card.read(tmp_path / "x.json")


def test_a_file_that_is_too_large_is_not_read(place, monkeypatch):
    monkeypatch.setattr(cards, "LARGEST", 1000)
    with pytest.raises(ValueError, match="larger than 1,000 bytes"):
        Card.read(place)


def test_a_small_text_that_unpacks_to_much_is_refused(place):
    bomb = base64.b64encode(bz2.compress(b"[" + b"0," * 2_000_000 + b"0]")).decode()
    assert len(bomb) < 1000
    with pytest.raises(ValueError, match=r"holds more than 1,000,000 bytes"):
        unpacked(bomb, 1_000_000)
    assert len(unpacked(bomb, 5_000_000)) == 2_000_001


@pytest.mark.parametrize("text", ["!", "AAAA", packed([1])[:-8], packed([1]) + packed([2])])
def test_a_damaged_packed_text_is_refused(text):
    with pytest.raises(ValueError, match=r"packed part|base64|[Pp]adding|data"):
        unpacked(text, 1000)


def stranger(fields):
    fields["runs"][0]["id"] = "another"


def twice(fields):
    fields["runs"][1] = fields["runs"][0]


def relabelled(fields):
    fields["runs"][0]["strategy"] = "margin"


def cut(fields):
    fields["runs"][0]["cycles"].pop()


def huge(fields):
    fields["runs"][0]["cycles"][0]["paid"] = 10**30


def escaping(fields):
    fields["name"] = fields["plan"]["experiment"] = "../up"


def unknown_field(fields):
    fields["more"] = 1


def negative(fields):
    next(iter(fields["chosen"].values()))["gaps"][1] = -3


@pytest.mark.parametrize("change", [stranger, twice, relabelled, cut, huge, escaping, unknown_field, negative])
def test_a_card_that_contradicts_itself_is_refused_though_its_digest_is_right(place, change):
    with pytest.raises(ValueError, match=r"card\.json: cannot be read as a card: "):
        Card.read(rewritten(place, change))


def test_every_run_of_the_plan_is_in_the_order_of_the_plan(place):
    card = Card.read(place)
    assert [run.id for run in card.runs] == [run.id for run in card.plan.runs]
