from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import BeforeValidator, Field, ValidationError

from torchal.spec import ByName, Plugin, Spec, build, load_file, names, one_or_many, resolve
from torchal.spec_file import SpecError, read_yaml

HERE = __name__


class Thing(Plugin):
    room: ClassVar[str] = "torchal.strategies"


class Leaf(Thing):
    samples: int = Field(25, ge=2)
    path: Path | None = None
    locations: ClassVar[frozenset[str]] = frozenset({"path"})


class Holder(Thing):
    inner: Annotated[Thing, *ByName.of(Thing)]


class Sheet(Spec):
    thing: Annotated[tuple[Annotated[Thing, *ByName.of(Thing)], ...], BeforeValidator(one_or_many)]
    epochs: int = Field(3, ge=1)
    order: Literal["rising", "falling"] = "rising"


def leaf(**fields):
    return {"name": f"{HERE}:Leaf", **fields}


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Make this file importable by its dotted name, as a plug-in author's module is."""
    import sys

    monkeypatch.setitem(sys.modules, HERE, sys.modules.get(HERE) or __import__(HERE))


def fault(document) -> str:
    with pytest.raises(ValidationError) as caught:
        Sheet.model_validate(document)
    return str(SpecError.of("x.yaml", caught.value))


def test_an_unknown_field_is_refused_by_path_with_the_nearest_name():
    assert fault({"thing": leaf(), "epoch": 2}) == "x.yaml: unknown field 'epoch'; did you mean 'epochs'?"
    assert "thing[0]: unknown field 'sampels'; did you mean 'samples'?" in fault({"thing": leaf(sampels=2)})


def test_an_unknown_field_inside_a_held_plugin_is_refused_by_its_whole_path():
    nested = {"name": f"{HERE}:Holder", "inner": leaf(sampels=2)}
    assert "thing[1].inner: unknown field 'sampels'" in fault({"thing": [leaf(), nested]})


def test_an_out_of_range_value_is_refused_with_path_and_value():
    message = fault({"thing": [leaf(), leaf(samples=1)]})
    assert message == "x.yaml: thing[1].samples: input should be greater than or equal to 2 (given: 1)"


def test_a_misspelt_plugin_name_is_refused_with_the_nearest_known_one():
    assert "thing[0]: unknown name 'randon'; did you mean 'random'?" in fault({"thing": "randon"})


def test_a_misspelt_word_of_a_few_is_refused_with_the_nearest_and_another_with_all():
    assert fault({"thing": leaf(), "order": "Rising"}) == (
        "x.yaml: order: input should be 'rising' or 'falling' (given: 'Rising'); did you mean 'rising'?"
    )
    assert fault({"thing": leaf(), "order": "odd"}).endswith("'rising' or 'falling' (given: 'odd')")
    assert fault({"thing": leaf(), "order": 3}).endswith("(given: 3)")


def test_every_fault_of_a_file_is_told_at_once():
    assert len(fault({"thing": leaf(samples=1), "epochs": 0}).splitlines()) == 2


def test_a_document_reads_back_as_the_same_spec():
    sheet = Sheet.model_validate({"thing": {"name": f"{HERE}:Holder", "inner": leaf(samples=7)}})
    assert Sheet.model_validate(sheet.document()) == sheet


def test_parameters_of_a_held_plugin_enter_the_identity():
    held = [build(Thing, {"name": f"{HERE}:Holder", "inner": leaf(samples=n)}).identity() for n in (7, 8)]
    assert held[0] != held[1]
    assert held[0]["inner"]["samples"] == 7


def test_a_location_is_saved_but_is_no_part_of_the_identity():
    thing = build(Thing, leaf(path="a.npz"))
    assert "path" not in thing.identity()
    assert thing.document()["path"] == "a.npz"
    assert "path" not in thing.label


def test_the_source_of_a_plugin_from_outside_enters_the_identity_and_a_change_is_refused():
    identity = build(Thing, leaf()).identity()
    assert len(identity["source"]) == 64
    with pytest.raises(ValueError, match="changed since"):
        build(Thing, {**identity, "source": "0" * 64})


def test_a_label_names_only_what_differs_from_the_defaults():
    assert build(Thing, leaf()).label == f"{HERE}:Leaf"
    assert build(Thing, leaf(samples=7)).label == f"{HERE}:Leaf(samples=7)"


def test_the_files_of_a_room_are_its_names_and_underscore_files_are_not():
    assert "random" in names("torchal.strategies")
    assert not [name for name in names("torchal.models") if name.startswith("_")]


PLUGIN = """
from typing import ClassVar
from torchal.query import QueryContext, Strategy

class Mine(Strategy):
    weight: float = 1.0

    def select(self, ctx: QueryContext):
        return ctx.top(self.weight * ctx.probabilities[:, 0])
"""


