"""What is missing for the sake of one value on each axis."""

import pytest
from small_runs import SMALL, changed, compute

from torchal.host import Host
from torchal.launch import planned

pytestmark = pytest.mark.unchecked


def test_before_anything_is_computed_a_partition_costs_what_it_does_not_share(tmp_path):
    answer = planned(changed(partition={"drawn": [1, 2], "labelled": 30, "validation": 60}), Host(tmp_path))
    axes, total = answer["axes"], sum(row["missing"] for row in answer["stages"].values())
    assert {value: row["stages"] for value, row in axes["partition"].items()} == dict.fromkeys(
        ("drawn-1", "drawn-2"), total / 2
    )
    assert axes["dataset"]["digits"]["stages"] == total
    assert sum(row["stages"] for row in axes["strategy"].values()) < total  # all strategies share the first cycle


@pytest.mark.parametrize(
    ("axis", "added", "value"),
    [
        ("partition", {"drawn": [1, 2], "labelled": 30, "validation": 60}, "drawn-2"),
        ("seed", [1, 2, 3], "3"),
        ("strategy", [*SMALL["strategy"], "margin"], "margin"),
    ],
)
def test_adding_a_replication_or_a_strategy_computes_it_alone(tmp_path, axis, added, value):
    compute(tmp_path)
    more = changed(**{axis: added})
    answer = planned(more, Host(tmp_path))
    missing = sum(row["missing"] for row in answer["stages"].values())
    assert missing > 0
    assert answer["axes"][axis][value]["stages"] == missing
    assert all(row["stages"] == 0 for name, row in answer["axes"][axis].items() if name != value)
    before = set((tmp_path / "store").glob("*/*"))
    compute(tmp_path, more)
    assert before <= set((tmp_path / "store").glob("*/*"))
    assert planned(more, Host(tmp_path))["seconds"] == 0


def test_seconds_are_those_of_all_stages(tmp_path):
    answer = planned(changed(), Host(tmp_path))
    assert answer["seconds"] == pytest.approx(sum(row["seconds"] for row in answer["stages"].values()), abs=0.01)
    assert answer["axes"]["dataset"]["digits"]["seconds"] == pytest.approx(answer["seconds"], abs=0.01)
