"""Each statistic against a case worked by hand, and by simulation: intervals for coverage, tests for size and power."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from torchal.statistics.curves import area, labels_needed
from torchal.statistics.intervals import bootstrap, student
from torchal.statistics.paired import equivalence, holm, permutation, wilcoxon
from torchal.statistics.planning import Variance, components, pairs_needed, power
from torchal.statistics.several import equal_means, penalty, ranks

NAN = np.nan


def rng(seed=1) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- intervals --------------------------------------------------------------------------------------------------------


def test_students_interval_worked_by_hand():
    """Group means 1, 2 and 6: mean 3, deviation sqrt(7), t of 2 degrees of freedom 4.3027."""
    found = student([[1, 1], [1, 3], [6, NAN]])
    half = 4.302652729911275 * 7**0.5 / 3**0.5
    assert found == pytest.approx((3, 3 - half, 3 + half))


def test_one_group_has_a_mean_and_no_interval():
    for found in (student([[1, 2, 3]]), bootstrap([[1, 2, 3]], rng())):
        assert found.mean == 2
        assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize("values", [[], [[NAN, NAN], [1, 2]], np.zeros((2, 2, 2))])
def test_a_group_without_value_is_refused(values):
    with pytest.raises(ValueError, match="every group needs a value"):
        bootstrap(values, rng())


def test_a_bootstrap_of_equal_values_is_that_value_and_equal_seeds_give_equal_intervals():
    assert bootstrap([[2, 2], [2, NAN]], rng()) == pytest.approx((2, 2, 2))
    values = rng(5).normal(size=(6, 3))
    assert bootstrap(values, rng()) == bootstrap(values, rng())
    assert bootstrap(values, rng()).mean == pytest.approx(bootstrap(values, rng(2)).mean)


def test_where_a_missing_value_stands_changes_nothing():
    assert bootstrap([[1, NAN, 3], [4, 5, NAN]], rng()) == bootstrap([[1, 3, NAN], [NAN, 4, 5]], rng())


def test_the_bootstraps_means_are_those_of_drawing_groups_and_then_members():
    """Two groups, {0, 2} and {10}: a resample's mean is one of nine values with chances that can be counted."""
    chances: dict[float, float] = {}
    one = {0.0: 0.25, 1.0: 0.5, 2.0: 0.25}  # the mean of two draws from {0, 2}
    both = {**{value: 0.5 * chance for value, chance in one.items()}, 10.0: 0.5}
    for (a, p), (b, q) in product(both.items(), both.items()):
        chances[(a + b) / 2] = chances.get((a + b) / 2, 0) + p * q
    from torchal.statistics.intervals import _resampled, nested

    drawn = _resampled(nested([[0, 2], [10, NAN]]), rng(), 40_000)
    for value, chance in chances.items():
        assert (np.isclose(drawn, value)).mean() == pytest.approx(chance, abs=0.01)


@pytest.mark.parametrize("interval", ["student", "bootstrap"])
@pytest.mark.parametrize(("groups", "members"), [(5, 1), (5, 5), (12, 2)])
def test_intervals_of_95_per_cent_hold_the_mean_about_so_often(interval, groups, members):
    """1,000 experiments with variance between and within groups; the bootstrap may err on the safe side."""
    drawn, hits = rng(7), 0
    for _ in range(1000):
        values = drawn.normal(size=(groups, 1)) + drawn.normal(size=(groups, members))
        found = student(values) if interval == "student" else bootstrap(values, drawn, resamples=1000)
        hits += found.low <= 0 <= found.high
    least = 0.91 if (interval, members) == ("bootstrap", 1) else 0.93  # five values cannot do better than 0.9375
    assert least <= hits / 1000 <= (0.97 if interval == "student" else 0.995)


# --- paired tests -----------------------------------------------------------------------------------------------------


def test_permutation_worked_by_hand():
    """Of the eight changes of sign of 1, 2, 3, those of sum 6 and -6 are as far out."""
    assert permutation([1, 2, 3]) == 2 / 8
    assert permutation([1, 2, -3]) == 1
    assert permutation([0, 0]) == 1


def test_five_partitions_cannot_be_significant_by_signs_alone():
    assert permutation([0.1, 0.2, 0.3, 0.2, 0.1]) == 2 / 32


def test_many_differences_are_tested_by_drawn_signs_as_by_all_of_them():
    values = rng(3).normal(0.4, 1, 16)
    exact = permutation(values)
    from torchal.statistics import paired

    kept, paired.EXACT = paired.EXACT, 3
    try:
        assert permutation(values, rng(), 40_000) == pytest.approx(exact, abs=0.01)
        with pytest.raises(ValueError, match="give a generator"):
            permutation(values)
    finally:
        paired.EXACT = kept


