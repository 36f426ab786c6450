"""What runs share is computed once, however many processes are at work."""

from collections import Counter
from contextlib import contextmanager

import pytest
from small_runs import SMALL, changed, compute, contents

from torchal.engines import Engine
from torchal.engines._walks import Walks
from torchal.engines.here import _at_once
from torchal.host import Host
from torchal.launch import run_experiment
from torchal.store import Store

pytestmark = pytest.mark.unchecked

computed: list[tuple[str, str]] = []
"""Stage and key of everything that a process of the engine below computed."""


class Blind(Store):
    """Sees the entries that were there when it was opened, and its own."""

    def __init__(self, root, before) -> None:
        super().__init__(root, lambda event: None)
        self._seen = set(before)

    def find(self, stage, key):
        return super().find(stage, key) if (stage.name, key) in self._seen else None

    def _make(self, stage, key, inputs, compute):
        computed.append((stage.name, key))
        self._seen.add((stage.name, key))
        return super()._make(stage, key, inputs, compute)


class Crowd(Engine):
    """As many processes as there are parts ready, which begin at the same moment and see nothing of each other."""

    def slots(self, host):
        return 1000

    @contextmanager
    def working(self, host, store, watch):
        def submit(parts):
            before = {(entry.parent.name, entry.name) for entry in store.root.glob("*/*/")}
            stores = [Blind(store.root, before) for _ in parts]
            futures = [_at_once(Walks(each, "cpu"), part) for each, part in zip(stores, parts, strict=True)]
            for each in stores:
                each.close()
            return futures

        yield submit


FIXED = {"seed": 1, "setting": {"cycles": 2, "budget": 10}, "tuning": {"scope": "fixed"}}
FIXED["recipe"] = {**SMALL["recipe"], "epochs": 1}
QBC = [{"name": "qbc", "members": 2}, {"name": "qbc", "members": 3, "disagreement": "kl_divergence"}]
TCM = {"name": "tcm", "before": "margin", "after": QBC[0], "labels_per_class": 3.5}
CASES = {
    "cycle 0 and committees": {**FIXED, "strategy": ["random", *QBC]},
    "a committee that is asked for later": {**FIXED, "strategy": [TCM], "setting": {"cycles": 3, "budget": 10}},
    "searches of the first seed": {
        **FIXED, "strategy": ["random", "margin"], "seed": [1, 2], "tuning": {**SMALL["tuning"], "trials": 2}
    },
    "queries of another network": {
        **FIXED, "model": [{"name": "mlp", "hidden": [4]}, {"name": "mlp", "hidden": [8]}], "transfer": "all",
        "strategy": "margin",
    },
}  # fmt: skip


@pytest.mark.parametrize("fields", CASES.values(), ids=CASES)
def test_nothing_is_computed_twice_by_processes_that_cannot_see_each_others_work(tmp_path, fields):
    computed.clear()
    assert run_experiment(changed(**fields), Host(tmp_path / "crowd"), engine=Crowd()) == []
    twice = {entry: times for entry, times in Counter(computed).items() if times > 1}
    assert twice == {}
    compute(tmp_path / "here", changed(**fields), jobs=1)
    assert contents(tmp_path / "crowd") == contents(tmp_path / "here")


def test_the_engine_of_these_tests_would_notice(tmp_path, monkeypatch):
    monkeypatch.setattr("torchal.schedule._count", lambda chain, step: 0)
    computed.clear()
    assert run_experiment(changed(**CASES["cycle 0 and committees"]), Host(tmp_path), engine=Crowd()) == []
    assert max(Counter(computed).values()) > 1
