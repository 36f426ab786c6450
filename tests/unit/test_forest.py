from itertools import product

import numpy as np
import pandas as pd
import pytest
from report_runs import STRATEGIES, all_runs, table, write_results
from scipy import stats

from torchal.report import page
from torchal.report.figures import look
from torchal.report.findings import findings
from torchal.report.forest import forest, told
from torchal.report.sections import Section

GAINS = {"coreset": (-0.02, -0.03, 0.01), "margin": (0.04, 0.05, 0.06)}
HOSTILE = "</script><img src=x onerror=alert(2)>"


def accuracies(gains=GAINS, seeds=(1, 2)) -> pd.DataFrame:
    """Random is at 0.5 and 0.6; the others are better by their partition's gain, seeds lying 0.01 around it."""
    found = {}
    for number, seed, cycle in product(range(len(next(iter(gains.values())))), seeds, (0, 1)):
        key = (f"drawn-{number + 1}", seed, cycle)
        found["random", *key] = 0.5 + 0.1 * cycle
        found |= {
            (name, *key): 0.5 + 0.1 * cycle + each[number] + 0.01 * (seed - np.mean(seeds))
            for name, each in gains.items()
        }
    return table(found)


def drawn(figure, layer: int) -> list[dict]:
    """Return what a layer of a chart is drawn from."""
    named = figure.spec["layer"][layer].get("data", figure.spec.get("data"))
    return figure.spec["datasets"][named["name"]]


def test_a_replication_is_a_partition_with_its_seeds_averaged_and_the_best_mean_stands_first():
    rows = forest(accuracies())
    assert rows["strategy"].tolist() == ["margin"] * 3 + ["coreset"] * 3
    assert rows["unit"].tolist() == ["drawn-1", "drawn-2", "drawn-3"] * 2
    assert rows["value"].tolist() == pytest.approx([*GAINS["margin"], *GAINS["coreset"]])
    interval = stats.ttest_1samp(GAINS["margin"], 0).confidence_interval(0.95)
    assert rows.loc[0, ["mean", "low", "high"]].tolist() == pytest.approx([0.05, interval.low, interval.high])


def test_one_partition_has_a_replication_for_each_seed_and_one_run_has_no_interval():
    one = {"margin": (0.05,)}
    seeds = forest(accuracies(one, (1, 2, 3)))
    assert seeds["unit"].tolist() == ["seed 1", "seed 2", "seed 3"]
    assert seeds["value"].tolist() == pytest.approx([0.04, 0.05, 0.06])
    lone = accuracies(one, (1,))
    ((_, sentence, figure),) = [(each.place, each.sentence, each.figure) for each in told(lone, look(lone))]
    assert sentence == "Highest is margin, +5.0 points from random, ahead of it on 1 of 1 seed."
    assert drawn(figure, 2)[0]["low"] is None


def test_the_sentence_names_both_ends_and_how_reliable_they_are():
    rows = accuracies()
    (each,) = told(rows, look(rows))
    assert each.sentence == (
        "Highest is margin, +5.0 points from random, ahead of it on 3 of 3 partitions. "
        "Lowest is coreset, -1.3 points from random, ahead of it on 1 of 3 partitions."
    )


def test_the_chart_has_the_margin_every_replication_and_each_strategy_in_its_order():
    rows = accuracies()
    figure = told(rows, look(rows))[0].figure
    assert drawn(figure, 0) == [{"start": -0.5, "end": 0.5}]
    assert drawn(figure, 1) == [{"zero": 0}]
    assert [each["mean"] for each in drawn(figure, 2)] == pytest.approx([5, -4 / 3], abs=1e-4)
    assert [each["value"] for each in drawn(figure, 3)] == [4.0, 5.0, 6.0, -2.0, -3.0, 1.0]
    assert figure.spec["layer"][2]["encoding"]["y"]["sort"] == ["margin", "coreset"]


def test_the_part_of_the_page_shows_a_hostile_name_as_text(tmp_path):
    found = findings(write_results(tmp_path, all_runs((*STRATEGIES, HOSTILE))), "tiny")
    shown = told(found.compared.replace("coreset", HOSTILE + "2"), look(found.table.replace("coreset", HOSTILE + "2")))
    text = page.html(found, [Section("forest", {"forests": shown, "margin": "0.5"}, [shown[0].figure])])
    assert "&lt;/script&gt;&lt;img" in text
    assert "<img src=x" not in text
    assert 'id="forest-0"' in text