@pytest.mark.parametrize("test", [permutation, wilcoxon])
def test_tests_of_five_per_cent_err_no_oftener(test):
    drawn = rng(11)
    rejected = np.mean([test(drawn.normal(size=8)) <= 0.05 for _ in range(1000)])
    assert rejected <= 0.065
    assert rejected > 0.02  # eight pairs allow about 5 %


def test_wilcoxon_worked_by_hand():
    """Ranks 1 to 5, all positive: two of the 32 changes of sign are as far out."""
    assert wilcoxon([1, 2, 3, 4, 5]) == pytest.approx(2 / 32)
    assert wilcoxon([0, 0, 0]) == 1


@pytest.mark.parametrize("values", [[], [1, NAN], [[1, 2]]])
def test_differences_that_are_missing_are_refused(values):
    with pytest.raises(ValueError, match="one number for each pair"):
        permutation(values)


def test_equivalence_is_the_two_one_sided_t_tests():
    values = np.array([0.1, -0.2, 0.3, 0.0, -0.1])
    found = equivalence(values, 0.5)
    above = stats.ttest_1samp(values, -0.5, alternative="greater").pvalue
    below = stats.ttest_1samp(values, 0.5, alternative="less").pvalue
    assert found.p == pytest.approx(max(above, below))
    whole = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((whole.low, whole.high))


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=9), st.floats(0.05, 2))
def test_equivalence_holds_exactly_where_the_interval_lies_within_the_margin(values, margin):
    found = equivalence(values, margin)
    inside = -margin < found.low and found.high < margin
    if abs(found.p - 0.05) > 1e-9:
        assert (found.p < 0.05) == inside


def test_equivalence_is_claimed_of_a_difference_at_the_margin_at_most_as_often_as_allowed():
    drawn = rng(13)
    claimed = np.mean([equivalence(drawn.normal(0.5, 0.3, 10), 0.5).p < 0.05 for _ in range(2000)])
    assert 0.03 < claimed < 0.07


def test_a_margin_of_nothing_is_refused():
    with pytest.raises(ValueError, match="margin above 0"):
        equivalence([1, 2], 0)


def test_holm_worked_by_hand():
    """Holm 1979: the smallest times 4, the next times 3, and never below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]).tolist() == [1, 1]
    assert holm([]).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_no_correction_and_bonferronis_and_keeps_the_order(p):
    corrected = holm(p)
    assert (corrected >= np.array(p) - 1e-15).all()
    assert (corrected <= np.minimum(1, len(p) * np.array(p)) + 1e-12).all()
    in_order = corrected[np.argsort(p, kind="stable")]
    assert all(b >= a for a, b in pairwise(in_order))


def test_with_holm_any_false_finding_is_as_rare_as_allowed():
    drawn = rng(17)
    p = stats.ttest_1samp(drawn.normal(size=(600, 6, 8)), 0, axis=2).pvalue
    assert np.mean([holm(each).min() < 0.05 for each in p]) < 0.08


# --- several methods --------------------------------------------------------------------------------------------------


def test_ranks_worked_by_hand():
    found = ranks([[0.9, 0.8, 0.7], [0.6, 0.7, 0.6], [0.9, 0.5, 0.1]])
    assert found.mean.tolist() == pytest.approx([(1 + 2.5 + 1) / 3, (2 + 1 + 2) / 3, (3 + 2.5 + 3) / 3])


def test_the_critical_difference_is_the_published_one():
    """Demsar 2006, table 5: q of 0.05 for four methods is 2.569; his example of 14 data sets has CD 1.25."""
    table = rng().normal(size=(14, 4))
    assert ranks(table).critical == pytest.approx(2.569 * (4 * 5 / (6 * 14)) ** 0.5, abs=1e-3)
    assert ranks(table).critical == pytest.approx(1.25, abs=0.01)


def test_friedmans_test_errs_as_often_as_allowed_and_sees_what_is_there():
    drawn = rng(19)
    assert np.mean([ranks(drawn.normal(size=(12, 4))).p < 0.05 for _ in range(500)]) < 0.08
    assert ranks(drawn.normal([0, 0, 0, 3], size=(12, 4))).p < 0.01
    assert ranks(np.ones((3, 3))).p == 1


def test_the_papers_tests_are_those_of_scipy_and_see_unequal_variances():
    drawn = rng(23)
    samples = [drawn.normal(0, 1, 20), drawn.normal(0, 3, 8), drawn.normal(4, 1, 20)]
    found = equal_means(samples)
    assert found.any_differs == stats.kruskal(*samples).pvalue
    assert found.pairs.shape == (3, 3)
    assert found.pairs[0, 2] < 0.001 < found.pairs[0, 1]
    assert np.allclose(found.pairs, found.pairs.T)


def test_games_and_howells_test_worked_by_hand():
    """Studentised range of |mean difference| sqrt(2) / sqrt(sum of var / n), with Welch's degrees of freedom."""
    a, b = np.array([1.0, 2, 3, 4]), np.array([4.0, 6, 8, 10, 12])
    parts = [x.var(ddof=1) / len(x) for x in (a, b)]
    degrees = sum(parts) ** 2 / sum(part**2 / (len(x) - 1) for part, x in zip(parts, (a, b), strict=True))
    q = abs(a.mean() - b.mean()) / np.sqrt(sum(parts) / 2)
    assert equal_means([a, b]).pairs[0, 1] == pytest.approx(stats.studentized_range.sf(q, 2, degrees), rel=1e-4)