def test_a_file_given_by_hand_is_known_by_its_name_and_its_source_enters_the_identity(tmp_path):
    from torchal.query import Strategy

    file = tmp_path / "mine_by_hand.py"
    file.write_text(PLUGIN)
    load_file(file)
    before = build(Strategy, {"name": "mine_by_hand", "weight": 2}).identity()
    assert before["name"] == "mine_by_hand"
    file.write_text(PLUGIN + "\n# another source\n")
    load_file(file)
    assert build(Strategy, {"name": "mine_by_hand", "weight": 2}).identity()["source"] != before["source"]


def test_a_plugin_works_by_dotted_name(tmp_path, monkeypatch):
    from torchal.query import Strategy

    (tmp_path / "outside_pkg").mkdir()
    (tmp_path / "outside_pkg" / "__init__.py").write_text("")
    (tmp_path / "outside_pkg" / "mine.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    assert resolve(Strategy, "outside_pkg.mine").plugin_name() == "outside_pkg.mine"
    with pytest.raises(ValueError, match="cannot be imported"):
        resolve(Strategy, "outside_pkg.absent")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "must hold 'field: value' lines"),
        ("a: 1\na: 2\n", "'a' is given twice"),
        ("a: [1\n", "not readable as YAML"),
        ("a: !!python/object/apply:os.system ['true']\n", "not readable as YAML"),
    ],
)
def test_a_file_that_is_no_safe_yaml_mapping_is_refused(tmp_path, text, message):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(SpecError, match=message):
        read_yaml(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: [1\nname: x\n", "line 2, column 5: expected .* from line 1"),
        ("a: 1\n\tb: 2\n", "line 2, column 1: .*; indent by spaces, not tabs"),
        ("a: *b\n", "line 1, column 4: found undefined alias 'b'"),
    ],
)
def test_a_fault_of_yaml_is_told_in_one_line_that_names_the_file_and_the_place(tmp_path, text, message):
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(SpecError, match=rf"x\.yaml: not readable as YAML: {message}") as refused:
        read_yaml(file)
    assert "\n" not in str(refused.value)


def test_a_folder_in_place_of_a_file_is_refused_and_the_spec_in_it_named(tmp_path):
    with pytest.raises(SpecError, match=r"is a folder; give the path of an experiment's YAML file\.$"):
        read_yaml(tmp_path)
    (tmp_path / "spec.yaml").touch()
    with pytest.raises(SpecError, match=r"such as .*spec\.yaml\.$"):
        read_yaml(tmp_path)


def test_a_missing_file_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(SpecError, match="there is no such file"):
        read_yaml(tmp_path / "none.yaml")


def test_overrides_reach_into_mappings_lists_and_bare_plugin_names(tmp_path):
    (tmp_path / "x.yaml").write_text("dataset: digits\nrecipe: {lr: 0.1}\nstrategy: [random, bald]\n")
    overrides = ("dataset.test=30%", "recipe.epochs=2", "strategy.1.samples=5", "setting.budget=3", "seed=[1, 2]")
    assert read_yaml(tmp_path / "x.yaml", overrides) == {
        "dataset": {"name": "digits", "test": "30%"},
        "recipe": {"lr": 0.1, "epochs": 2},
        "strategy": ["random", {"name": "bald", "samples": 5}],
        "setting": {"budget": 3},
        "seed": [1, 2],
    }


@pytest.mark.parametrize("override", ["recipe", "=1", "strategy.7.samples=1", "recipe.lr.low=1", "strategy.x=1"])
def test_an_override_that_leads_nowhere_is_refused(tmp_path, override):
    (tmp_path / "x.yaml").write_text("recipe: {lr: 0.1}\nstrategy: [random]\n")
    with pytest.raises(SpecError, match="--set"):
        read_yaml(tmp_path / "x.yaml", (override,))


def test_a_file_given_twice_is_one_plugin_and_two_files_of_one_name_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for folder in ("a", "b"):
        (tmp_path / folder / "twice_given.py").write_text(PLUGIN)
    first = load_file(tmp_path / "a" / "twice_given.py")
    assert load_file(tmp_path / "a" / "twice_given.py") is first
    with pytest.raises(ValueError, match="has the same name"):
        load_file(tmp_path / "b" / "twice_given.py")


def test_a_strategy_without_its_method_is_refused_before_anything_runs(tmp_path):
    from torchal.query import Strategy

    (tmp_path / "has_no_select.py").write_text(PLUGIN.replace("def select", "def choose"))
    load_file(tmp_path / "has_no_select.py")
    with pytest.raises(ValueError, match="'has_no_select' lacks the method select; define it in Mine"):
        build(Strategy, "has_no_select")


def test_a_mapping_can_take_over_another_and_change_a_field(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("tuning:\n  - &first {trials: 3, scope: every_run}\n  - {<<: *first, scope: fixed}\n")
    assert read_yaml(file)["tuning"][1] == {"trials": 3, "scope": "fixed"}
