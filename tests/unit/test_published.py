from functools import cache

import pandas as pd
import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined
from report_runs import table

from torchal.experiment import ExperimentSpec
from torchal.report import published
from torchal.report.comparable import compare
from torchal.report.figures import GREY, look
from torchal.report.measured import setup
from torchal.report.reference import published as curves

pytestmark = pytest.mark.unchecked

AS_PUBLISHED = {
    "name": "again",
    "dataset": "cifar10",
    "model": "vgg16",
    "strategy": ["random", "coreset", "margin"],
    "partition": {"published": [1, 2, 3, 4, 5]},
    "seed": [1],
    "setting": {"cycles": 4, "budget": 5000},
    "recipe": "plain",
    "tuning": {"pruner": "halving", "retrain": False},
}
"""What torchal is to be asked for to do what TorchAL did."""

PIXELS = "whether the images are the original ones (a local copy may hold them re-encoded, as JPEG for instance)"


def measured(spec: ExperimentSpec, first: int = 5000, step: int = 5000, accuracy=lambda cycle: 0.6 + 0.05 * cycle):
    """Return the table of an experiment that never ran, and the specs of its runs."""
    parts = []
    for run in spec.runs():
        values = {(run.strategy.label, run.partition.id, run.seed, cycle): accuracy(cycle) for cycle in range(4)}
        own = table(values, (run.dataset.label, run.model.label))
        source = run.source.model.label if run.source else ""
        parts.append(own.assign(labelled=[first + step * cycle for cycle in range(4)], run=run.id, source=source))
    return pd.concat(parts, ignore_index=True), {run.id: run.identity() for run in spec.runs()}


def told(first: int = 5000, step: int = 5000, **changes):
    spec = ExperimentSpec.model_validate(AS_PUBLISHED | changes)
    rows, specs = measured(spec, first, step)
    return published.told(rows, spec.document(), specs, look(rows))


@cache
def example():
    (only,) = told()
    return only


def test_what_was_done_as_published_differs_in_nothing():
    assert example().differences == []
    assert example().unknown == PIXELS
    assert example().sentence == "The published curves were measured under the same protocol, as far as it is known."


def test_the_chart_holds_measured_and_published_curves_in_the_same_colours():
    layers = example().figure.spec["layer"]
    data = example().figure.spec["datasets"]
    ours, theirs = (data[layers[number]["data"]["name"]] for number in (0, 2))
    assert {(each["strategy"], each["curve"]) for each in ours} == {("random", "measured"), ("coreset", "measured")}
    assert [each["value"] for each in ours if each["strategy"] == "coreset"] == [60, 65, 70, 75]
    assert [each["value"] for each in theirs if each["strategy"] == "coreset"] == [68.58, 77.2, 81.9, 83.2]
    assert {each["curve"] for each in theirs} == {"published, vgg16"}
    assert layers[0]["encoding"]["color"] == layers[2]["encoding"]["color"]
    assert layers[0]["encoding"]["color"]["scale"]["range"][0] == GREY
    assert ("strokeDash" in layers[0]["mark"], "strokeDash" in layers[2]["mark"]) == (False, True)
    assert (layers[1]["mark"]["filled"], layers[3]["mark"]["filled"]) == (True, False)


def test_differences_at_shared_budgets():
    rows = example().rows.set_index(["strategy", "labelled"])
    assert set(rows.index.get_level_values("strategy")) == {"random", "coreset"}
    assert rows.loc[("random", 10000), "difference"] == pytest.approx(0.65 - 0.7735)
    assert not rows["between"].any()
    assert example().table.rows[1] == ["random", "10,000", "65.0, n = 5", "77.3 ± 1.1", "-12.3"]


