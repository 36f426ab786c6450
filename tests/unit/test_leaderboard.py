"""A leaderboard compares what can be compared, says how sure it is, and trusts no card."""

import csv
import json
import re
from itertools import product

import numpy as np
import pytest
from report_runs import PARTITIONS, all_runs, write_results

from torchal.digest import digest_of
from torchal.report import carded, frame, leaderboard
from torchal.report.boards import Board, boards, entrants
from torchal.report.card import Card, First, Spent
from torchal.statistics.ranked import rank_intervals

pytestmark = pytest.mark.unchecked

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
SPEC = {"partition": {"drawn": 1, "labelled": 20}, "setting": {"cycles": 4, "budget": 10}, "seed": 1, "first_seed": 1}
WORTH = {"random": 0.60, "margin": 0.70, "coreset": 0.65}


def card_of(folder, *strategies: str, name: str = "tiny", spec=SPEC, seeds=(1,), **more) -> Card:
    """Return a card of runs of which each has a spec, and accuracies that lie as far apart as :data:`WORTH` says."""
    runs = all_runs(strategies, PARTITIONS, seeds, value=lambda key: WORTH.get(key[0], 0.5), **more)
    runs = [run.model_copy(update={"spec": spec | {"strategy": run.strategy}}) for run in runs]
    return carded.made(frame.read(write_results(folder / name, runs, name=name), name), folder / name)


def boards_of(**cards: Card) -> list[Board]:
    return boards(entrant for file, card in cards.items() for entrant in entrants(file, card))


@pytest.fixture
def shelf(tmp_path):
    """A folder of two cards of one protocol and one of another."""
    folder = tmp_path / "shelf"
    (folder / "deep").mkdir(parents=True)
    other = SPEC | {"setting": {"cycles": 4, "budget": 20}}
    made = {
        "a.json": card_of(tmp_path, "random", "margin", name="first"),
        "deep/b.json": card_of(tmp_path, "random", "coreset", name="second"),
        "c.json": card_of(tmp_path, "random", HOSTILE, name="third", spec=other),
    }
    for name, card in made.items():
        (folder / name).write_text(card.text())
    return folder


