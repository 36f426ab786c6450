import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest

from torchal.store import Entry, Missing, ReadOnlyStore, Stage, Store, check

STAGE, OTHER = Stage("fit"), Stage("trial")


def writes(text: str):
    def compute(draft: Path) -> None:
        (draft / "a.txt").write_text(text)
        (draft / "weights").mkdir()
        (draft / "weights" / "b.bin").write_bytes(b"\x00" * 100)

    return compute


def refuses(_: Path) -> None:
    raise AssertionError("computed again")


def everything(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_a_finished_entry_is_not_computed_again(tmp_path):
    with Store(tmp_path) as store:
        store.memo(STAGE, {"x": 1}, writes("a"))
    with Store(tmp_path) as store:
        assert (store.memo(STAGE, {"x": 1}, refuses).path / "a.txt").read_text() == "a"


def test_the_key_depends_on_stage_version_and_inputs():
    keys = {Stage("fit").key({"x": 1}), Stage("fit", 2).key({"x": 1}), Stage("tune").key({"x": 1}), STAGE.key({"x": 2})}
    assert len(keys) == 4


def test_a_computation_that_fails_leaves_no_entry_and_no_draft(tmp_path):
    def fails(draft: Path) -> None:
        (draft / "half").write_text("half")
        raise RuntimeError

    with Store(tmp_path) as store:
        with pytest.raises(RuntimeError):
            store.memo(STAGE, {"x": 1}, fails)
        assert not list(tmp_path.rglob("half"))
        assert store.find(STAGE, STAGE.key({"x": 1})) is None


@pytest.mark.parametrize("name", ["a.txt", "weights/b.bin", "inputs.json", "digests.json"])
@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "extra"])
def test_a_damaged_entry_is_noticed_reported_and_recomputed(tmp_path, name, damage):
    with Store(tmp_path) as store:
        entry = store.memo(STAGE, {"x": 1}, writes("a"))
    file = entry.path / name
    data = file.read_bytes()
    match damage:
        case "truncate":
            file.write_bytes(data[: len(data) // 2])
        case "flip":
            file.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        case "remove":
            file.unlink()
        case "extra":
            (entry.path / "stranger").write_text("")
    events = []
    with Store(tmp_path, events.append) as store:
        store.memo(STAGE, {"x": 1}, writes("a"))
    assert [event.kind for event in events] == ["corrupt", "commit"]
    check(entry.path, STAGE, entry.key)
    assert not (entry.path / "stranger").exists()


def test_sidecars_are_not_covered_by_digests(tmp_path):
    with Store(tmp_path) as store:
        entry = store.memo(STAGE, {"x": 1}, writes("a"))
    assert json.loads((entry.path / "timing.json").read_text())["seconds"] >= 0
    (entry.path / "timing.json").write_text("{}")
    check(entry.path, STAGE, entry.key)


def timing(entry) -> dict:
    return json.loads((entry.path / "timing.json").read_text())


def asking(store: Store, *wanted: dict):
    """Return a computation that asks the store for other entries."""

    def compute(draft: Path) -> None:
        for inputs in wanted:
            store.memo(OTHER, inputs, writes("b"))
        writes("a")(draft)

    return compute


def test_an_entry_says_which_others_were_asked_for_whether_they_were_found_or_made(tmp_path):
    texts = []
    for found in ([], [{"x": 1}], [{"x": 2}, {"x": 1}]):
        with Store(tmp_path / str(len(texts))) as store:
            for inputs in found:
                store.memo(OTHER, inputs, writes("b"))
            entry = store.memo(STAGE, {"x": 1}, asking(store, {"x": 2}, {"x": 1}, {"x": 2}))
            texts.append((entry.path / "uses.json").read_text())
            assert "uses.json" in entry.json("digests.json")
    assert json.loads(texts[0]) == [["trial", OTHER.key({"x": 2})], ["trial", OTHER.key({"x": 1})]]
    assert len(set(texts)) == 1


def test_an_entry_that_asked_for_nothing_does_not_say_so(tmp_path):
    with Store(tmp_path) as store:
        store.memo(OTHER, {"x": 1}, asking(store, {"x": 2}))
        entry = store.memo(STAGE, {"x": 1}, writes("a"))
    assert not (entry.path / "uses.json").exists()


class Spending:
    """A meter, and computations that spend what they are told and ask a store for others in between."""

    def __init__(self, root: Path) -> None:
        self.used = 0.0
        self.store = Store(root, meter=lambda: self.used)

    def entry(self, stage: Stage, name: str, joules: float, within: Callable[[], object] = lambda: None) -> Entry:
        def compute(draft: Path) -> None:
            self.used += joules
            within()
            self.used += joules
            writes(name)(draft)

        return self.store.memo(stage, {"x": name}, compute)


def test_an_entry_says_what_it_asked_for_itself_and_what_it_cost_without_that(tmp_path, monkeypatch):
    spending = Spending(tmp_path)
    monkeypatch.setattr("torchal.store.time.monotonic", lambda: 10 * spending.used)
    with spending.store:
        outer = spending.entry(
            STAGE,
            "outer",
            1,
            lambda: [spending.entry(OTHER, "inner", 10, lambda: spending.entry(OTHER, "innermost", 100))] * 2,
        )
        inner, innermost = (spending.store.memo(OTHER, {"x": name}, refuses) for name in ("inner", "innermost"))
    assert outer.json("uses.json") == [["trial", inner.key]]
    assert inner.json("uses.json") == [["trial", innermost.key]]
    assert [timing(each)["joules"] for each in (outer, inner, innermost)] == [2, 20, 200]
    assert [timing(each)["seconds"] for each in (outer, inner, innermost)] == [20, 200, 2000]


def test_a_computation_that_failed_is_not_what_later_ones_are_asked_for(tmp_path):
    def fails(draft: Path) -> None:
        raise RuntimeError(draft)

    with Store(tmp_path) as store:
        with pytest.raises(RuntimeError):
            store.memo(STAGE, {"x": 1}, fails)
        assert not (store.memo(STAGE, {"x": 2}, writes("a")).path / "uses.json").exists()


def test_energy_that_nothing_tells_is_not_made_up(tmp_path):
    with Store(tmp_path) as store:
        assert "joules" not in timing(store.memo(STAGE, {"x": 1}, writes("a")))


def test_a_read_only_store_says_what_is_missing_and_leaves_damage_alone(tmp_path):
    with Store(tmp_path) as store:
        entry = store.memo(STAGE, {"x": 1}, writes("a"))
    (entry.path / "a.txt").write_text("damaged")
    events = []
    with pytest.raises(Missing):
        ReadOnlyStore(tmp_path, events.append).memo(STAGE, {"x": 1}, refuses)
    assert [event.kind for event in events] == ["corrupt"]
    assert (entry.path / "a.txt").exists()


def test_of_two_that_compute_one_entry_the_second_keeps_the_first_result(tmp_path):
    events = []
    first, second = Store(tmp_path), Store(tmp_path, events.append)

    def overtaken(draft: Path) -> None:
        first.memo(STAGE, {"x": 1}, writes("a"))
        writes("a")(draft)

    entry = second.memo(STAGE, {"x": 1}, overtaken)
    assert (entry.path / "a.txt").read_text() == "a"
    assert [event.kind for event in events] == ["commit"]


def test_two_different_results_for_one_entry_are_reported(tmp_path):
    events = []
    first, second = Store(tmp_path), Store(tmp_path, events.append)

    def overtaken(draft: Path) -> None:
        first.memo(STAGE, {"x": 1}, writes("a"))
        writes("b")(draft)

    second.memo(STAGE, {"x": 1}, overtaken)
    assert [event.kind for event in events] == ["differs", "commit"]


def _leave_a_draft(root: str) -> None:
    store = Store(Path(root))
    store.memo(STAGE, {"x": 2}, writes("a"))
    draft = store._workspace[0] / "draft"
    draft.mkdir()
    (draft / "half").write_text("half")
    import os

    os._exit(1)


def test_drafts_of_a_dead_process_are_swept_and_those_of_a_living_one_are_not(tmp_path):
    process = multiprocessing.get_context("fork").Process(target=_leave_a_draft, args=(str(tmp_path),))
    process.start()
    process.join()
    living = Store(tmp_path)
    living.memo(STAGE, {"x": 1}, writes("a"))
    own = living._workspace[0]
    assert len(list((tmp_path / "drafts").glob("*/"))) == 2
    with Store(tmp_path):
        assert list((tmp_path / "drafts").glob("*/")) == [own]
    living.close()
    assert not list((tmp_path / "drafts").iterdir())


def test_writing_the_same_text_again_does_not_touch_the_file(tmp_path):
    with Store(tmp_path / "store") as store:
        store.write(tmp_path / "a" / "x.json", "one")
        before = (tmp_path / "a" / "x.json").stat().st_mtime_ns
        store.write(tmp_path / "a" / "x.json", "one")
        assert (tmp_path / "a" / "x.json").stat().st_mtime_ns == before
        store.write(tmp_path / "a" / "x.json", "two")
    assert everything(tmp_path / "a") == {"x.json": b"two"}
