"""One query on arrays, from Python and from files."""

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import torchal
from torchal.cli import app, main
from torchal.query import Strategy, choose
from torchal.selection import select
from torchal.testing.fakes import FakePool

PROBABILITIES = np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.4], [0.45, 0.55], [1.0, 0.0]])
LINE = np.array([[0.0], [1.0], [4.0], [10.0], [7.0]])


def test_rows_are_numbered_as_in_the_arrays_and_labelled_ones_are_not_chosen():
    assert select("margin", budget=2, probabilities=PROBABILITIES).tolist() == [1, 3]
    assert torchal.select("margin", budget=2, probabilities=PROBABILITIES, labelled=[1]).tolist() == [3, 2]
    assert select("coreset", budget=2, embeddings=LINE, labelled=[0]).tolist() == [3, 2]
    assert select("coreset", budget=2, embeddings=torch.tensor(LINE), labelled=torch.tensor([3])).tolist() == [0, 2]


def test_probabilities_and_logits_and_lists_and_half_precision_choose_alike():
    chosen = select("entropy", budget=3, probabilities=PROBABILITIES)
    assert select("entropy", budget=3, probabilities=PROBABILITIES.tolist()).tolist() == chosen.tolist()
    assert select("entropy", budget=3, probabilities=PROBABILITIES.astype(np.float16)).tolist() == chosen.tolist()
    logits = np.log(np.maximum(PROBABILITIES, 1e-30))
    assert select("entropy", budget=3, logits=logits).tolist() == chosen.tolist()


def test_options_of_a_strategy_and_a_strategy_itself_are_taken():
    said = np.stack([PROBABILITIES, PROBABILITIES[::-1]])
    by_name = select({"name": "qbc", "disagreement": "kl_divergence"}, budget=2, committee_probabilities=said)
    assert by_name.tolist() == [0, 4]


@pytest.mark.parametrize("name", ["random", "margin", "bald", "qbc", "tod", "coreset"])
def test_arrays_that_a_network_gave_choose_what_the_network_chooses(name):
    fake = FakePool()
    ctx, strategy = fake.context(), torchal.spec.resolve(Strategy, name)()
    order = torch.cat([fake.rows.labelled, fake.rows.pool])

    def whole(of_labelled, of_pool, dim=0):
        return torch.cat([of_labelled, of_pool], dim)

    empty = torch.full((25, 12, 4), 0.25, dtype=torch.float64)
    arrays = {
        "logits": whole(ctx.labelled_logits, ctx.logits),
        "embeddings": whole(ctx.labelled_embeddings, ctx.embeddings),
        "mc_probabilities": whole(empty, ctx.mc_probabilities(25), 1),
        "committee_probabilities": whole(empty[:3], ctx.committee(3), 1),
        "previous_probabilities": whole(empty[0], ctx.previous_logits.double().softmax(-1)),
    }
    chosen = select(strategy, budget=10, labelled=range(12), labels=ctx.labelled_labels, **arrays) - 12
    if name != "random":
        assert chosen.tolist() == choose(strategy, ctx).tolist()
    assert len(order) == 72


def test_seeds_move_what_is_drawn_and_nothing_else():
    draws = [select("random", budget=3, embeddings=LINE, seed=seed).tolist() for seed in (0, 0, 1, 2)]
    assert draws[0] == draws[1]
    assert len({tuple(each) for each in draws}) > 1


