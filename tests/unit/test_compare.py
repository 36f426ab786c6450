from itertools import pairwise, product
from statistics import mean, stdev

import numpy as np
import pandas as pd
import pytest
from report_runs import CYCLES, GAINS, PARTITIONS, SEEDS, STRATEGIES, accuracy, table
from scipy import stats

from torchal.report.compare import (
    BETTER,
    NO_INTERVAL,
    NOT_COMPARED,
    REFERENCE,
    UNCLEAR,
    WORSE,
    common,
    curves,
    differences,
    summary,
    with_baseline,
)

KEYS = list(product(STRATEGIES, PARTITIONS, SEEDS, range(CYCLES)))


def whole(**place):
    return table({key: accuracy(key) for key in KEYS}, **place)


def two_by_two(gains: dict[tuple[str, int], float]) -> pd.DataFrame:
    """Random at 0.5 then 0.6; margin the same, plus a gain in the second cycle that depends on partition and seed."""
    values = {("random", part, seed, cycle): 0.5 + 0.1 * cycle for part, seed in gains for cycle in (0, 1)}
    values |= {
        ("margin", part, seed, cycle): 0.5 + (0.1 + gains[part, seed]) * cycle
        for part, seed in gains
        for cycle in (0, 1)
    }
    return table(values)


def row(frame: pd.DataFrame, **where) -> pd.Series:
    chosen = frame
    for name, value in where.items():
        chosen = chosen[chosen[name] == value]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_the_hand_worked_interval_comes_out():
    # Seeds averaged: 3 and 1 points in cycle 1. Mean 2, deviation sqrt(2), t(1 degree of freedom) = 12.7062,
    # half width 12.7062 * sqrt(2) / sqrt(2) = 12.7062 points.
    data = two_by_two({("a", 1): 0.04, ("a", 2): 0.02, ("b", 1): 0.02, ("b", 2): 0.0})
    found = row(differences(data), cycle=1)
    assert (found["n"], found["over"]) == (2, "partitions")
    assert [found["mean"], found["low"], found["high"]] == pytest.approx(
        [0.02, 0.02 - 0.127062, 0.02 + 0.127062], abs=1e-6
    )
    # Between the two budgets the area is the mean of both ends: half of the above.
    area = row(summary(data), strategy="margin")
    assert area["difference"] == pytest.approx(0.01)
    assert area["high"] == pytest.approx(0.01 + 0.063531, abs=1e-6)
    assert area["aubc"] == pytest.approx(0.56)
    assert (area["runs"], area["partitions"], area["seeds"], area["cycles"]) == (4, 2, 2, 2)


def test_the_area_weighs_budgets_by_their_distance():
    data = table({("random", "a", 1, cycle): value for cycle, value in enumerate((0.5, 0.6, 0.8))})
    data["labelled"] = data["cycle"].map({0: 20, 1: 30, 2: 60})
    # Ten labels at 0.55 on average and thirty at 0.7.
    assert summary(data)["aubc"].item() == pytest.approx(0.6625)


def test_one_cycle_is_its_own_area():
    data = table({("random", part, 1, 0): value for part, value in (("a", 0.4), ("b", 0.6))})
    assert summary(data)["aubc"].item() == pytest.approx(0.5)


def test_summary_agrees_with_a_plain_loop():
    found = summary(whole())
    for strategy in STRATEGIES:
        areas = {(part, seed): naive_area(strategy, part, seed) for part, seed in product(PARTITIONS, SEEDS)}
        base = {(part, seed): naive_area("random", part, seed) for part, seed in product(PARTITIONS, SEEDS)}
        got = row(found, strategy=strategy)
        assert got["aubc"] == pytest.approx(naive_interval(areas)[0])
        assert [got["aubc_low"], got["aubc_high"]] == pytest.approx(naive_interval(areas)[1:])
        gains = naive_interval({key: areas[key] - base[key] for key in areas})
        if strategy == "random":
            assert np.isnan(got["difference"])
        else:
            assert [got["difference"], got["low"], got["high"]] == pytest.approx(gains)


