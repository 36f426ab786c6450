import json

import pytest
from report_runs import all_runs, write_results

from torchal.report import sections
from torchal.report.compact import compact
from torchal.report.findings import findings

pytestmark = pytest.mark.unchecked


def whole(value, shared):
    """Return what page.js makes of a value."""
    if isinstance(value, list):
        return [whole(part, shared) for part in value]
    if not isinstance(value, dict):
        return value
    if "$" in value:
        return whole(shared[value["$"]], shared)
    return {name: whole(part, shared) for name, part in value.items()}


def rows(data):
    if isinstance(data, list):
        return data
    return [dict(zip(data, cells, strict=True)) for cells in zip(*data.values(), strict=True)]


def undone(document):
    charts = whole(document["charts"], document["shared"])
    return {
        name: chart | {"datasets": {each: rows(data) for each, data in chart["datasets"].items()}}
        for name, chart in charts.items()
    }


def test_nothing_is_lost_and_most_of_the_bytes_are_saved(tmp_path):
    found = findings(write_results(tmp_path, all_runs()), "tiny")
    charts = {each.id: each.spec for part in sections.told(found) for each in part.figures}
    document = compact(charts)
    assert undone(document) == charts
    assert len(json.dumps(document)) < 0.5 * len(json.dumps(charts))


def test_data_that_are_no_table_stay_as_they_are():
    uneven = [{"x": 1}, {"x": 1, "y": 2}]
    charts = {"one": {"datasets": {"a": uneven, "b": [], "c": [1, 2], "d": [{"x": 1}, {"x": 2}]}}}
    assert compact(charts)["charts"]["one"]["datasets"] == {"a": uneven, "b": [], "c": [1, 2], "d": {"x": [1, 2]}}
    assert undone(compact(charts)) == charts


def test_what_occurs_twice_is_written_once_and_what_is_short_stays():
    scale = {"domain": [f"strategy_{number}" for number in range(9)]}
    charts = {name: {"x": scale, "name": name, "short": [1], "datasets": {}} for name in "ab"}
    document = compact(charts)
    assert document["charts"]["b"]["short"] == [1]
    assert json.dumps(document).count("strategy_8") == 1
    assert undone(document) == charts
