import json

import pandas as pd
import pytest
import vl_convert
from report_runs import CYCLES, PARTITIONS, SEEDS, STRATEGIES, accuracy, table

from torchal.report.compare import curves, differences
from torchal.report.figures import GREY, PALETTE, difference_panels, learning_curves, look

pytestmark = pytest.mark.unchecked

HOSTILE = "x' || alert(1) || '</script><b>"
MANY = ("random", *(f"strategy_{number}" for number in range(20)))


def runs(strategies=STRATEGIES, cycles=CYCLES) -> pd.DataFrame:
    keys = [
        (each, part, seed, cycle)
        for each in strategies
        for part in PARTITIONS
        for seed in SEEDS
        for cycle in range(cycles)
    ]
    return table({key: accuracy(key) for key in keys})


def values(spec, *fields):
    """Return the rows of a chart's data set that has all these fields."""
    found = [rows for rows in spec["datasets"].values() if all(field in rows[0] for field in fields)]
    assert len(found) == 1
    return found[0]


def everything(data):
    style = look(data)
    return learning_curves(data, style), difference_panels(data, style)


def test_curves_show_the_means_and_intervals_of_the_comparison():
    data = runs()
    (figure,) = learning_curves(data, look(data))
    drawn = pd.DataFrame(values(figure.spec, "mean"))
    expected = curves(data)
    assert drawn["strategy"].tolist() == expected["strategy"].tolist()
    for name in ("mean", "low", "high"):
        assert drawn[name].tolist() == pytest.approx((100 * expected[name]).tolist(), abs=1e-4)
    assert drawn["n"].tolist() == [3] * len(drawn)


def test_every_single_run_stands_behind_the_means():
    (figure,) = learning_curves(runs(), look(runs()))
    single = pd.DataFrame(values(figure.spec, "run"))
    assert single["run"].nunique() == len(STRATEGIES) * len(PARTITIONS) * len(SEEDS)
    assert len(single) == len(runs())


def test_a_single_run_under_the_mouse_says_which_it_is():
    figures, panels = everything(runs())
    for figure in [*figures, *(panel for _, some in panels for panel in some)]:
        told = [layer["encoding"] for layer in figure.spec["layer"] if "run" in str(layer["encoding"].get("tooltip"))]
        line, points = (each["tooltip"] for each in told)
        assert line["field"] == "run"
        assert [each["field"] for each in points] == ["run", "labelled", "value"]


def test_panels_show_each_strategy_but_random_on_one_scale():
    data = runs()
    ((place, panels),) = difference_panels(data, look(data))
    assert place == "digits with mlp"
    assert [panel.caption for panel in panels] == list(STRATEGIES[1:])
    expected = differences(data)
    for panel in panels:
        means = expected.loc[expected["strategy"] == panel.caption, "mean"]
        assert [row["mean"] for row in values(panel.spec, "mean")] == pytest.approx((100 * means).tolist(), abs=1e-4)
    vertical = [layer["encoding"]["y"] for panel in panels for layer in panel.spec["layer"]]
    scales = {json.dumps(each["scale"]) for each in vertical if "scale" in each}
    assert len(scales) == 1
    low, high = json.loads(scales.pop())["domain"]
    assert low <= 100 * expected["low"].min() + 1e-4
    assert high >= 100 * expected["high"].max() - 1e-4


def test_the_zero_line_is_inside_the_frame_even_if_all_differences_lie_above_it():
    data = runs(("random", "margin"))
    data.loc[data["strategy"] == "margin", "value"] = data.loc[data["strategy"] == "random", "value"].to_numpy() + 0.2
    ((_, (panel,)),) = difference_panels(data, look(data))
    assert panel.spec["layer"][0]["encoding"]["y"]["scale"]["domain"][0] == 0
    assert values(panel.spec, "zero") == [{"zero": 0}]


def test_axes_say_what_they_show_and_in_what_unit():
    (figure,), ((_, panels),) = everything(runs())
    for spec, title in ((figure.spec, "test accuracy (%)"), (panels[0].spec, "difference (points)")):
        encodings = [layer["encoding"] for layer in spec["layer"]]
        assert {encoding["y"]["title"] for encoding in encodings} == {title}
        assert {encoding["x"]["title"] for encoding in encodings if "x" in encoding} == {"labelled examples"}


def test_charts_do_not_depend_on_what_was_drawn_before():
    once, twice = (json.dumps([figure.spec for figure in everything(runs())[0]]) for _ in range(2))
    assert once == twice


def test_a_colour_stays_with_its_strategy_when_others_are_left_out():
    style = look(runs(MANY[:6]))
    assert style.only(["strategy_3", "random"]).colours == (GREY, style.colour("strategy_3"))


@pytest.mark.parametrize("count", [2, 8, 9, 21])
def test_no_two_strategies_look_the_same(count):
    style = look(runs(MANY[:count], cycles=1))
    assert len(set(zip(style.colours, style.rounds, strict=True))) == count
    assert style.repeats == (count > 1 + len(PALETTE))
    (figure,) = learning_curves(runs(MANY[:count]), style)
    channels = {channel for layer in figure.spec["layer"] for channel in layer["encoding"]}
    assert ({"strokeDash", "shape"} <= channels) == style.repeats


def test_data_sets_and_models_have_charts_of_their_own():
    both = pd.concat([runs(), runs(STRATEGIES[:2]).assign(model="resnet8")], ignore_index=True)
    figures, panels = everything(both)
    assert [figure.caption for figure in figures] == ["digits with mlp", "digits with resnet8"]
    assert [len(each) for _, each in panels] == [3, 1]
    names = [figure.id for figure in (*figures, *panels[0][1], *panels[1][1])]
    assert len(set(names)) == len(names)
    assert {row["strategy"] for row in values(figures[1].spec, "mean")} == set(STRATEGIES[:2])


@pytest.mark.parametrize("cycles", [1, CYCLES])
@pytest.mark.parametrize("strategies", [("random", HOSTILE), MANY[:9]])
def test_vega_draws_every_kind_of_chart(strategies, cycles):
    curve, ((_, panels),) = everything(runs(strategies, cycles))
    for figure in (*curve, panels[0]):
        picture = vl_convert.vegalite_to_svg({**figure.spec, "width": 400})
        assert picture.count("<path") > 5
        assert "<b>" not in picture


def test_one_run_is_drawn_without_interval():
    data = table({(each, "a", 1, cycle): accuracy((each, "a", 1, cycle)) for each in STRATEGIES for cycle in range(2)})
    (figure,), _ = everything(data)
    assert {row["low"] for row in values(figure.spec, "mean")} == {None}
    assert "<path" in vl_convert.vegalite_to_svg({**figure.spec, "width": 400})
