"""The bound that sees the pool's labels."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from torchal.data.dataset import Dataset, Source, Split
from torchal.query import Strategy, choose
from torchal.selection import select
from torchal.spec import build, load_file
from torchal.testing.fakes import FakePool

FILE = Path(__file__).parents[2] / "experiments" / "bounds" / "oracle_error.py"


class Told(Source):
    """The labels of a fake pool, or some of them."""

    short: int = 0

    def load(self):
        fake = FakePool()
        train = Split(fake.inputs, fake.labels[self.short :])
        return Dataset("told", train, train, tuple("abcd"), "")


def oracle(short=0, **fields):
    return load_file(FILE)(dataset=Told(short=short), **fields)


def losses():
    fake = FakePool()
    said = fake.context().log_probabilities
    return [-float(said[place, fake.labels[row]]) for place, row in enumerate(fake.rows.pool.tolist())]


def wrong(fake):
    said = fake.context().predicted
    return {place for place, row in enumerate(fake.rows.pool.tolist()) if said[place] != fake.labels[row]}


def test_errors_are_chosen_at_random_and_others_only_once_they_are_used_up():
    fake = FakePool()
    errors = wrong(fake)
    few = choose(oracle(), replace(fake, budget=10).context()).tolist()
    assert set(few) < errors
    assert few != sorted(few)
    assert errors < set(choose(oracle(), replace(fake, budget=len(errors) + 3).context()).tolist())


def test_by_loss_the_worst_errors_are_chosen():
    worst = sorted(wrong(FakePool()), key=lambda place: -losses()[place])
    assert choose(oracle(among="loss"), FakePool(budget=7).context()).tolist() == worst[:7]


def test_of_a_part_of_the_pool_the_worst_of_that_part_are_chosen():
    part = torch.tensor([50, 3, 17, 20, 9])
    errors = wrong(FakePool())
    worst = sorted(range(5), key=lambda place: (int(part[place]) in errors, losses()[int(part[place])]), reverse=True)
    assert choose(oracle(among="loss"), FakePool().context().part(part, 3)).tolist() == worst[:3]


def test_it_is_known_by_its_name_and_says_that_it_cheats():
    cls = load_file(FILE)
    assert build(Strategy, {"name": "oracle_error", "dataset": "digits"}).label == "oracle_error(dataset=digits)"
    assert not cls.__module__.startswith("torchal.")
    assert "cheats" in FILE.read_text(encoding="utf-8").splitlines()[0]


def test_another_data_set_and_arrays_are_refused():
    with pytest.raises(
        ValueError, match=r"oracle_error\.dataset: has 76 training rows where the experiment has 77; give"
    ):
        choose(oracle(short=1), FakePool().context())
    with pytest.raises(ValueError, match="knows the rows of an experiment alone; run it in one"):
        select(oracle(), budget=1, probabilities=[[0.5, 0.5]])


def test_a_network_that_is_certain_and_wrong_is_ranked_by_how_far_it_is_off():
    fake = replace(FakePool(budget=10), sharpness=1e5)
    chosen = choose(oracle(among="loss"), fake.context())
    said = fake.context().log_probabilities[chosen, fake.labels[fake.rows.pool[chosen]]]
    assert said.isfinite().all()
    assert torch.equal(said, said.sort().values)
    assert len(said.unique()) == 10