def text_of(html: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", html).split())


# --- what is compared -------------------------------------------------------------------------------------------------


def test_cards_of_one_protocol_share_a_table_and_others_have_their_own(tmp_path):
    cards = {
        "a": card_of(tmp_path, "random", "margin", name="a"),
        "b": card_of(tmp_path, "random", "coreset", name="b"),
        "c": card_of(tmp_path, "random", "margin", name="c", spec=SPEC | {"setting": {"cycles": 4, "budget": 20}}),
    }
    made = boards_of(**cards)
    assert [(board.condition, sorted(set(board.rows["file"]))) for board in made] == [
        ("setting budget 10", ["a", "b"]),
        ("setting budget 20", ["c"]),
    ]
    together = made[0].rows
    assert list(zip(together["strategy"], together["rank"], strict=True)) == [
        ("margin", 1),
        ("coreset", 2),
        ("random", 3),
        ("random", 3),
    ]


def test_which_partition_and_seed_are_no_part_of_a_protocol_and_their_sizes_are(tmp_path):
    first = card_of(tmp_path, "random", name="a")
    moved = SPEC | {"partition": {"drawn": 2, "labelled": 20}, "seed": 7, "first_seed": 7}
    larger = SPEC | {"partition": {"drawn": 1, "labelled": 30}}
    published = SPEC | {"partition": {"published": 1, "labelled": 20}}
    assert len(boards_of(a=first, b=card_of(tmp_path, "random", name="b", spec=moved))) == 1
    assert len(boards_of(a=first, b=card_of(tmp_path, "random", name="b", spec=larger))) == 2
    assert len(boards_of(a=first, b=card_of(tmp_path, "random", name="b", spec=published))) == 2


def test_other_data_of_the_same_name_are_another_table(tmp_path):
    card = card_of(tmp_path, "random")

    def with_data(content: str) -> Card:
        first = First(dataset=digest_of(content), labelled=digest_of(1), validation=None)
        return card.model_copy(update={"firsts": {run.id: first for run in card.runs}})

    assert len(boards_of(a=with_data("x"), b=with_data("x"))) == 1
    assert [board.condition.partition(" ")[0] for board in boards_of(a=with_data("x"), b=with_data("y"))] == [
        "content",
        "content",
    ]


def test_a_card_without_random_has_no_ranks(tmp_path):
    rows = boards_of(a=card_of(tmp_path, "margin", "coreset"))[0].rows
    assert rows["rank"].isna().all()
    assert list(rows["strategy"]) == ["margin", "coreset"]


def test_cost_is_the_mean_of_finished_runs_and_not_known_where_a_part_is_not(tmp_path):
    card = card_of(tmp_path, "random", "margin")
    parts = [("training", 3, 100), ("tuning", 7, 900)]

    def spent(known: bool):
        return tuple(
            Spent(
                run=run.id,
                activity=what,
                trials=1,
                epochs=epochs,
                images=1,
                evaluated=1,
                flops=flops if known else None,
            )
            for run in card.runs
            for what, epochs, flops in parts
        )

    rows = boards_of(a=card.model_copy(update={"cost": spent(known=True)}))[0].rows
    assert list(rows["epochs"]) == [10, 10]
    assert list(rows["flops"]) == [1000, 1000]
    assert boards_of(a=card.model_copy(update={"cost": spent(known=False)}))[0].rows["flops"].isna().all()


# --- how sure ranks are -----------------------------------------------------------------------------------------------


def test_rank_intervals_are_those_of_all_resamples():
    values = np.array([[3.0, 0.0, 2.0, 1.0, 5.0], [2.0, 2.0, 1.5, 1.2, 1.0], [0.0, 0.1, 0.2, 0.3, 0.4]])
    found = rank_intervals([values], np.random.default_rng(0), level=0.8, resamples=20_000)
    means = np.array([values[:, list(drawn)].mean(axis=1) for drawn in product(range(5), repeat=5)])
    ranks = 1 + (means[:, None, :] > means[:, :, None]).sum(axis=2)
    assert found[:, 0].tolist() == [1, 2, 3]
    # percentiles are taken further out with five groups: 80 % of Student's are 91 % of these
    low, high = np.quantile(ranks, [0.0433, 0.9567], axis=0, method="inverted_cdf")
    assert found[:, 1].tolist() == low.tolist()
    assert found[:, 2].tolist() == high.tolist()


def test_ties_share_the_best_rank_and_one_group_has_no_interval():
    found = rank_intervals([[[1.0], [1.0], [0.0]]], np.random.default_rng(0))
    assert found[:, 0].tolist() == [1, 1, 3]
    assert np.isnan(found[:, 1:]).all()


def test_methods_with_the_same_groups_are_resampled_together():
    shared = np.array([5.0, 0.0, -5.0, 9.0])
    joint = rank_intervals([np.stack([shared + 0.1, shared])], np.random.default_rng(0))
    apart = rank_intervals([(shared + 0.1)[None], shared[None]], np.random.default_rng(0))
    assert joint.tolist() == [[1, 1, 1], [2, 2, 2]]
    assert apart[:, 1:].tolist() == [[1, 2], [1, 2]]


@pytest.mark.parametrize("blocks", [[], [[[np.nan]]], [[1.0]]])
def test_ranks_of_nothing_are_refused(blocks):
    with pytest.raises(ValueError, match="blocks"):
        rank_intervals(blocks, np.random.default_rng(0))


# --- the site ---------------------------------------------------------------------------------------------------------


def test_the_site_holds_a_page_a_table_and_the_cards_as_they_were(shelf, tmp_path):
    page = leaderboard.write(shelf, tmp_path / "site")
    assert page == tmp_path / "site" / "index.html"
    names = sorted(path.name for path in (tmp_path / "site" / "cards").iterdir())
    assert [name.rpartition("-")[0] for name in names] == ["first", "second", "third"]
    assert {path.read_bytes() for path in (tmp_path / "site" / "cards").iterdir()} == {
        path.read_bytes() for path in shelf.rglob("*.json")
    }
    with (tmp_path / "site" / "leaderboard.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert {"strategy", "aubc", "difference", "rank", "rank_low", "rank_high", "verdict", "file"} <= rows[0].keys()


def test_every_row_says_how_to_check_it_and_where_its_card_is(shelf, tmp_path):
    html = leaderboard.write(shelf, tmp_path / "site").read_text()
    files = re.findall(r'href="(cards/[^"]+)"', html)
    assert len(files) == 6
    assert all((tmp_path / "site" / file).is_file() for file in files)
    assert all(f"torchal verify {file}" in html for file in files)


def test_the_page_depends_on_the_cards_alone(shelf, tmp_path):
    pages = [leaderboard.write(shelf, tmp_path / name).read_bytes() for name in ("one", "two")]
    assert pages[0] == pages[1]
    inside = leaderboard.write(shelf, shelf / "site")
    assert leaderboard.write(shelf, shelf / "site") == inside
    assert inside.read_bytes() == pages[0]


def test_a_name_is_text_and_nothing_else(shelf, tmp_path):
    html = leaderboard.write(shelf, tmp_path / "site").read_text()
    assert html.count("<script") == 1
    assert "<img" not in html
    assert html.count("&lt;img src=x onerror=alert(2)&gt;") >= 2


def test_what_cannot_be_read_is_named_with_its_reason_and_the_rest_is_shown(shelf, tmp_path):
    (shelf / "forged.json").write_text((shelf / "a.json").read_text().replace('"exact":true', '"exact":false'))
    (tmp_path / "outside.json").write_text((shelf / "a.json").read_text())
    (shelf / "link.json").symlink_to(tmp_path / "outside.json")
    (shelf / "plan.json").write_text("{}")
    unmeasured = card_of(tmp_path, "random", name="empty")
    runs = tuple(run.model_copy(update={"cycles": (), "finished": False}) for run in unmeasured.runs)
    (shelf / "empty.json").write_text(unmeasured.model_copy(update={"runs": runs}).sealed().text())
    shown = text_of(leaderboard.write(shelf, tmp_path / "site").read_text())
    assert "3 cards not shown." in shown
    assert "forged.json: cannot be read as a card: its content is not what its digest says" in shown
    assert "link.json: leads out of the folder" in shown
    assert "empty.json: empty: no cycle has been measured yet" in shown
    assert "1 other JSON file is no card." in shown
    assert "3 cards 2 tables 6 rows" in shown


def test_one_card_twice_is_shown_once(shelf, tmp_path):
    (shelf / "copy.json").write_bytes((shelf / "a.json").read_bytes())
    assert "3 cards" in text_of(leaderboard.write(shelf, tmp_path / "site").read_text())


def test_a_folder_without_a_card_is_refused(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({}))
    with pytest.raises(ValueError, match="holds no card that can be shown"):
        leaderboard.write(tmp_path, tmp_path / "site")


def test_a_protocol_is_told_in_words(shelf, tmp_path):
    shown = text_of(leaderboard.write(shelf, tmp_path / "site").read_text())
    assert "20 labelled at first 10 bought in a cycle 4 cycles" in shown
    assert "setting budget 20" in shown