def test_between_published_points_a_curve_is_straight_and_beyond_them_there_is_none():
    """At 7,500 random has the mean of 68.58 and 77.35; 2,500 and 22,500 lie outside."""
    (only,) = told(first=2500, step=5000)
    assert only.rows.query("strategy == 'random'")["labelled"].tolist() == [7500, 12500, 17500]
    first = only.rows.iloc[0]
    assert (first["published"], first["between"]) == (pytest.approx((0.6858 + 0.7735) / 2), True)
    assert pd.isna(first["deviation"])
    assert only.table.rows[0][3] == "≈ 73.0"
    (only,) = told(first=100, step=100)
    assert (len(only.rows), only.table.rows) == (0, [])


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({"recipe": {"preset": "plain", "epochs": 6}}, ["Epochs of a training: 6 here, 150 published."]),
        (
            {"recipe": {"preset": "plain", "schedule": "cosine", "mix": "mixup"}},
            [
                "Schedule of the learning rate: cosine here, constant published.",
                "Blends of two examples: here, not published.",
            ],
        ),
        (
            {"recipe": {"preset": "plain", "augment": {"crop": 4, "flip": True, "standard": False}}},
            ["Changes to images: crop 4 and flip here, flip published."],
        ),
        ({"tuning": AS_PUBLISHED["tuning"] | {"trials": 3}}, ["Trials of a search: 3 here, 50 published."]),
        ({"tuning": {"scope": "fixed"}}, ["Who searches for recipes: nobody here, the first seed published."]),
        (
            {"tuning": AS_PUBLISHED["tuning"] | {"space": {"lr": {"low": 1e-3, "high": 1e-2, "log": True}}}},
            [
                "Search of batch: none here, 8, 16, 32, 64, 128, 256, 512 published.",
                "Search of lr: 0.001, 0.01 here, 1e-05, 0.01 published.",
                "Search of optimizer: none here, sgd, adam published.",
                "Search of weight_decay: none here, 1e-08, 0.001 published.",
            ],
        ),
        (
            {"tuning": {}},
            [
                "What stops trials early: median here, halving published.",
                "Training anew by the chosen recipe: yes here, no published.",
            ],
        ),
        (
            {"partition": {"drawn": [1, 2], "labelled": "5%", "validation": "2%"}},
            [
                "Validation rows: 1,000 here, 5,000 published.",
                f"Partitions: drawn-1, drawn-2 here, {', '.join(f'published-{k}' for k in range(1, 6))} published.",
            ],
        ),
        (
            {
                "partition": {
                    "drawn": 1,
                    "labelled": "10%",
                    "validation": {"scale": 0.2},
                    "imbalance": {"long_tail": 10},
                }
            },
            [
                "Validation rows: 0.2 for each label here, 5,000 published.",
                "Imbalance of the first labels: long_tail 10.0 here, none published.",
            ],
        ),
        ({"model": {"name": "vgg16", "width": 8}}, ["Network: vgg16(width=8) here, vgg16 published."]),
        ({"dataset": {"name": "cifar10", "grey": True}}, ["Data set: cifar10(grey=True) here, cifar10 published."]),
        ({"strategy": ["random", {"name": "bald", "samples": 9}]}, ["Strategy: bald(samples=9) here, bald published."]),
        ({"pool": {"copies": {"share": "10%"}}}, ["Copies in the pool: here, not published."]),
    ],
)
def test_what_is_not_comparable_is_said(changes, sentences):
    (only,) = told(**changes)
    assert set(sentences) <= set(only.differences)
    assert f"differ in {len(only.differences)} point{'s' * (len(only.differences) != 1)}." in only.sentence


def test_of_a_strategy_with_and_without_options_the_plain_one_meets_the_published():
    (only,) = told(strategy=["random", {"name": "bald", "samples": 9}, "bald"])
    assert set(only.rows["strategy"]) == {"random", "bald"}
    (only,) = told(strategy=["random", {"name": "bald", "samples": 9}, {"name": "bald", "samples": 7}])
    assert set(only.rows["strategy"]) == {"random", "bald(samples=9)"}


def test_fewer_labels_and_smaller_queries_are_said():
    (only,) = told(first=2500, step=1000)
    assert only.differences == [
        "Labels before the first query: 2,500 here, 5,000 published.",
        "Labels bought by a query: 1,000 here, 5,000 published.",
    ]


@pytest.mark.parametrize(
    ("changes", "chosen"),
    [
        ({"recipe": "strong", "partition": {"published": 1}}, "cifar10-set-strong"),
        ({"recipe": "strong", "model": "resnet18"}, "cifar10-random-strong-resnet18"),
        ({"partition": {"published": 1}}, "cifar10-set-plain"),
        ({"oracle": {"noise": {"symmetric": "10%", "as_torchal": True}}}, "cifar10-noise-plain"),
        ({"dataset": "cifar100", "partition": {"published": 1, "validation": 2500}}, "cifar100-validation-5"),
        ({"strategy": ["random", "margin"]}, "cifar10-five-sets"),
        ({"strategy": ["random", "margin"], "partition": {"published": 3}}, "cifar10-five-sets"),
    ],
)
def test_the_nearest_published_table_is_shown(changes, chosen):
    (only,) = told(**changes)
    assert set(only.rows["table"]) == {chosen}


def test_smaller_budgets_meet_the_table_of_smaller_budgets():
    (only,) = told(step=2500, partition={"published": 1}, setting={"cycles": 4, "budget": 2500})
    assert set(only.rows["table"]) == {"cifar10-budget-5"}


def test_rows_chosen_by_another_network_meet_the_table_of_transfer():
    own, moved = told(transfer=["wrn28_2"], partition={"published": 1})
    assert moved.place == "cifar10 with wrn28_2 on the rows of vgg16"
    assert set(moved.rows["table"]) == {"cifar10-transfer-wrn28_2"}
    assert moved.differences == []
    assert own.figure.id != moved.figure.id


