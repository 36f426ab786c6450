"""The experiments under ``experiments/paper`` are those that were published, and each has a small twin that runs."""

import re
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import torch
from page_scripts import script
from report_runs import table

from torchal.data.size import count
from torchal.experiment import ExperimentSpec
from torchal.host import Host
from torchal.launch import planned, run_experiment
from torchal.plan import chains
from torchal.report.comparable import compare
from torchal.report.findings import findings
from torchal.report.measured import setup
from torchal.report.reference import Published, published
from torchal.report.tables import protocol
from torchal.report.verdict import verdict_sentence
from torchal.runspec import RunSpec
from torchal.store import Store

pytestmark = pytest.mark.unchecked

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "paper"
SMALL = FOLDER / "small"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
CLASSES = {"cifar10": 10, "cifar100": 100, "imagenet": 1000}
TABLES = {name: [each for each in published() if each.table == name] for name in {each.table for each in published()}}


def preset(name: str) -> ExperimentSpec:
    return script("paper_page").presets(FOLDER)[name]


@cache
def runs(name: str) -> tuple[RunSpec, ...]:
    """Return the runs of a preset with its first seed."""
    return preset(name).model_copy(update={"seed": preset(name).seed[:1]}).runs()


def twin(name: str) -> ExperimentSpec:
    return script("paper_page").presets(SMALL)[name]


def once(experiment: ExperimentSpec) -> ExperimentSpec:
    """Return an experiment with one replication of each of its conditions."""
    partitions = {str(each.sizes()): each for each in reversed(experiment.partition)}
    return experiment.model_copy(update={"partition": tuple(partitions.values()), "seed": experiment.seed[:1]})


# --- the files --------------------------------------------------------------------------------------------------------


def test_every_preset_has_a_twin_and_every_twin_a_preset():
    assert sorted(path.stem for path in SMALL.glob("*.yaml")) == NAMES
    assert len(NAMES) == 18


@pytest.mark.parametrize("name", NAMES)
def test_the_head_of_a_preset_says_what_its_fields_say(name):
    experiment, text = preset(name), (FOLDER / f"{name}.yaml").read_text()
    head = dict(re.findall(r"^# (\w+): +(.*)$", text, re.MULTILINE))
    assert experiment.name == name
    assert head.keys() == {"Protocol", "Trials", "Expected", "Cost"}
    assert head["Expected"] == (", ".join(experiment.about.tables) or "nothing is published")
    tuned = experiment.tuning[0].scope != "fixed"
    assert head["Trials"].startswith(f"{experiment.tuning[0].trials} in every cycle" if tuned else "none")
    assert head["Cost"].startswith(f"{len(experiment.points())} runs, ")


def test_what_an_experiment_is_for_is_part_of_no_run():
    experiment = preset("imbalance-cifar100")
    assert len(experiment.about.differs) == 4
    assert experiment.model_copy(update={"about": None}).runs()[:7] == runs("imbalance-cifar100")


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_can_be_planned(name, tmp_path):
    experiment = once(preset(name))
    assert len(script("paper_page").planned(experiment, tmp_path)) == len(experiment.runs())


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_varies_what_its_preset_varies(name):
    full, small = preset(name), twin(name)
    assert small.name == f"small-{name}"
    assert small.about.source == f"experiments/paper/{name}.yaml in miniature"
    for axis in ("setting", "recipe", "transfer", "oracle", "tuning"):
        assert len(getattr(small, axis)) == len(getattr(full, axis)), axis
    for some in ("init", "class_weights"):
        assert [getattr(each, some) for each in small.recipe] == [getattr(each, some) for each in full.recipe]
    assert [each.scope for each in small.tuning] == [each.scope for each in full.tuning]
    assert small.oracle == full.oracle
    assert [strong(each) for each in small.recipe] == [strong(each) for each in full.recipe]
    assert (small.transfer_recipe is None) == (full.transfer_recipe is None)
    assert len(once(small).partition) == len(once(full).partition)
    assert shapes(small) == shapes(full)
    assert {each.plugin_name() for each in small.strategy} <= {each.plugin_name() for each in full.strategy}


def strong(recipe) -> bool:
    return recipe.augment.randaugment is not None and recipe.swa is not None


def shapes(experiment: ExperimentSpec) -> set[str]:
    return {str(getattr(each, "imbalance", None)) for each in experiment.partition}


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_can_be_planned(name, tmp_path):
    experiment = once(twin(name))
    digits = experiment.dataset[0].plugin_name() == "digits"
    plan = chains(experiment, Store(tmp_path)) if digits else script("paper_page").planned(experiment, tmp_path)
    assert len(plan) == len(experiment.runs())


def test_a_plan_says_what_it_repeats_and_counts_its_operations(tmp_path):
    answer = planned(once(twin("transfer-cifar100")), Host(tmp_path))
    assert answer["about"]["source"] == "experiments/paper/transfer-cifar100.yaml in miniature"
    assert answer["flops"] == sum(row["flops"] for row in answer["stages"].values()) > 0


