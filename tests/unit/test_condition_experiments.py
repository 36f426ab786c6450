"""The experiments under ``experiments/conditions`` have the property that each is named after."""

from functools import cache
from pathlib import Path

import pytest
import torch
from scipy.stats import binom

from torchal.data.imbalance import Torchal
from torchal.experiment import ExperimentSpec
from torchal.loop import rows_by_cycle, stages
from torchal.plan import chains
from torchal.problem import Problem, opened
from torchal.records import QueryRecord
from torchal.runspec import RunSpec
from torchal.store import Store

pytestmark = pytest.mark.unchecked

FOLDER = Path(__file__).parents[2] / "experiments" / "conditions"
NAMES = sorted(file.stem for file in FOLDER.glob("*.yaml"))


@cache
def runs(name: str) -> tuple[RunSpec, ...]:
    return ExperimentSpec.read(FOLDER / f"{name}.yaml").runs()


def problems(name: str) -> list[Problem]:
    return [opened(run) for run in runs(name)]


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Carry out runs with one epoch a training, which changes who is chosen and nothing that is asked here."""
    store = Store(tmp_path_factory.mktemp("conditions"))

    def finished(run: RunSpec):
        fields = {"epochs": 1, "swa": None}
        quick = run.model_copy(update={"recipe": run.recipe.model_copy(update=fields)})
        done = list(stages(quick, store))
        return quick, done, rows_by_cycle(quick, done)

    return finished


def answers(done) -> list[QueryRecord]:
    return [QueryRecord.read(each.entry.path / "query.json") for each in done if each.stage == "query"]


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_named_after_its_experiment_and_can_be_planned(tmp_path, name):
    experiment = ExperimentSpec.read(FOLDER / f"{name}.yaml")
    assert experiment.name == name
    assert len(chains(experiment, Store(tmp_path))) == len(runs(name))


@pytest.mark.parametrize("name", NAMES)
def test_no_row_is_in_two_sets_and_none_that_validates_is_ever_asked_for(name, short):
    run, done, rows = short(runs(name)[-1])
    kept = set(opened(run).rows.validation.tolist())
    for each in rows:
        sets = [set(part.tolist()) for part in (each.labelled, each.pool, each.validation)]
        assert sum(map(len, sets)) == len(set().union(*sets))
    asked = [row for record in answers(done) for row in record.rows]
    assert len(set(asked)) == len(asked)
    assert kept.isdisjoint(asked)


def test_three_budgets_come_from_40_to_160_labels(short):
    first_of_each = dict.fromkeys(str(run.setting) for run in runs("budgets"))
    assert len(first_of_each) == 3
    for run in [next(each for each in runs("budgets") if str(each.setting) == key) for key in first_of_each]:
        _, _, rows = short(run)
        assert (len(rows[0].labelled), len(rows[-1].labelled)) == (40, 160)


def test_exhaustion_leaves_no_pool_and_all_strategies_end_with_the_same_labels(short):
    ends = [short(run)[2][-1] for run in runs("exhaustion")[:2]]
    assert [len(each.pool) for each in ends] == [0, 0]
    assert torch.equal(*(each.labelled.sort().values for each in ends))


@pytest.mark.parametrize(("name", "starts"), [("cold_start", 4), ("cold_start_shared", 1)])
def test_cold_starts_are_each_strategys_own_or_one_for_all(name, starts, short):
    of_one_partition = [run for run in runs(name) if run.partition.id == "drawn-1"]
    firsts = [tuple(short(run)[2][0].labelled.tolist()) for run in of_one_partition]
    assert all(len(first) == 20 for first in firsts)
    assert len(set(firsts)) == starts


def test_validation_is_2_5_and_10_per_cent_of_the_training_side():
    assert sorted({len(problem.rows.validation) for problem in problems("validation")}) == [29, 72, 144]  # of 1,438


def test_the_growing_validation_set_is_a_quarter_of_the_labelled_one(short):
    _, _, rows = short(runs("validation_grows")[0])
    assert [len(each.validation) for each in rows] == [len(each.labelled) // 4 for each in rows] == [10, 20, 30, 40]


def test_without_validation_the_last_epoch_is_kept(short):
    _, done, _ = short(runs("validation_none")[0])
    assert all(each.entry.json("measure.json")["validation"] is None for each in done if each.stage == "measure")


def test_the_imbalanced_start_is_on_the_papers_curve():
    for problem in problems("imbalanced_start"):
        labels = problem.data.train.labels[problem.rows.labelled]
        assert tuple(torch.bincount(labels, minlength=10).tolist()) == Torchal(torchal=True).counts(100, 10)


def test_the_imbalanced_pools_are_balanced_long_tailed_and_stepped():
    counts = [
        torch.bincount(problem.data.train.labels[problem.rows.pool], minlength=10).tolist()
        for problem in problems("imbalanced_pool")[::6]
    ]
    plain, tailed, stepped = counts
    assert max(plain) < 1.3 * min(plain)
    assert tailed == sorted(tailed, reverse=True)
    assert tailed[0] / tailed[-1] == pytest.approx(20, rel=0.2)  # counts are whole
    assert len(set(stepped[:5])) == len(set(stepped[5:])) == 1
    assert stepped[0] == pytest.approx(10 * stepped[-1], abs=10)


def wrong(problem: Problem, rows: torch.Tensor) -> tuple[int, int]:
    truth = problem.data.train.labels[rows]
    return int((problem.oracle.answers[rows] != truth).sum()), len(rows)


def within_bounds(hits: int, n: int, rate: float) -> bool:
    low, high = binom.interval(1 - 1e-6, n, rate)
    return low <= hits <= high


def test_the_annotators_error_rates_are_0_10_and_30_per_cent():
    for problem, rate in zip(problems("noise")[::6], (0, 0.1, 0.3), strict=True):
        assert within_bounds(*wrong(problem, torch.cat([problem.rows.labelled, problem.rows.pool])), rate)
        assert wrong(problem, problem.rows.validation)[0] == 0


def test_torchals_noise_is_9_per_cent_of_the_labels_queried():
    problem = problems("noise_as_torchal")[0]
    assert within_bounds(*wrong(problem, problem.rows.pool), 0.09)
    assert wrong(problem, torch.cat([problem.rows.labelled, problem.rows.validation]))[0] == 0


def test_asymmetric_noise_takes_a_3_for_an_8_and_a_1_for_a_7():
    problem = problems("noise_asymmetric")[0]
    rows = problem.rows.pool
    truth, given = problem.data.train.labels[rows], problem.oracle.answers[rows]
    assert set(given[(truth == 3) & (given != truth)].tolist()) == {8}
    assert set(given[(truth == 1) & (given != truth)].tolist()) == {7}
    others = (truth != 3) & (truth != 1)
    assert torch.equal(given[others], truth[others])
    mistaken = truth == 3
    assert within_bounds(int((given[mistaken] == 8).sum()), int(mistaken.sum()), 0.4)


def test_half_of_the_pool_is_there_three_times_exactly_or_nearly():
    plain, exact, near = problems("redundancy")[::6]
    n = len(plain.rows.pool)
    assert len(exact.rows.pool) == len(near.rows.pool) == 2 * n
    whole = torch.arange(len(plain.data.train), len(exact.data.train))
    copies, likes = (each.data.train.inputs.batch(whole) for each in (exact, near))
    originals = plain.data.train.inputs.batch(plain.rows.pool).flatten(1)
    assert torch.cdist(copies.flatten(1), originals).amin(1).max() < 0.01  # cdist rounds
    assert 0 < torch.cdist(likes.flatten(1), copies.flatten(1)).diagonal().mean() < 2


def test_strangers_are_of_classes_8_and_9_and_stay_out_of_labels_validation_and_test(short):
    few, many = problems("open_set")[::6]
    for problem in (few, many):
        truth = problem.data.train.labels
        assert problem.data.classes == tuple("01234567")
        assert (truth[torch.cat([problem.rows.labelled, problem.rows.validation])] >= 0).all()
        assert (problem.data.test.labels >= 0).all()
    strange = [(problem.data.train.labels[problem.rows.pool] < 0).double().mean().item() for problem in (few, many)]
    assert strange[0] == pytest.approx(0.1, abs=1e-3)
    assert strange[1] > 0.15
    _, done, rows = short(runs("open_set")[-1])
    refused = sum(record.strangers for record in answers(done))
    assert len(rows[-1].labelled) == 160 - refused < 160


def test_dear_labels_buy_fewer_rows_for_the_same_money(short):
    _, done, rows = short(runs("prices")[0])
    spent = [record.cost for record in answers(done)]
    assert all(sum(spent[: number + 1]) <= 40 * (number + 1) for number in range(3))
    assert sum(spent) > 120 - 3
    assert 40 + 120 / 3 < len(rows[-1].labelled) < 160


def test_the_transfer_matrix_is_whole(short):
    pairs = {(run.chooser.model.label, run.model.label) for run in runs("transfer")}
    networks = {run.model.label for run in runs("transfer")}
    assert pairs == {(a, b) for a in networks for b in networks}
    run = next(each for each in runs("transfer") if each.source and each.strategy.label == "margin")
    assert [each.digest for each in short(run)[2]] == [each.digest for each in short(run.chooser)[2]]


def test_strong_regularisation_is_a_condition_of_its_own():
    strong = {
        run.recipe.swa is not None and run.recipe.augment.randaugment is not None for run in runs("regularisation")
    }
    assert strong == {True, False}