def test_where_only_other_networks_are_published_random_is_shown_and_the_difference_said():
    (only,) = told(model="resnet8", recipe={"preset": "plain", "epochs": 6})
    assert only.sentence == (
        "Nothing is published for resnet8. Shown is random with vgg16, resnet18, densenet121, wrn28_2. Accuracies of "
        "different networks cannot be compared: these curves say only what others had at as many labels. Besides, "
        "protocols differ:"
    )
    assert only.differences[0] == "Epochs of a training: 6 here, 150 published. (vgg16, resnet18, wrn28_2)"
    assert only.unknown == f"{PIXELS}; the protocol, of which nothing is published (densenet121)"
    assert set(only.rows["strategy"]) == {"random"}
    assert only.table.rows[0][0] == "random, published with vgg16"
    names = only.figure.spec["layer"][-1]
    assert names["mark"]["type"] == "text"
    ends = only.figure.spec["datasets"][names["data"]["name"]]
    assert [each["network"] for each in ends] == ["vgg16", "resnet18", "densenet121", "wrn28_2"]


def test_without_anything_published_there_is_nothing_to_tell():
    rows = table({("random", "drawn-1", 1, cycle): 0.5 for cycle in range(3)})
    assert published.told(rows, {}, {}, look(rows)) == []
    strangers = rows.assign(dataset="cifar10", model="vgg16", strategy="margin")
    assert published.told(strangers, {}, {}, look(strangers)) == []


def test_specs_of_runs_go_before_that_of_the_experiment_which_serves_where_they_are_silent():
    spec = ExperimentSpec.model_validate(AS_PUBLISHED | {"recipe": ["plain", {"preset": "plain", "epochs": 6}]})
    rows, specs = measured(spec)
    short = [run for run, each in specs.items() if each["recipe"]["epochs"] == 6]
    six = rows[rows["run"].isin(short)]
    (only,) = published.told(six, spec.document(), specs, look(six))
    assert only.differences == ["Epochs of a training: 6 here, 150 published."]
    (only,) = published.told(six, spec.document(), {}, look(six))
    assert "Epochs of a training: 150 or 6 here, 150 published." in only.differences


def test_what_no_record_says_is_not_compared_and_not_called_equal():
    rows, _ = measured(ExperimentSpec.model_validate(AS_PUBLISHED))
    curve = next(each for each in curves() if each.table == "cifar10-five-sets")
    found = compare(rows[rows["strategy"] == "random"], setup({"recipe": 3, "tuning": [{}]}, []), curve)
    assert found.differences == ()
    assert "epochs of a training" in found.unknown
    assert "validation rows" in found.unknown
    assert "partitions" not in found.unknown


def test_imagenet_is_met_under_its_title_and_its_published_partition_is_the_same():
    rows = table(
        {("random", "published-1", 1, cycle): 0.6 for cycle in range(4)}, ("folder(title=imagenet)", "resnet50")
    )
    rows["labelled"] = [128116 + 64058 * cycle for cycle in range(4)]
    (only,) = published.told(rows, {"partition": {"published": 1, "validation": 5000}}, {}, look(rows))
    assert only.rows["published"].tolist() == [0.5789, 0.6155, 0.645, 0.665]
    assert only.differences == ["Data set: folder(title=imagenet) here, imagenet published."]


def page(found) -> str:
    environment = Environment(
        loader=PackageLoader("torchal.report", "templates"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("published.html.jinja").render(several=True, published=found)


def test_hostile_names_stay_text():
    evil = "<script>alert(1)</script>"
    rows = table({(name, evil, 1, cycle): 0.5 for name in ("random", f"bald({evil}") for cycle in range(4)})
    rows = rows.assign(
        dataset=f"cifar10({evil})", model=f'vgg16("{evil}', source=evil, labelled=[5000, 6000, 7000, 8000] * 2
    )
    (only,) = published.told(rows, {"recipe": {"epochs": evil, "schedule": {"name": [evil]}}}, {}, look(rows))
    assert len(only.rows) == 8
    text = page([only])
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_the_section_holds_sentence_chart_table_and_sources_and_the_same_bytes_again():
    (only,) = told(recipe={"preset": "plain", "epochs": 6})
    text = page([only])
    assert '<section aria-labelledby="published-title">' in text
    assert "<li>Epochs of a training: 6 here, 150 published.</li>" in text
    assert f'<div class="chart" id="{only.figure.id}"></div>' in text
    assert "read off a plot, ± 0.2 points" in text
    assert "77.3 ± 1.1" in text
    (again,) = told(recipe={"preset": "plain", "epochs": 6})
    assert (page([again]), again.figure.spec) == (text, only.figure.spec)
    (outside,) = told(first=100, step=100)
    assert "No budget measured here lies between" in page([outside])


def test_rows_of_all_places_make_one_table():
    found = told(model=["vgg16", "resnet18"])
    together = published.table(found)
    assert list(together.columns) == published.COLUMNS
    assert set(together["network"]) == {"vgg16", "resnet18"}
