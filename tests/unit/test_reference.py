import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from torchal.data.partition import Partition
from torchal.data.published import CIFAR, IMAGENET
from torchal.data.published import published as published_partition
from torchal.report.reference import bare, matching, on, options, published, read
from torchal.spec import names
from torchal.spec_file import SpecError

ROOT = Path(__file__).parents[2]


def curve(table: str, strategy: str = "random"):
    (only,) = [each for each in published() if (each.table, each.strategy) == (table, strategy)]
    return only


@pytest.mark.parametrize(
    ("table", "strategy", "accuracy"),
    [
        ("cifar10-five-sets", "qbc", (0.6858, 0.784, 0.822, 0.851)),
        ("cifar100-five-sets", "uncertainty", (0.3348, 0.4255, 0.525, 0.5615)),
        ("cifar10-random", "random", (0.6916, 0.7734, 0.8091, 0.8205)),
        ("cifar10-random-strong-resnet18", "random", (0.8469, 0.8845, 0.8998, 0.9229)),
        ("cifar100-start-4", "random", (0.3044,)),
        ("cifar10-reported-vaal", "random", (0.6135, 0.6817, 0.7226, 0.7599)),
        ("cifar100-validation-2", "vaal", (0.4257, 0.4994, 0.5428)),
        ("cifar100-validation-10", "dbal", (0.3473, 0.4553, 0.5104, 0.5806)),
        ("cifar100-set-strong", "coreset", (0.3944, 0.5385, 0.591, 0.5955)),
        ("imagenet-strong", "vaal", (0.601, 0.649, 0.6745, 0.694)),
        ("cifar10-noise-strong", "bald", (0.8216, 0.8215, 0.8824, 0.8945)),
        ("cifar100-transfer-wrn28_2", "qbc", (0.4902, 0.5351, 0.5705)),
        ("cifar100-imbalance", "vaal", (0.3303, 0.372, 0.4665, 0.548)),
        ("cifar10-budget-5", "uncertainty", (0.769, 0.7815, 0.8075, 0.8145, 0.846, 0.8315)),
        ("cifar10-notebook-strong", "random", (0.8216,)),
    ],
)
def test_figures_of_the_paper(table, strategy, accuracy):
    assert curve(table, strategy).accuracy == accuracy


def test_a_curve_says_how_well_it_is_known():
    plot, table = curve("cifar100-five-sets", "bald"), curve("cifar100-validation-5", "dbal")
    assert (plot.kind, plot.error, plot.runs) == ("plot", 0.002, 25)
    assert (table.kind, table.error, table.runs, table.protocol.validation) == ("table", None, 5, 2500)
    assert plot.deviation == (None, 0.03, 0.019, 0.0105)
    assert table.deviation == (0.01, 0.006, 0.0073)
    assert curve("cifar10-noise-plain").deviation == (None,) * 4
    assert curve("cifar10-noise-plain").protocol.noise == 0.1
    assert curve("cifar10-budget-5").protocol.budget == 2500
    assert curve("cifar10-transfer-resnet18").protocol.source == "vgg16"


def test_the_first_accuracy_over_five_sets_is_the_mean_of_theirs():
    for data in ("cifar10", "cifar100"):
        firsts = [curve(f"{data}-start-{number}").accuracy[0] for number in range(1, 6)]
        assert curve(f"{data}-five-sets").accuracy[0] == pytest.approx(sum(firsts) / 5, abs=5e-5)


def test_the_lead_that_a_plot_prints_agrees_with_what_was_read_off_it():
    for table in ("imagenet-plain", "imagenet-strong"):
        printed = [float(each) for each in re.findall(r"\d\.\d\d", curve(table).note)]
        rows = [curve(table, name).accuracy[1:] for name in ("random", "coreset", "vaal")]
        leads = [100 * (max(others) - base) for base, *others in zip(*rows, strict=True)]
        assert len(printed) == 3
        assert leads == pytest.approx(printed, abs=0.2)


def test_every_curve_is_in_range_rises_in_labels_and_is_of_names_that_exist():
    known = {kind: set(names(f"torchal.{kind}")) for kind in ("strategies", "models", "data.sources")}
    for each in published():
        assert len(each.labelled) == len(each.accuracy) == len(each.deviation)
        assert all(before < after for before, after in pairwise(each.labelled))
        assert all(0.3 < share < 0.95 for share in each.accuracy)
        assert each.labelled[-1] < each.protocol.training
        assert each.strategy in known["strategies"]
        assert each.model in known["models"] | {"densenet121"}
        assert each.dataset in known["data.sources"] | {"imagenet"}
        assert each.source.strip() == each.source != ""