def test_the_penalty_of_a_method_that_always_wins_stands_in_its_row():
    """Method 0 beats method 1 in both settings, and method 2 in the first only."""
    high, low, middle = [5.0, 5.1, 5.2], [1.0, 1.1, 1.3], [2.0, 2.1, 2.0]
    scores = np.array([[high, low, middle], [high, low, [5.1, 5.0, 5.2]]])
    differences = scores[:, :, None] - scores[:, None, :]
    found = penalty(differences)
    assert found.tolist() == [[0, 1, 0.5], [0, 0, 0], [0, 1, 0]]
    assert found[0].sum() > found[1].sum()  # a good method has a high row
    assert found[:, 0].sum() < found[:, 1].sum()  # and a low column


def test_a_penalty_is_given_to_equal_methods_as_rarely_as_the_test_errs():
    scores = rng(29).normal(size=(2000, 2, 5))
    found = penalty(scores[:, :, None] - scores[:, None, :])
    assert 0.015 < found[0, 1] < 0.035  # half of 5 %, since a win has a direction
    assert 0.015 < found[1, 0] < 0.035


# --- planning ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("effect", "n"), [(0.0, 6), (1.0, 6), (0.5, 20)])
def test_power_is_how_often_the_test_rejects(effect, n):
    values = rng(31).normal(effect, 1, (4000, n))
    rejected = (stats.ttest_1samp(values, 0, axis=1).pvalue < 0.05).mean()
    assert power(1, effect, n) == pytest.approx(rejected, abs=0.025)


def test_power_is_a_number_where_the_effect_cannot_be_missed():
    assert power(1, 5.66, 50) == pytest.approx(1)


def test_pairs_needed_is_the_least_that_has_the_power():
    """Cohen's table: an effect of half a deviation at 80 % takes 34 pairs."""
    assert pairs_needed(1, 0.5) == 34
    assert power(1, 0.5, 34) >= 0.8 > power(1, 0.5, 33)
    assert pairs_needed(0, 0.5) == 2
    assert pairs_needed(1, 0.01) is None


def test_variances_worked_by_hand():
    """Two methods that differ by a constant: nothing is left over. Partition means -1 and 1, seeds -0.5 and 0.5."""
    runs = np.array([[-1.5, -0.5], [0.5, 1.5]])
    found = components(np.stack([runs, runs + 3]))
    assert found == pytest.approx(Variance((8 - 1) / 4, 0.5, 0.0))


def test_variances_are_found_on_average():
    drawn, sizes = rng(37), (4, 6, 5)
    found = []
    for _ in range(400):
        parts = [drawn.normal(0, 2, (1, 6, 1)), drawn.normal(0, 1, (1, 6, 5)), drawn.normal(0, 0.5, sizes)]
        found.append(components(sum(parts) + np.arange(4)[:, None, None]))
    assert np.mean(found, axis=0) == pytest.approx([4, 1, 0.25], rel=0.12)


# --- curves -----------------------------------------------------------------------------------------------------------


def test_areas_worked_by_hand():
    assert area([10, 20, 40], [0.5, 0.7, 0.8]) == pytest.approx((10 * 0.6 + 20 * 0.75) / 30)
    assert area([10], [0.5]) == 0.5


def test_labels_needed_worked_by_hand():
    labels, scores = [10, 20, 40], [0.5, 0.7, 0.8]
    assert labels_needed(labels, scores, 0.6) == (15, False)
    assert labels_needed(labels, scores, 0.75) == (30, False)
    assert labels_needed(labels, scores, 0.4) == (10, False)
    assert labels_needed(labels, scores, 0.8) == (40, False)
    assert labels_needed(labels, scores, 0.81) == (40, True)


def test_a_curve_that_falls_again_had_reached_what_it_had():
    assert labels_needed([10, 20, 30, 40], [0.5, 0.8, 0.6, 0.9], 0.7) == (pytest.approx(10 + 20 / 3), False)


@pytest.mark.parametrize(
    ("labels", "scores"), [([20, 10], [0.1, 0.2]), ([1, 2], [0.1]), ([1, 2], [0.1, NAN]), ([], [])]
)
def test_what_is_no_curve_is_refused(labels, scores):
    with pytest.raises(ValueError, match="labels must rise"):
        area(labels, scores)
