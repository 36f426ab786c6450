from itertools import product

import pandas as pd
import pytest
from report_runs import all_runs, page_of, table, write_results

from torchal.records import PlanRecord
from torchal.report import page, sections
from torchal.report.compare import with_baseline
from torchal.report.findings import findings
from torchal.report.transfer import matrix, told

pytestmark = pytest.mark.unchecked


def accuracies(gain: float) -> dict:
    """Random is at 0.5 and 0.6; margin is better by a gain that varies a little over three partitions."""
    found = {}
    for partition, cycle in product((1, 2, 3), (0, 1)):
        found["random", f"drawn-{partition}", 1, cycle] = 0.5 + 0.1 * cycle
        found["margin", f"drawn-{partition}", 1, cycle] = 0.5 + 0.1 * cycle + gain + 0.01 * (partition - 2)
    return found


def pairs(**gains: float) -> pd.DataFrame:
    """Return a table of pairs, named chosen_trained, such as ``a_b``."""
    parts = []
    for name, gain in gains.items():
        source, model = name.split("_")
        part = table(accuracies(gain), ("digits", model))
        parts.append(part.assign(source="" if source == model else source, run=part["run"] + name))
    return pd.concat(parts, ignore_index=True)


def test_gains_worked_by_hand():
    """Gains 0.04, 0.05 and 0.06: mean 0.05, standard error 0.01 / sqrt(3), t of 2 degrees of freedom 4.3027."""
    found = matrix(pairs(a_a=0.05, a_b=-0.02)).set_index(["source", "model"])
    assert found["mean"].to_dict() == pytest.approx({("a", "a"): 0.05, ("a", "b"): -0.02})
    assert found.loc[("a", "a"), "low"] == pytest.approx(0.05 - 4.3027 * 0.01 / 3**0.5, abs=1e-5)
    assert found["n"].tolist() == [3, 3]


def test_the_order_of_rows_changes_nothing():
    rows = pairs(a_a=0.05, a_b=0.02, b_b=0.03, b_a=0.0)
    mixed = rows.sample(frac=1, random_state=1)
    order = ["source", "model"]
    one, two = (matrix(each).sort_values(order).reset_index(drop=True) for each in (rows, mixed))
    pd.testing.assert_frame_equal(one, two)


def test_a_pair_without_random_is_left_out_and_the_others_stay():
    rows = pairs(a_a=0.05, a_b=0.02, b_b=0.03)
    lone = rows[(rows["strategy"] != "random") | (rows["source"] != "a")]
    assert told(with_baseline(lone)) == []
    lone = rows[(rows["strategy"] != "random") | (rows["model"] != "b") | (rows["source"] == "a")]
    found = matrix(with_baseline(lone))
    assert list(zip(found["source"], found["model"], strict=True)) == [("a", "a"), ("a", "b")]
    assert told(with_baseline(rows[rows["strategy"] != "random"])) == []


def test_without_transfer_there_is_nothing_to_tell():
    assert told(pairs(a_a=0.05, b_b=0.05)) == []


@pytest.mark.parametrize(
    ("gains", "sentence"),
    [
        (
            {"a_a": 0.05, "a_b": 0.04, "b_b": 0.06, "b_a": -0.001},
            (
                "2 differences from random are clear on the network that chose. ",
                "Where another network learns the same rows (2 cases), 1 keeps the sign, and 1 is clear again.",
            ),
        ),
        (
            {"a_a": -0.05, "a_b": -0.04, "a_c": -0.001, "a_d": -0.05},
            (
                "1 difference from random is clear on the network that chose. ",
                "Where another network learns the same rows (3 cases), 3 keep the sign, and 2 are clear again.",
            ),
        ),
        (
            {"a_a": 0.001, "a_b": 0.05},
            (
                "No strategy differs clearly from random on the network that chose, ",
                "so nothing clear can carry over.",
            ),
        ),
    ],
)
def test_the_sentence_says_what_the_numbers_say(gains, sentence):
    (only,) = told(pairs(**gains))
    assert only.sentence == "".join(sentence)


