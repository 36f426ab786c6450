"""What is said of runs that were computed again, against numbers worked out by hand."""

import math

import pytest
from report_runs import all_runs, scores, write_results

from torchal.digest import digest_of
from torchal.report import carded, frame
from torchal.report.agreement import compared, tolerances
from torchal.report.card import Chosen

pytestmark = pytest.mark.unchecked

KEY = digest_of("query")


def card_of(folder, records):
    return carded.made(frame.read(write_results(folder, records), "tiny"), folder)


def flat(**values: float):
    """Return accuracies that depend on the strategy alone, but for a step from seed to seed."""
    return lambda key: values[key[0]] + 0.02 * (key[2] - 1)


def queried(card, rows):
    """Return a card whose first run chose some rows in its first cycle."""
    cycle = card.runs[0].cycles[0]
    first = cycle.model_copy(update={"keys": {**cycle.keys, "query": KEY}})
    run = card.runs[0].model_copy(update={"cycles": (first, *card.runs[0].cycles[1:])})
    return card.model_copy(update={"runs": (run, *card.runs[1:]), "chosen": {KEY: Chosen.of(rows)}})


@pytest.fixture
def card(tmp_path):
    return card_of(tmp_path, all_runs(("random", "margin"), ("drawn-1",), (1, 2), value=flat(random=0.6, margin=0.7)))


def test_overlap_is_the_share_of_the_cards_rows_and_the_share_of_all(card):
    found = compared(queried(card, (1, 2, 3, 4)), queried(card, (5, 4, 3, 2)), known=False)
    assert (found.cycles[0].common, found.cycles[0].jaccard) == (3 / 4, 3 / 5)
    assert found.cycles[1].common is None
    assert found.cycles[0].different == ("other rows were chosen",)


def test_another_order_of_the_same_rows_is_another_choice(card):
    found = compared(queried(card, (1, 2, 3)), queried(card, (3, 2, 1)), known=True)
    assert found.cycles[0].common == 1
    assert found.different == (f"{card.runs[0].id}, cycle 0: the same rows were chosen in another order",)
    assert not found.passed


def test_the_tolerance_is_three_deviations_of_a_difference_between_seeds(card):
    # seeds differ by 0.02, so their variance is 0.0002; two standard errors on 100 examples are 0.1
    assert 3 * math.sqrt(2 * 0.0002) < 0.1
    assert {*tolerances(card).values()} == {0.1}
    many = tuple(run.model_copy(update={"cycles": tuple(map(of_many, run.cycles))}) for run in card.runs)
    allowed = tolerances(card.model_copy(update={"runs": many}))
    assert [*allowed.values()] == pytest.approx([3 * math.sqrt(2 * 0.0002)] * len(allowed))


def of_many(cycle):
    return cycle.model_copy(update={"test": cycle.test.model_copy(update={"examples": 10_000})})


def test_with_one_seed_the_tolerance_is_that_of_partitions(tmp_path):
    runs = all_runs(("random",), ("drawn-1", "drawn-2"), (1,), value=lambda key: 0.5 + 0.1 * (key[1] == "drawn-1"))
    assert [*tolerances(card_of(tmp_path, runs)).values()] == pytest.approx([3 * math.sqrt(2 * 0.005)] * 8)


def test_one_run_has_the_tolerance_of_its_test_examples(tmp_path):
    lone = card_of(tmp_path, all_runs(("random",), ("drawn-1",), (1,)))
    assert {*tolerances(lone).values()} == {0.1}
    assert {*tolerances(lone, 2.5).values()} == {0.025}


def altered(card, number, cycle, to):
    run = card.runs[number]
    changed = run.cycles[cycle].model_copy(update={"test": scores(to)})
    cycles = (*run.cycles[:cycle], changed, *run.cycles[cycle + 1 :])
    runs = (*card.runs[:number], run.model_copy(update={"cycles": cycles}), *card.runs[number + 1 :])
    return card.model_copy(update={"runs": runs})


def test_a_score_that_is_further_off_than_allowed_is_named(card):
    now = altered(card, 1, 2, 0.7 + 0.03)
    assert compared(card, now, known=False, tolerance=3.5).passed
    found = compared(card, now, known=False, tolerance=2.5)
    assert found.faults == (f"{card.runs[1].id}, cycle 2: test accuracy +3.0 points from the card's, 2.5 allowed",)
    assert "Not reproduced (4 of 4 runs of tiny under another fingerprint)" in found.sentence


def test_under_the_same_fingerprint_no_tolerance_helps(card):
    found = compared(card, altered(card, 1, 2, 0.7001), known=True, tolerance=50)
    assert not found.passed
    assert found.faults == (f"{card.runs[1].id}, cycle 2: test is not as recorded",)


def test_ranks_are_compared_within_a_partition_and_seed(tmp_path):
    names, worth = ("random", "margin", "bald(samples=10)"), (0.5, 0.6, 0.7)
    before = card_of(
        tmp_path, all_runs(names, ("drawn-1",), (1, 2), value=flat(**dict(zip(names, worth, strict=True))))
    )
    same = compared(before, before, known=False)
    assert (same.tau, same.tau_last) == (1, 1)
    # in the first seed the two best change places at the last budget: 2 of 3 pairs are as before, so (2 - 1) / 3
    first = [run.strategy for run in before.runs].index("margin")
    swapped = compared(before, altered(before, first, 3, 0.75), known=False)
    assert swapped.tau_last == pytest.approx((1 / 3 + 1) / 2)
    assert swapped.tau == 1


def test_strategies_that_are_all_alike_have_no_rank(tmp_path):
    alike = card_of(tmp_path, all_runs(("random", "margin"), ("drawn-1",), (1,), value=lambda _: 0.5))
    assert compared(alike, alike, known=False).tau is None


def test_entries_are_compared_where_both_have_them(card):
    keys = [cycle.keys["measure"] for cycle in card.runs[0].cycles]
    before = card.model_copy(update={"digests": {keys[0]: digest_of(0), keys[1]: digest_of(1)}})
    now = card.model_copy(update={"digests": {keys[0]: digest_of(0), keys[1]: digest_of(2)}})
    found = compared(before, now, known=True)
    assert [each.equal for each in found.cycles[:4]] == [1, 0, 0, 0]
    assert found.different == (f"{card.runs[0].id}, cycle 1: files of measure differ",)


def test_a_verdict_is_told_in_words_as_a_table_and_as_json(card):
    found = compared(queried(card, (1, 2)), queried(card, (1, 3)), known=False, computed=7)
    assert found.passed
    assert not found.same
    assert found.sentence == (
        "Reproduced 4 of 4 runs of tiny under another fingerprint: every test accuracy within its tolerance, the "
        "largest difference 0.0 points; 50 % of the chosen rows in common; Kendall's tau of the strategies 1.00. "
        "7 entries were computed for this."
    )
    assert found.table().row_count == 4
    assert found.document()["cycles"][0]["common"] == 0.5
    assert found.document()["passed"]