def test_labelled_counts_are_those_of_the_published_partitions():
    for n, table in ((CIFAR, "cifar10-five-sets"), (IMAGENET, "imagenet-plain")):
        partition: Partition = published_partition(1, 5000, n)
        found = curve(table)
        assert found.labelled[0] == found.protocol.labelled == len(partition.labelled)
        assert found.protocol.validation == len(partition.validation)
        assert {after - before for before, after in pairwise(found.labelled)} == {found.protocol.budget}


@pytest.mark.parametrize(
    ("dataset", "model", "tables"),
    [
        ("cifar10(size=16)", "wrn28_2(dropout=0.0)", {"cifar10-transfer-wrn28_2"}),
        ("folder(title=imagenet, size=64)", "resnet50(stem=imagenet)", {"imagenet-plain", "imagenet-strong"}),
        ("folder(title=imagenet-100)", "resnet50", set()),
        ("cifar10", "vgg19", set()),
        ("digits", "vgg16", set()),
    ],
)
def test_labels_match_by_their_names(dataset, model, tables):
    assert {each.table for each in matching(dataset, model)} == tables


def test_labels_are_taken_apart():
    assert (bare("bald(samples=10)"), options("bald(samples=10)")) == ("bald", "samples=10")
    assert (bare("bald"), options("bald")) == ("bald", "")
    assert on("svhn") == ()


VALID = {
    "protocols": {},
    "tables": {
        "one": {
            "source": "a paper",
            "kind": "plot",
            "error": 0.2,
            "dataset": "cifar10",
            "model": "vgg16",
            "recipe": "plain",
            "protocol": {"training": 100},
            "labelled": [10, 20, 30],
            "first": 50.0,
            "accuracy": {"random": [60, 70]},
            "deviation": {"random": [None, 1.5]},
        }
    },
}


def written(folder, **changes):
    file = folder / "reference.yaml"
    file.write_text(yaml.safe_dump(VALID | {"tables": {"one": VALID["tables"]["one"] | changes}}))
    return file


def test_a_table_of_per_cent_becomes_curves_of_shares(tmp_path):
    (only,) = read(written(tmp_path))
    assert (only.labelled, only.accuracy, only.deviation) == ((10, 20, 30), (0.5, 0.6, 0.7), (None, None, 0.015))
    (only,) = read(written(tmp_path, first=None, labelled=[20, 30]))
    assert (only.labelled, only.accuracy, only.deviation) == ((20, 30), (0.6, 0.7), (None, 0.015))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labelled": [10, 30, 20]}, r"tables\.one: labelled: counts must rise"),
        ({"labelled": [10, 20]}, r"tables\.one: accuracy\.random: has 2 numbers for 1 counts"),
        ({"accuracy": {"random": [60, 170]}}, r"tables\.one\.accuracy\.random\[1\]: .*less than or equal to 100"),
        ({"accuracy": {}}, r"tables\.one\.accuracy: "),
        ({"deviation": {"bald": [1, 2]}}, r"tables\.one: deviation\.bald: there is no accuracy"),
        ({"deviation": {"random": [1, -2]}}, r"tables\.one\.deviation\.random\[1\]: "),
        ({"kind": "table"}, r"tables\.one: error: belongs to what was read off a plot"),
        ({"error": None}, r"tables\.one: error: "),
        ({"kind": "guess"}, r"tables\.one\.kind: .*'table' or 'plot'"),
        ({"recipe": "weak"}, r"tables\.one\.recipe: "),
        ({"protocol": {"training": 100, "epoch": 5}}, r"tables\.one\.protocol\.epoch: extra inputs are not permitted"),
        ({"runs": 0}, r"tables\.one\.runs: "),
        ({"datset": "x"}, r"tables\.one\.datset: "),
    ],
)
def test_a_broken_file_is_refused_by_field(tmp_path, changes, message):
    with pytest.raises(SpecError, match=message):
        read(written(tmp_path, **changes))


def test_a_strategy_given_twice_is_refused(tmp_path):
    file = written(tmp_path)
    file.write_text(file.read_text().replace("      random:\n", "      random: [1, 2]\n      random:\n", 1))
    with pytest.raises(SpecError, match="'random' is given twice"):
        read(file)


def test_the_documents_show_the_very_file():
    shown = ROOT / "docs" / "results" / "reference.yaml"
    assert shown.is_symlink()
    assert not shown.readlink().is_absolute()
    assert shown.resolve() == (ROOT / "src" / "torchal" / "report" / "reference.yaml").resolve()


def test_no_torch_is_loaded_for_it():
    code = "import sys; from torchal.report.reference import published; published(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
