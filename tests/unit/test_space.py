"""Search spaces: what they propose, and what they are refused for."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from torchal.models.embeddings import Embeddings
from torchal.models.mlp import Mlp
from torchal.models.pretrained import Pretrained
from torchal.training.recipe import Recipe
from torchal.tuning.domain import Choice, Range
from torchal.tuning.space import Space, check, propose, proposed
from torchal.tuning.spaces import FINETUNED, HEAD, PAPER, SPACES, STRONG
from torchal.tuning.tuning import Tuning

RECIPE = Recipe(epochs=4, batch=8, lr=0.01, optimizer="adam")


def read(space):
    return TypeAdapter(Space).validate_python(space)


def picking(**values):
    return lambda path, _: values[path]


def test_the_papers_space_is_the_papers():
    assert PAPER["lr"] == Range(low=1e-5, high=1e-2, log=True)
    assert PAPER["weight_decay"] == Range(low=1e-8, high=1e-3, log=True)
    assert PAPER["batch"] == Choice(choices=tuple(2**n for n in range(3, 10)))
    assert PAPER["optimizer"] == Choice(choices=("sgd", "adam"))
    assert STRONG["augment.randaugment.operations"] == Range(low=1, high=15, integer=True)
    assert STRONG["augment.randaugment.magnitude"] == Range(low=1, high=9, integer=True)
    assert {path: STRONG[path] for path in PAPER} == PAPER


@pytest.mark.parametrize("name", SPACES)
def test_a_named_space_fits_the_recipe_it_is_made_for(name):
    check(SPACES[name], Recipe.model_validate("strong" if name == "strong" else "plain"))


def test_each_family_of_networks_has_its_usual_space():
    frozen, tuned = Pretrained.model_construct(frozen=True), Pretrained.model_construct(frozen=False)
    for model, recipe, space in (
        (Mlp(), "plain", PAPER),
        (Mlp(), "strong", STRONG),
        (Embeddings.model_construct(), "plain", HEAD),
        (frozen, "plain", HEAD),
        (tuned, "plain", FINETUNED),
    ):
        assert Tuning().of(model, Recipe.model_validate(recipe)).space == space


def test_a_proposal_reaches_fields_inside_fields():
    recipe = proposed(RECIPE, {"augment.flip": True, "lr": 0.5})
    assert (recipe.augment.flip, recipe.lr, recipe.batch) == (True, 0.5, 8)
    with pytest.raises(ValidationError, match="unknown field 'lrr'"):
        proposed(RECIPE, {"lrr": 1})


@pytest.mark.parametrize("domain", [{"low": 2, "high": 1}, {"low": 0, "high": 1, "log": True}, []])
def test_a_domain_without_values_is_refused(domain):
    with pytest.raises(ValidationError):
        Tuning.model_validate({"space": {"lr": domain}})


# --- conditions and parts ---------------------------------------------------------------------------------------------


def test_a_field_under_a_condition_is_proposed_only_where_it_holds():
    space = read({"momentum": {"low": 0.5, "high": 0.9, "when": {"optimizer": "sgd"}}, "optimizer": ["sgd", "adam"]})
    assert list(space) == ["optimizer", "momentum"]  # what the condition asks is decided first
    assert propose(space, RECIPE, picking(optimizer="sgd", momentum=0.7)) == {"optimizer": "sgd", "momentum": 0.7}
    assert propose(space, RECIPE, picking(optimizer="adam")) == {"optimizer": "adam"}


def test_a_condition_may_ask_a_field_that_is_not_searched():
    space = read({"momentum": {"low": 0.5, "high": 0.9, "when": {"optimizer": ["sgd", "adamw"]}}})
    assert propose(space, RECIPE.model_copy(update={"optimizer": "sgd"}), picking(momentum=0.6)) == {"momentum": 0.6}
    assert propose(space, RECIPE, picking()) == {}


def test_null_and_whole_parts_can_be_proposed_and_what_lies_in_a_part_that_is_off_is_not():
    parts = [None, {"operations": 2, "magnitude": 5}]
    space = read(
        {
            "augment.randaugment": parts,
            "augment.randaugment.magnitude": {"low": 1, "high": 9, "integer": True},
            "clip": [None, 1.0],
        }
    )
    off = propose(space, RECIPE, picking(**{"augment.randaugment": None, "clip": None}))
    assert off == {"augment.randaugment": None, "clip": None}
    on = propose(
        space, RECIPE, picking(**{"augment.randaugment": parts[1], "augment.randaugment.magnitude": 8, "clip": 1.0})
    )
    recipe = proposed(RECIPE, on)
    assert (recipe.augment.randaugment.operations, recipe.augment.randaugment.magnitude, recipe.clip) == (2, 8, 1.0)
    assert parts[1] == {"operations": 2, "magnitude": 5}  # the space keeps its own
    check(space, RECIPE)


def test_conditions_that_go_in_a_circle_are_refused():
    space = {
        "momentum": {"choices": [0.1], "when": {"batch": 8}},
        "batch": {"choices": [8], "when": {"momentum": 0.1}},
    }
    with pytest.raises(ValidationError, match="batch, momentum go in a circle"):
        read(space)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"lrr": [1]}, "space.lrr may propose 1.*unknown field 'lrr'"),
        ({"lr": [0.1, -1]}, r"space\.lr may propose -1.*greater than 0"),
        ({"batch": {"low": 1, "high": 8}}, r"space\.batch may propose 3\.667.*valid integer"),
        ({"init": ["previous"]}, "belongs to the protocol"),
        ({"augment.randaugment.magnitude": [5]}, "would never be proposed.*augment.randaugment: switch it on"),
        ({"momentum": {"choices": [0.5], "when": {"optimizer": "rmsprop"}}}, "its condition.*never holds"),
        (
            {"optimizer": ["sgd", "adamw"], "nesterov": [True, False]},
            "space.nesterov may propose True.*nesterov needs optimizer sgd",
        ),
    ],
)
def test_a_space_that_proposes_what_the_recipe_cannot_take_is_refused_by_path_and_value(space, message):
    with pytest.raises(ValueError, match=message):
        check(read(space), RECIPE)


def test_values_that_fail_only_together_are_found_before_anything_runs():
    """Each of the two alone suits the recipe; together they do not."""
    space = read({"optimizer": ["sgd", "adamw"], "momentum": [0.0, 0.9]})
    check(space, RECIPE.model_copy(update={"optimizer": "sgd"}))
    with pytest.raises(ValueError, match="nesterov needs optimizer sgd and momentum above 0"):
        check(space, RECIPE.model_copy(update={"optimizer": "sgd", "nesterov": True}))


def test_a_field_that_fits_only_under_its_condition_is_accepted_with_it():
    nesterov = {"choices": [True, False], "when": {"optimizer": "sgd"}}
    check(read({"optimizer": ["sgd", "adam"], "nesterov": nesterov}), RECIPE)


def test_the_points_of_a_grid_are_evenly_spaced_and_inside():
    assert Range(low=1e-3, high=1e-1, log=True, points=3).grid() == pytest.approx((1e-3, 1e-2, 1e-1))
    assert Range(low=0, high=1, points=5).grid() == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert Range(low=1, high=4, integer=True, points=4).grid() == (1, 2, 3, 4)
    assert Range(low=1, high=2, integer=True, points=9).grid() == (1, 2)
    for low, high in np.random.default_rng(0).uniform(1e-6, 1, (50, 2)):
        values = Range(low=min(low, high), high=max(low, high), log=True, points=7).grid()
        assert min(low, high) <= min(values) <= max(values) <= max(low, high)