GOOD = {"strategy": "margin", "budget": 2, "probabilities": PROBABILITIES}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"budget": 6}, r"budget: 6 of a pool of 5 rows cannot be chosen; set it to 1\.\.5"),
        ({"budget": 5, "labelled": [0]}, r"budget: 5 of a pool of 4 rows"),
        ({"labelled": [1, 1]}, "labelled: row 1 is given more than once; list each row once"),
        ({"labelled": [5]}, "labelled: row 5 is none of the 5 examples; rows are counted from 0"),
        ({"labelled": [-1]}, "labelled: row -1 is none of the 5 examples"),
        ({"labelled": [0.5]}, r"labelled: has shape \(1,\) and type float64; give a list of row numbers"),
        ({"labelled": [0], "labels": [1, 2]}, "labels: has shape .* for each of the 1 labelled rows"),
        ({"probabilities": PROBABILITIES * 2}, "probabilities: rows must not be negative and must sum to 1"),
        ({"probabilities": PROBABILITIES - 1}, "probabilities: rows must not be negative"),
        ({"probabilities": PROBABILITIES[0]}, r"probabilities: has shape \(2,\); give examples x classes"),
        ({"probabilities": PROBABILITIES * np.nan}, "probabilities: holds NaN or infinity, first in row 0"),
        ({"embeddings": LINE + np.inf}, "embeddings: holds NaN or infinity"),
        ({"embeddings": LINE[:3]}, r"differ in their number of examples \(.*embeddings 3.*\); give a row for every"),
        ({"probabilities": None}, "arrays: none is given"),
        ({"probabilities": None, "embeddings": LINE}, r"logits: the strategy asks for them; give probabilities="),
        ({"logits": PROBABILITIES}, "logits: probabilities are given as well; give one of the two"),
        ({"mc_probabilities": np.full((2, 5, 3), 1 / 3)}, "differ in their number of classes"),
        ({"embedings": LINE}, "embedings: not known; give any of probabilities, logits, embeddings"),
        ({"probabilities": "p.npy"}, "probabilities: is no array of numbers"),
        ({"strategy": "margins"}, "unknown name 'margins'; did you mean 'margin'"),
        ({"strategy": {"name": "bald", "sampels": 3}}, "unknown field 'sampels'; did you mean 'samples'"),
        ({"head": (np.zeros((2, 3)), np.zeros(3))}, r"head: has shapes \(2, 3\) and \(3,\)"),
    ],
)
def test_what_is_wrong_is_refused_in_one_sentence_with_the_remedy(wrong, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        select(**{**GOOD, **wrong})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("strategy", "sentence"),
    [
        ("coreset", "embeddings: the strategy asks for them; give embeddings="),
        ("bald", "mc_probabilities: the strategy asks for them; give mc_probabilities="),
        ("qbc", "committee_probabilities: the strategy asks for them"),
        ("tod", "previous_probabilities: the strategy asks for them"),
        ("vaal", "inputs: the strategy asks for them"),
    ],
)
def test_what_a_strategy_lacks_is_named_by_the_argument_to_give(strategy, sentence):
    with pytest.raises(ValueError, match=sentence):
        select(strategy, budget=2, probabilities=PROBABILITIES)


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("p.npy", PROBABILITIES)
    np.save("e.npy", LINE)
    np.save("l.npy", np.array([0]))


@pytest.mark.usefixtures("files")
def test_the_command_writes_the_rows_in_the_order_of_choice_and_never_overwrites(tmp_path):
    arguments = ["select", "--strategy", "coreset", "--embeddings", "e.npy", "--labelled", "l.npy", "--budget", "2"]
    done = CliRunner().invoke(app, [*arguments, "-o", "picks.csv"])
    assert done.exit_code == 0, done.output
    assert "2 rows, first choice first, are in picks.csv" in done.output
    assert (tmp_path / "picks.csv").read_text() == "row\n3\n2\n"
    again = CliRunner().invoke(app, [*arguments, "-o", "picks.csv"])
    assert "picks.csv: exists already" in str(again.exception)
    printed = CliRunner().invoke(app, arguments)
    assert printed.output == "3\n2\n"


@pytest.mark.usefixtures("files")
def test_the_command_takes_options_of_the_strategy():
    np.save("c.npy", np.stack([PROBABILITIES, PROBABILITIES[::-1]]))
    arguments = ["select", "--strategy", "qbc", "--committee-probabilities", "c.npy", "--budget", "2"]
    done = CliRunner().invoke(app, [*arguments, "--set", "disagreement=kl_divergence"])
    assert done.output == "0\n4\n"


@pytest.mark.usefixtures("files")
def test_a_pickle_is_refused_and_not_executed(monkeypatch, capsys):
    np.save("o.npy", np.array([{}], dtype=object), allow_pickle=True)
    for name in ("o.npy", "missing.npy"):
        monkeypatch.setattr(
            "sys.argv", ["torchal", "select", "--strategy", "margin", "--probabilities", name, "--budget", "1"]
        )
        with pytest.raises(SystemExit, match="2"):
            main()
        assert f"error: {name}: is not a readable .npy file" in capsys.readouterr().err