@pytest.mark.parametrize("rows", [pairs(c_a=0.05, c_b=0.04), pairs(a_a=0.05, a_b=0.04).query("partition == 'drawn-1'")])
def test_nothing_is_called_unclear_that_has_no_interval(rows):
    (only,) = told(rows)
    assert only.sentence == "No gain on the network that chose has an interval, so what carries over cannot be told."


def test_a_clear_result_whose_rows_nobody_else_learns_is_not_counted_as_lost():
    (only,) = told(pairs(a_a=0.05, b_a=0.04))
    assert only.sentence == (
        "1 difference from random is clear on the network that chose. No other network learns the same rows."
    )


def test_networks_whose_names_begin_alike_are_told_apart_by_number():
    first, second = "mlp(hidden=[16], dropout=0.2)", "mlp(hidden=[64], dropout=0.2)"
    rows = pairs(a_a=0.05, a_b=0.04, b_b=0.06).replace({"a": first, "b": second})
    (only,) = told(rows)
    (cells,) = only.figures[0].spec["datasets"].values()
    assert only.networks == [first, second]
    assert [(cell["row"], cell["column"], cell["source"], cell["model"]) for cell in cells] == [
        (1, 1, first, first),
        (1, 2, first, second),
        (2, 2, second, second),
    ]


def test_a_heat_map_has_a_cell_for_each_pair_and_the_same_colours_for_the_same_gains():
    (only,) = told(pairs(a_a=0.05, a_b=0.04, b_b=0.06, b_a=-0.03))
    (figure,) = only.figures
    (cells,) = figure.spec["datasets"].values()
    assert {(cell["source"], cell["model"], cell["shown"]) for cell in cells} == {
        ("a", "a", "+5.0"),
        ("a", "b", "+4.0"),
        ("b", "b", "+6.0"),
        ("b", "a", "-3.0"),
    }
    assert figure.spec["layer"][0]["encoding"]["color"]["scale"]["domain"] == pytest.approx([-6, 0, 6])
    assert [row[:4] for row in only.table.rows][1] == ["margin", "a", "b", "+4.0"]


def results_with_transfer(folder, source="mlp<b>"):
    """Write an experiment of which the second half is the first on another network."""
    own = all_runs()
    moved = [record.model_copy(update={"id": f"{record.id}-moved", "model": "other"}) for record in own]
    records = [*own, *moved]
    results = write_results(folder, records)
    place = results / "tiny" / "plan.json"
    plan = PlanRecord.read(place)
    moved = tuple(run.model_copy(update={"source": source if run.id.endswith("-moved") else ""}) for run in plan.runs)
    place.write_text(plan.model_copy(update={"runs": moved}).text())
    return results


def test_the_page_has_maps_and_a_table_only_where_rows_were_moved(tmp_path):
    plain, moved = write_results(tmp_path / "plain", all_runs()), results_with_transfer(tmp_path / "moved")
    assert sections.moved(findings(plain, "tiny")) is None
    file = page.write(moved, "tiny")
    text = file.read_text()
    assert "Rows chosen by one network, learnt by another" in text
    assert "mlp<b>" not in text.partition("<script")[0]
    assert "<li>mlp&lt;b&gt;</li>" in text
    assert '<a href="transfer.csv">' in text
    found = pd.read_csv(moved / "tiny" / "report" / "transfer.csv")
    assert set(found["source"]) == {"mlp<b>", "mlp"}


def test_warnings_of_the_plan_stand_on_the_page(tmp_path):
    results = write_results(tmp_path, all_runs())
    place = results / "tiny" / "plan.json"
    place.write_text(PlanRecord.read(place).model_copy(update={"warnings": ("validation is <large>",)}).text())
    assert '<p class="note">validation is &lt;large&gt;</p>' in page_of(results)