# --- what was published -----------------------------------------------------------------------------------------------

TOLD = {
    "imbalance-cifar100": ["Partitions: drawn-1 here, published-1 published."],
    "imagenet": ["Network: resnet50(stem=imagenet) here, resnet50 published."],  # whose stem the table does not say
}
"""Points in which presets differ from the protocols of their tables; all others differ in none."""


def labelled(run: RunSpec, training: int) -> list[int]:
    """Return how many labels a run has in each cycle."""
    classes = CLASSES[run.dataset.title]
    first = run.partition.rows(torch.arange(training) % classes, classes, None)
    return [len(first.labelled) + count(run.setting.budget, training) * cycle for cycle in range(run.setting.cycles)]


def alike(all_runs: tuple[RunSpec, ...], curve: Published) -> dict[str, list[RunSpec]]:
    """Return the runs that a curve may be held against, by the condition they are of."""
    found: dict[str, list[RunSpec]] = {}
    for run in all_runs:
        source = run.source.model.label if run.source else ""
        regularised = "strong" if strong(run.recipe) else "plain"
        of = (run.dataset.title, run.model.plugin_name(), source, regularised)
        one_set = len(curve.protocol.partitions) == 1 and run.partition.id.startswith("published")
        within = run.partition.id.partition("-val")[0] in curve.protocol.partitions or not one_set
        if of == (curve.dataset, curve.model, curve.protocol.source, curve.recipe) and within:
            found.setdefault(f"{run.setting} {run.partition.sizes()}", []).append(run)
    return found


def differing(name: str, some: list[RunSpec], curve: Published) -> list[str]:
    """Return the points in which some runs of a preset differ from a published curve, as a report would tell them."""
    axes = setup(preset(name).document(), [run.identity() for run in some])
    return list(compare(frame(some, labelled(some[0], curve.protocol.training), curve), axes, curve).differences)


def frame(some: list[RunSpec], counts: list[int], curve: Published) -> pd.DataFrame:
    """Return a table of runs as if they had been carried out."""
    parts = []
    for run in some:
        values = {(run.strategy.label, run.partition.id, run.seed, cycle): 0.5 for cycle in range(len(counts))}
        own = table(values, (curve.dataset, run.model.label))
        parts.append(own.assign(labelled=counts, run=run.id, source=curve.protocol.source))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_does_what_the_tables_that_it_names_were_measured_by(name):
    for each in preset(name).about.tables:
        measured_alike(name, each)


def measured_alike(name: str, of: str) -> None:
    assert of in TABLES, f"{of} is no table of reference.yaml"
    curves = TABLES[of]
    found = alike(runs(name), curves[0])
    assert found, "nothing has its data set, network, recipe and partition"
    differences = {condition: differing(name, some, curves[0]) for condition, some in found.items()}
    assert TOLD.get(name, []) in differences.values()
    (some,) = [found[condition] for condition, each in differences.items() if each == TOLD.get(name, [])]
    assert set(curves[0].labelled) <= set(labelled(some[0], curves[0].protocol.training))
    theirs, ours = {each.strategy for each in curves}, {run.strategy.plugin_name() for run in some}
    assert theirs <= ours or ours < theirs


def test_replications_are_as_many_as_were_published():
    """Where it is known: of single runs there is one, and of the others as many as partitions times seeds."""
    for name in NAMES:
        experiment = preset(name)
        for curve in (TABLES[each][0] for each in experiment.about.tables):
            if curve.runs is not None and not curve.table.startswith(("cifar10-set-", "cifar10-notebook")):
                replications = len(experiment.seed) * len(curve.protocol.partitions)
                assert replications == curve.runs, (name, curve.table)


def test_the_presets_name_every_table_of_the_papers_own_results():
    named = {each for name in NAMES for each in preset(name).about.tables}
    assert set(TABLES) - named == {each for each in TABLES if "-reported-" in each}


# --- the twins --------------------------------------------------------------------------------------------------------

QUICK = ("seed=1", "setting={cycles: 2, budget: 20}", "tuning.trials=1")


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("figure1-cifar10", ("recipe.epochs=1", "strategy=[random, qbc]")),
        ("transfer-strong-cifar10", ("recipe.epochs=1", "strategy=[random, dbal]", "transfer_recipe.epochs=1")),
    ],
)
def test_a_twin_runs_to_a_verdict(name, overrides, tmp_path):
    experiment = ExperimentSpec.read(SMALL / f"{name}.yaml", (*QUICK, *overrides))
    assert run_experiment(experiment, Host(tmp_path)) == []
    found = findings(tmp_path, experiment.name)
    assert "random" in verdict_sentence(found.summary)
    parts = [[part, text.partition("\n")[0]] for part, text in protocol(found.experiment.plan).rows]
    assert ["about", f"source: {experiment.about.source}"] in parts
