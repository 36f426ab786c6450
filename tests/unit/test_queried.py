"""What the report says of queries: rows in common, classes, pictures, maps, and calibration."""

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_runs import run_id
from small_runs import changed, compute

from torchal.records import Map, PlannedRun, ViewRecord
from torchal.report import bought, calibration, glance, overlap, page, queries
from torchal.report.figures import Figure, Look
from torchal.report.findings import findings
from torchal.report.queries import Queries, Query

pytestmark = pytest.mark.unchecked

CLASSES = ("cat", "dog", "<b>fox</b>")


def query(strategy: str, partition: str, seed: int, cycle: int, rows, **view) -> Query:
    run = PlannedRun(
        id=run_id(strategy, partition, seed),
        strategy=strategy,
        dataset="digits",
        model="mlp",
        partition=partition,
        seed=seed,
        stages=(),
    )
    shown = ViewRecord(**{"pool": 100, "counts": (len(rows), 0, 0), "pictured": (), **view})
    return Query(run, cycle, 10 * (cycle + 1), "0" * 64, tuple(rows), shown, Path("nowhere.png"))


def asked(*found: Query) -> Queries:
    return Queries(found, 0, (CLASSES,))


def drawn(figure: Figure, layer: int) -> list[dict]:
    """Return the rows that one layer of a chart shows."""
    data = figure.spec["layer"][layer].get("data") or figure.spec["data"]
    return data["values"] if "values" in data else figure.spec["datasets"][data["name"]]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of a small experiment that really ran."""
    folder = tmp_path_factory.mktemp("queried")
    compute(folder, changed(), jobs=1)
    return folder


def test_rows_in_common_are_those_of_sets_of_all_queries_of_a_run():
    rng = np.random.default_rng(1)
    runs = {(s, p, k): [rng.choice(40, 8, replace=False) for _ in range(2)] for s in "ab" for p in "xy" for k in (1, 2)}
    found = overlap.overlap(asked(*(query(*run, c, rows) for run, cs in runs.items() for c, rows in enumerate(cs))))
    sets = {run: {int(row) for rows in some for row in rows} for run, some in runs.items()}

    def brute(one: str, other: str) -> tuple[float, int]:
        pairs = [
            (a, b)
            for a, b in combinations(sets, 2)
            if {a[0], b[0]} == {one, other} and a[1] == b[1] and (one == other or a[2] == b[2])
        ]
        return float(np.mean([len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in pairs])), len(pairs)

    assert [(row.strategy, row.other) for row in found.itertuples()] == [("a", "a"), ("a", "b"), ("b", "b")]
    for row in found.itertuples():
        assert (row.jaccard, row.pairs) == (pytest.approx(brute(row.strategy, row.other)[0]), brute(*row[5:7])[1])


def test_chance_is_what_two_draws_by_lot_have_in_common():
    found = overlap.overlap(asked(query("a", "x", 1, 0, range(20)), query("b", "x", 1, 0, range(20, 40))))
    assert found["jaccard"].tolist() == [0]
    assert found["chance"].tolist() == [pytest.approx((20 * 20 / 100) / (40 - 4))]


def test_a_run_that_is_behind_is_not_compared_with_those_that_have_bought_more():
    some = [query("a", "x", 1, 0, range(5)), query("a", "x", 1, 1, range(5, 9)), query("b", "x", 1, 0, range(5))]
    assert overlap.overlap(asked(*some)).empty
    assert overlap.told(asked(*some)) == []


def test_one_strategy_alone_has_nothing_in_common_with_others():
    assert overlap.told(asked(query("a", "x", 1, 0, range(5)), query("a", "x", 2, 0, range(5)))) == []


def test_evenness_is_one_where_all_classes_are_bought_alike_and_falls_to_zero():
    assert bought.evenness(pd.Series([5, 5, 5, 5])) == pytest.approx(1)
    assert bought.evenness(pd.Series([9, 0, 0])) == 0
    assert bought.evenness(pd.Series([1, 1, 0, 0])) == pytest.approx(0.5)


def test_the_table_of_classes_counts_those_never_bought_and_averages_accuracy_over_runs():
    some = [
        query("a", "x", 1, 0, range(4), counts=(2, 2, 0), accuracy=0.5),
        query("a", "y", 1, 0, range(4), counts=(1, 3, 0), accuracy=0.7),
    ]
    ((_, grid, figures),) = bought.told(asked(*some))
    assert grid.rows == [["a", f"{bought.evenness(pd.Series([3, 5, 0])):.2f}", "1", "60.0"]]
    assert [figure.caption for figure in figures] == ["a"]
    cells = drawn(figures[0], 0)
    assert [(cell["class"], cell["share"], cell["count"]) for cell in cells] == [
        ("cat", 37.5, 3),
        ("dog", 62.5, 5),
        ("<b>fox</b>", 0, 0),
    ]


def test_many_classes_have_a_table_and_no_chart():
    ((_, _, figures),) = bought.told(Queries((query("a", "x", 1, 0, range(3), counts=(1,) * 30),), 0, ()))
    assert figures == []


def test_pictures_stop_where_the_page_would_grow_too_large(tmp_path, monkeypatch):
    picture = tmp_path / "thumbnails.png"
    picture.write_bytes(b"x" * 300)
    some = [replace(query("a", "x", 1, c, range(3), pictured=(0, -1)), pictures=picture) for c in range(3)]
    monkeypatch.setattr(glance, "BYTES", 900)
    (found,) = glance.told(asked(*some), Look(("a",), ("#000000",), (0,)))
    ((_, strips),) = found.strips
    assert len(strips) == 2
    assert strips[0].names == ["cat", "none of the classes"]


def test_maps_are_those_of_the_first_run_at_its_first_and_last_query():
    shape = Map(pool=((0.0, 1.0, 0.5),), chosen=((1.0, 1.0, 0.25),), explained=1.0)
    some = [query(s, "x", seed, c, range(3), map=shape) for s in "ab" for seed in (1, 2) for c in range(3)]
    (found,) = glance.told(asked(*some), Look(("a", "b"), ("#000000", "#111111"), (0, 0)))
    assert found.run == "partition x, seed 1"
    assert [title for title, _ in found.maps] == ["Query with 10 labelled", "Query with 30 labelled"]
    assert [[figure.caption for figure in figures] for _, figures in found.maps] == [["a", "b"], ["a", "b"]]
    assert drawn(found.maps[0][1][0], 1) == [{"x": 1.0, "y": 1.0, "sure": 25.0, "order": 1}]


def test_the_page_of_an_experiment_shows_what_was_queried_and_links_every_number_to_its_key(results):
    text = page.write(results, "small").read_text()
    for heading in ("What was queried", "Rows in common", "Classes bought", "Pictures of the first rows chosen"):
        assert heading in text
    assert "data:image/png;base64," in text
    written = pd.read_csv(results / "small" / "report" / "queried.csv")
    stored = {path.name for path in (results / "store" / "query").iterdir()}
    assert set(written["key"]) == stored
    assert written["bought"].sum() == 10 * 2 * len(written["run"].unique())


def test_queries_that_are_not_in_the_store_are_counted_and_do_not_stop_the_page(results, tmp_path):
    found = findings(results, "small")
    lost = queries.read(found.experiment, tmp_path)
    assert lost.found == ()
    assert lost.missing == len(found.queries.found) > 0


def test_reliability_joins_the_predictions_of_all_runs_of_a_strategy_at_the_last_budget(results):
    found = findings(results, "small")
    bins = calibration.reliability(found.kept, results)
    last = found.kept[(found.kept["cycle"] == 2) & (found.kept["strategy"] == "random")]
    files = [results / "store" / "measure" / key / "measure.json" for key in last["key"].unique()]
    records = [json.loads(file.read_text())["reliability"] for file in files]
    rows = bins[bins["strategy"] == "random"].set_index("bin")
    for number, row in rows.iterrows():
        total = sum(record["counts"][number] for record in records)
        right = sum(record["counts"][number] * (record["accuracy"][number] or 0) for record in records)
        assert (row["count"], row["accuracy"]) == (total, pytest.approx(right / total))
    assert rows["count"].sum() == sum(sum(record["counts"]) for record in records)
    (shown,) = calibration.told(found.kept, bins, found.style)
    assert [row[0] for row in shown.errors.rows] == list(found.style.strategies)


def test_results_without_reliability_have_no_part_on_calibration(results, tmp_path):
    found = findings(results, "small")
    bins = calibration.reliability(found.kept, tmp_path)
    assert bins.empty
    assert calibration.told(found.kept, bins, found.style) == []