def test_differences_agree_with_a_plain_loop():
    found = differences(whole())
    for strategy, cycle in product(STRATEGIES[1:], range(CYCLES)):
        gains = {
            (part, seed): accuracy((strategy, part, seed, cycle)) - accuracy(("random", part, seed, cycle))
            for part, seed in product(PARTITIONS, SEEDS)
        }
        got = row(found, strategy=strategy, cycle=cycle)
        assert [got["mean"], got["low"], got["high"]] == pytest.approx(naive_interval(gains), abs=1e-12)
        assert got["labelled"] == 20 + 10 * cycle


def naive_area(strategy, part, seed):
    values = [accuracy((strategy, part, seed, cycle)) for cycle in range(CYCLES)]
    return sum((one + two) / 2 * 10 for one, two in pairwise(values)) / (10 * (CYCLES - 1))


def naive_interval(values):
    means = [mean(value for (part, _), value in values.items() if part == each) for each in PARTITIONS]
    half = stats.t.ppf(0.975, len(means) - 1) * stdev(means) / len(means) ** 0.5
    return [mean(means), mean(means) - half, mean(means) + half]


def test_order_of_rows_does_not_decide_who_is_paired_with_whom():
    data = whole()
    shuffled = data.sample(frac=1, random_state=np.random.RandomState(7))
    order = ["strategy", "cycle"]
    one, two = (differences(each).sort_values(order).reset_index(drop=True) for each in (data, shuffled))
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize(("gain", "word"), [(0.05, BETTER), (-0.05, WORSE)])
def test_positive_is_better_than_random(gain, word):
    data = two_by_two({(part, 1): gain + 0.001 * position for position, part in enumerate("abc")})
    found = row(summary(data), strategy="margin")
    assert found["verdict"] == word
    assert np.sign([found["low"], found["difference"], found["high"]]).tolist() == [np.sign(gain)] * 3


def test_verdicts_follow_the_gains_put_into_the_runs():
    found = summary(whole()).set_index("strategy")["verdict"]
    assert found.to_dict() == {
        "margin": BETTER,
        "bald(samples=10)": UNCLEAR,
        "random": REFERENCE,
        "coreset": WORSE,
    }
    assert GAINS["margin"] > 0 > GAINS["coreset"]


def test_rows_go_from_the_largest_area_to_the_smallest():
    assert summary(whole())["aubc"].is_monotonic_decreasing


def test_with_one_partition_the_interval_is_over_seeds_and_says_so():
    data = two_by_two({("a", 1): 0.03, ("a", 2): 0.01})
    found = row(differences(data), cycle=1)
    assert (found["n"], found["over"]) == (2, "seeds")
    assert found["high"] == pytest.approx(0.02 + 0.127062, abs=1e-6)


def test_one_run_has_no_interval_and_no_verdict():
    found = row(summary(two_by_two({("a", 1): 0.03})), strategy="margin")
    assert found["verdict"] == NO_INTERVAL
    assert found["difference"] == pytest.approx(0.015)
    assert np.isnan(found["low"])
    assert np.isnan(found["high"])


def test_seeds_do_not_count_as_replications_of_their_own():
    few = two_by_two({("a", 1): 0.04, ("b", 1): 0.02})
    many = two_by_two({(part, seed): gain for part, gain in (("a", 0.04), ("b", 0.02)) for seed in range(10)})
    one, two = (row(differences(data), cycle=1) for data in (few, many))
    assert one["n"] == two["n"] == 2
    assert two["high"] == pytest.approx(one["high"])


def test_missing_runs_are_refused_by_name_not_truncated():
    data = whole()
    lost = (data["strategy"] == "margin") & (data["partition"] == "drawn-3")
    for compared in (differences, summary):
        with pytest.raises(ValueError, match="8 cycles are missing") as fault:
            compared(data[~lost])
        assert "margin lacks digits, mlp, partition drawn-3, seed 1, cycle 0 with 20 labelled" in str(fault.value)
        assert str(fault.value).count("margin lacks") == 5


def test_other_numbers_of_labels_are_not_paired():
    data = whole()
    data.loc[(data["strategy"] == "margin") & (data["cycle"] == 3), "labelled"] += 1
    with pytest.raises(ValueError, match="cycles are missing"):
        differences(data)


