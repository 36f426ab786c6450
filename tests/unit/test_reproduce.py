"""A card holds elsewhere: small real runs are computed again and compared; what was changed is found out."""

import json
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from report_runs import PARTITIONS, SEEDS, STRATEGIES, all_runs, write_results
from small_runs import SMALL, changed, compute

from torchal.digest import digest_of
from torchal.host import Host
from torchal.report import carded, frame
from torchal.report.card import Card, Chosen
from torchal.reproduce import checked, experiment_of, reproduce, sampled

pytestmark = pytest.mark.unchecked

SHORT = {
    "setting": {"cycles": 2, "budget": 10},
    "seed": 1,
    "tuning": {**SMALL["tuning"], "trials": 2},
    "recipe": {**SMALL["recipe"], "epochs": 1},
}


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """A card, and a folder in which its runs were computed again."""
    results, elsewhere = tmp_path_factory.mktemp("results"), tmp_path_factory.mktemp("elsewhere")
    compute(results, changed(**SHORT))
    place, _ = carded.write(results, "small")
    card = Card.read(place)
    return card, elsewhere, reproduce(card, Host(elsewhere))


@pytest.fixture
def card(computed):
    return computed[0]


@pytest.fixture
def again(computed):
    """Compare an altered card, with nothing to compute any more."""
    return partial(reproduce, host=Host(computed[1]))


def elsewhere(card):
    """Return a card of another machine."""
    prints = tuple(each.model_copy(update={"device": "another"}) for each in card.fingerprints)
    return card.model_copy(update={"fingerprints": prints})


def rescored(card, strategy: str, by: float):
    """Return a card whose author made one score better, and the digest right again."""
    runs = []
    for run in card.runs:
        last = run.cycles[-1]
        test = last.test.model_copy(update={"accuracy": last.test.accuracy + by * (run.strategy == strategy)})
        runs.append(run.model_copy(update={"cycles": (*run.cycles[:-1], last.model_copy(update={"test": test}))}))
    return card.model_copy(update={"runs": tuple(runs)}).sealed()


# --- runs computed again ----------------------------------------------------------------------------------------------


def test_the_same_fingerprint_gives_the_same_bytes(computed):
    found = computed[2]
    assert found.known
    assert found.same
    assert found.passed
    assert found.computed > 0
    assert len(found.runs) == 2
    assert all(each.common in {None, 1.0} for each in found.cycles)
    assert found.sentence.startswith("Reproduced 2 of 2 runs of small under the same fingerprint: all 14 entries byte")


def test_runs_that_begin_without_labels_give_the_same_bytes(tmp_path):
    start = {"cycles": 2, "budget": 10, "start": {"strategy": "typiclust", "budget": 20}}
    nothing = {"drawn": 1, "labelled": 0, "validation": 60}
    fixed = {"tuning": {"scope": "fixed"}, "setting": start, "partition": nothing, "strategy": "random"}
    compute(tmp_path / "one", changed(**{**SHORT, **fixed}))
    found = reproduce(Card.read(carded.write(tmp_path / "one", "small")[0]), Host(tmp_path / "two"))
    assert found.same
    assert found.cycles[0].common == 1


def test_what_is_there_already_is_not_computed_again(card, again):
    found = again(card)
    assert found.passed
    assert found.computed == 0
    assert "0 entries were computed" in found.sentence


def test_a_score_that_was_made_better_is_found_out(card, again):
    found = again(rescored(card, "bald(samples=3)", 0.001))
    assert not found.passed
    assert [each.split(": ")[1] for each in found.faults] == ["test is not as recorded"]


def test_a_row_that_was_exchanged_is_found_out(card, again):
    key, chosen = next(iter(card.chosen.items()))
    rows = sorted(chosen.rows)
    forged = Chosen.of((*rows[:-1], rows[-1] + 1))
    found = again(card.model_copy(update={"chosen": {**card.chosen, key: forged}}).sealed())
    assert not found.passed
    assert "other rows were chosen" in found.sentence


def test_other_first_rows_are_found_out_under_any_fingerprint(card, again):
    firsts = {run: first.model_copy(update={"labelled": digest_of(run)}) for run, first in card.firsts.items()}
    found = again(elsewhere(card.model_copy(update={"firsts": firsts})))
    assert not found.passed
    assert "began with other data or other first rows" in found.sentence


def test_another_fingerprint_has_a_tolerance(card, again):
    forged = elsewhere(rescored(card, "bald(samples=3)", 0.02))
    near, strict = again(forged, tolerance=3), again(forged, tolerance=1)
    assert not near.known
    assert near.passed
    assert not near.same
    assert not strict.passed
    assert "-2.0 points from the card's, 1.0 allowed" in strict.sentence
    assert again(forged).passed


def test_results_of_another_fingerprint_are_not_mixed_with_these(card, tmp_path):
    reproduce(card, Host(tmp_path), 1)
    file = tmp_path / "fingerprint.json"
    known = json.loads(file.read_text())
    known["accepted"][0]["torch"] = "1.6.0"
    file.write_text(json.dumps(known))
    with pytest.raises(ValueError, match="was computed under another fingerprint"):
        reproduce(card, Host(tmp_path), 1)


# --- which runs -------------------------------------------------------------------------------------------------------


