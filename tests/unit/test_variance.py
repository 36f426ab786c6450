from itertools import product

import numpy as np
import pandas as pd
import pytest
from report_runs import all_runs, table, write_results

from torchal.report import page
from torchal.report.findings import findings
from torchal.report.sections import Section
from torchal.report.variance import told, variance

pytestmark = pytest.mark.unchecked


def accuracies(partition=0.0, seed=0.0, residual=0.0, seeds=(1, 2)) -> pd.DataFrame:
    """Two strategies, partitions and seeds; each effect lies as far above as below a mean, the last of all in turn."""
    values = {
        (strategy, f"drawn-{p}", s, cycle): 0.5
        + (2 * p - 3) * partition
        + (2 * s - 3) * seed
        + (2 * p - 3) * (2 * s - 3) * (1 if strategy == "random" else -1) * residual
        for strategy, p, s, cycle in product(("random", "margin"), (1, 2), seeds, (0, 1))
    }
    return table(values)


def drawn(figure, layer: int) -> list[dict]:
    """Return what a layer of a chart is drawn from."""
    named = figure.spec["layer"][layer].get("data", figure.spec.get("data"))
    return figure.spec["datasets"][named["name"]]


def test_parts_worked_by_hand():
    """Partitions at ±0.03 alone: their means vary by 2 * 0.03² / 1 = 0.0018, and nothing else does."""
    (first, second) = variance(accuracies(partition=0.03)).to_dict(orient="records")
    assert (first["outcome"], second["outcome"]) == ("last budget", "AUBC")
    for row in (first, second):
        assert row["partition"] == pytest.approx(np.sqrt(0.0018))
        assert (row["seed"], row["residual"]) == pytest.approx((0, 0), abs=1e-9)
        assert (row["strategies"], row["partitions"], row["seeds"]) == (2, 2, 2)


@pytest.mark.parametrize(
    ("effects", "advice"),
    [
        ({"partition": 0.03}, "most comes from the initial sets: for a surer accuracy add partitions"),
        ({"seed": 0.03}, "most comes from the seeds: add seeds"),
        ({"residual": 0.03}, "most is particular to a strategy and its run"),
    ],
)
def test_what_to_add_goes_by_the_largest_part(effects, advice):
    (each,) = told(accuracies(**effects))
    assert each.sentences[-1].startswith(f"Averaged over the budget {advice}")


def test_a_bar_goes_from_nothing_to_all():
    (each,) = told(accuracies(partition=0.03, seed=0.01, residual=0.02))
    of_one = [cell for cell in drawn(each.figure, 0) if cell["outcome"] == "AUBC"]
    assert of_one[0]["start"] == 0
    assert of_one[-1]["end"] == pytest.approx(100)
    assert [cell["start"] for cell in of_one[1:]] == [cell["end"] for cell in of_one[:-1]]


def test_runs_that_are_all_alike_ask_for_nothing():
    (each,) = told(accuracies())
    assert len(each.sentences) == 2
    assert each.table.rows == [["last budget", "0.00", "0.00", "0.00"], ["AUBC", "0.00", "0.00", "0.00"]]


def test_a_design_that_does_not_tell_parts_apart_says_why():
    (one_seed,) = told(accuracies(partition=0.03, seeds=(1,)))
    assert one_seed.sentences == ["With one seed the parts cannot be told apart; it takes two of each."]
    rows = accuracies(partition=0.03)
    (gap,) = told(rows[(rows["partition"] != "drawn-1") | (rows["seed"] != 1)])
    assert gap.sentences == ["Not every partition has been run with the same seeds, so the parts cannot be told apart."]
    assert (gap.table, gap.figure) == (None, None)


def test_the_part_of_the_page_stands_with_and_without_numbers(tmp_path):
    found = findings(write_results(tmp_path, all_runs()), "tiny")
    for rows, linked in ((accuracies(seed=0.01), True), (accuracies(seeds=(1,)), False)):
        shown = told(rows)
        drawn = [each.figure for each in shown if each.figure]
        text = page.html(found, [Section("variance", {"variances": shown, "measured": linked}, drawn)])
        assert ("variance.csv" in text) is linked