def test_data_sets_and_models_are_kept_apart():
    better = two_by_two({(part, 1): 0.05 + 0.001 * position for position, part in enumerate("abc")})
    worse = two_by_two({(part, 1): -0.05 - 0.001 * position for position, part in enumerate("abc")})
    both = pd.concat([better, worse.assign(model="resnet8")])
    found = summary(both)
    assert row(found, model="mlp", strategy="margin")["verdict"] == BETTER
    assert row(found, model="resnet8", strategy="margin")["verdict"] == WORSE
    assert (curves(both)["n"] == 3).all()


def test_without_random_nothing_is_compared():
    data = whole()
    data = data[data["strategy"] != "random"]
    assert set(summary(data)["verdict"]) == {NOT_COMPARED}
    assert with_baseline(data).empty


def test_only_groups_with_random_are_compared():
    lonely = whole()
    lonely = lonely[lonely["strategy"] == "margin"].assign(model="resnet8")
    kept = with_baseline(pd.concat([whole(), lonely]))
    assert set(kept["model"]) == {"mlp"}


def test_common_leaves_a_whole_experiment_as_it_is():
    data = whole()
    kept, left_out = common(data)
    pd.testing.assert_frame_equal(kept, data)
    assert left_out.empty


def test_a_run_that_stopped_takes_its_partners_with_it():
    data = whole()
    stopped = (
        (data["strategy"] == "coreset") & (data["partition"] == "drawn-2") & (data["seed"] == 1) & (data["cycle"] > 1)
    )
    kept, left_out = common(data[~stopped])
    assert len(kept) == len(data) - len(STRATEGIES) * CYCLES
    assert summary(kept)["runs"].tolist() == [5] * 4
    assert set(left_out["strategy"]) == set(STRATEGIES)
    assert set(zip(left_out["partition"], left_out["seed"], strict=True)) == {("drawn-2", 1)}
    assert row(left_out, strategy="coreset")["cycles"] == 2


def test_a_strategy_that_never_gets_on_does_not_empty_the_comparison():
    data = whole()
    broken = (data["strategy"] == "coreset") & (data["cycle"] > 0)
    kept, left_out = common(data[~broken])
    assert set(kept["strategy"]) == set(STRATEGIES) - {"coreset"}
    assert summary(kept)["cycles"].tolist() == [CYCLES] * 3
    assert set(left_out["strategy"]) == {"coreset"}
    assert left_out["reason"].str.contains("not got as far as the others").all()


def test_an_early_look_compares_the_cycles_that_all_have():
    data = whole()
    early = data["cycle"] > np.where(data["strategy"] == "random", 3, 1)
    kept, left_out = common(data[~early & ~((data["strategy"] == "random") & (data["cycle"] > 1))])
    assert set(kept["cycle"]) == {0, 1}
    assert left_out.empty


def test_strategies_without_a_shared_run_leave_nothing_to_compare():
    data = whole()
    apart = (data["strategy"] == "random") == (data["partition"] == "drawn-1")
    kept, left_out = common(data[apart & data["strategy"].isin(["random", "margin"])])
    assert kept.empty
    assert len(left_out) == 2 + 4
    assert summary(kept).empty


def test_an_interval_that_misses_zero_is_no_verdict_if_as_many_would_by_chance():
    """Of four strategies one has p = 0.03: alone it is better than random, among four it is not."""
    gains = {"margin": (0.02, 0.05, 0.01, 0.04), "bald": (0.01, -0.01, 0.02, -0.02), "badge": (0, 0.01, -0.01, 0.001)}
    gains["coreset"] = (-0.01, 0.012, 0.003, -0.004)

    def judged(*names):
        values = {("random", f"drawn-{p + 1}", 1, 0): 0.5 for p in range(4)}
        values |= {(name, f"drawn-{p + 1}", 1, 0): 0.5 + gains[name][p] for name in names for p in range(4)}
        return summary(table(values)).set_index("strategy").loc["margin"]

    alone, among = judged("margin"), judged(*gains)
    assert alone["low"] == among["low"] > 0
    assert (alone["verdict"], among["verdict"]) == (BETTER, UNCLEAR)
    assert among["p_holm"] == pytest.approx(4 * alone["p_holm"])
    assert alone["p_holm"] == pytest.approx(stats.ttest_1samp(gains["margin"], 0).pvalue)