@pytest.fixture
def large(tmp_path):
    return carded.made(frame.read(write_results(tmp_path, all_runs()), "tiny"), tmp_path)


@pytest.mark.parametrize("draw", range(5))
def test_a_sample_spreads_over_strategies_and_has_randoms_runs_beside_them(large, draw):
    runs = sampled(large, 5, draw)
    others = [run for run in runs if run.strategy != "random"]
    cells = {(run.partition, run.seed) for run in others}
    assert len(others) == 5
    assert sorted(Counter(run.strategy for run in others).values()) == [1, 2, 2]
    assert {(run.partition, run.seed) for run in runs if run.strategy == "random"} == cells
    assert len(cells) == 2


def test_a_sample_is_the_cards_own_and_another_draw_another(large):
    assert sampled(large, 3) == sampled(large, 3)
    drawn = {tuple(run.id for run in sampled(large, 2, draw)) for draw in range(10)}
    assert len(drawn) > 5
    moved = large.model_copy(update={"digest": digest_of("moved")})
    assert any(sampled(large, 1, draw) != sampled(moved, 1, draw) for draw in range(10))


def test_every_run_can_be_asked_for(large):
    assert len(sampled(large, None)) == len(STRATEGIES) * len(PARTITIONS) * len(SEEDS)
    assert len(sampled(large, 1000)) == len(large.runs)


def test_a_card_of_random_alone_gives_its_runs(tmp_path):
    results = write_results(tmp_path, all_runs(("random",)))
    assert len(sampled(carded.made(frame.read(results, "tiny"), results), 2)) >= 2


def test_only_finished_runs_are_drawn(large):
    half = large.model_copy(update={"runs": tuple(run.model_copy(update={"finished": False}) for run in large.runs)})
    with pytest.raises(ValueError, match="no run of the card is finished"):
        sampled(half, 1)


# --- a spec from a stranger -------------------------------------------------------------------------------------------


def asking(card, **fields) -> Card:
    plan = card.plan.model_copy(update={"protocol": {**card.plan.protocol, **fields}})
    return card.model_copy(update={"plan": plan})


CODE = '''"""Own."""
from pathlib import Path

from torchal.query import QueryContext, Strategy

Path(__file__).with_name("was_run").touch()


class Own(Strategy):
    """Choose the first."""

    def select(self, ctx: QueryContext):
        raise NotImplementedError
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module on the path that leaves a trace when it is run."""
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "__init__.py").touch()
    (tmp_path / "strange" / "own.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "strange" / "own.py"


@pytest.mark.parametrize(
    "strategy",
    ["strange.own", "strange.own:Own", {"name": "strange.own"}, {"name": "subsample", "strategy": "strange.own"}],
)
def test_no_module_is_imported_because_a_card_names_it(card, own, strategy):
    with pytest.raises(ValueError, match=r"asks for 'strange\.own(:Own)?', which is code from outside torchal.*--with"):
        experiment_of(asking(card, strategy=["random", strategy]))
    assert not own.with_name("was_run").exists()


def test_a_module_that_is_given_by_hand_is_imported(card, own):
    found = experiment_of(asking(card, strategy=["random", "strange.own"]), given=("strange.own",))
    assert own.with_name("was_run").exists()
    assert found.strategy[1].plugin_name() == "strange.own"


def test_a_strategy_of_a_file_has_to_be_given(card):
    theirs = asking(card, strategy=[{"name": "random"}, {"name": "their_own", "source": digest_of("code")}])
    with pytest.raises(ValueError, match=r"asks for 'their_own'.*give it by --with their_own\.py"):
        experiment_of(theirs)


def test_data_that_are_not_here_are_asked_for(card, tmp_path):
    theirs = asking(card, dataset=[{"name": "arrays", "path": "/home/other/cells.npz"}])
    with pytest.raises(
        ValueError, match=r"^small: dataset\.0\.path: /home/other/cells\.npz is not on this machine; .*--set"
    ):
        experiment_of(theirs)
    here = tmp_path / "cells.npz"
    np.savez(here, x=np.zeros((4, 2)), y=np.arange(4) % 2)
    found = experiment_of(theirs, (f"dataset.0.path={here}",))
    assert found.dataset[0].path == Path(here)


def test_only_where_things_lie_can_be_set(card):
    with pytest.raises(ValueError, match=r"gives other runs here than the card tells of.*0\.1\.0"):
        checked(card, experiment_of(card, ("recipe.0.epochs=2",)))


def test_a_spec_of_a_billion_runs_is_refused_at_once(card):
    many = asking(card, seed=list(range(1000)), setting=[{"cycles": 2, "budget": n} for n in range(1, 1000)])
    with pytest.raises(ValueError, match="gives other runs"):
        checked(many, experiment_of(many))


def test_a_run_that_says_it_is_of_another_spec_is_refused(card):
    forged = card.runs[0].model_copy(update={"spec": {**card.runs[0].spec, "seed": 9}})
    with pytest.raises(ValueError, match=r"is, its spec does not say"):
        checked(card.model_copy(update={"runs": (forged, *card.runs[1:])}), experiment_of(card))


def test_what_is_no_spec_is_refused_by_its_field(card):
    with pytest.raises(ValueError, match=r"the spec of card small: setting"):
        experiment_of(asking(card, setting=[{"cycle": 2}]))
