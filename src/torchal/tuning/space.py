"""Which recipes a search may propose: fields by path, what for each, and under which condition."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, ValidationError

from torchal.spec_file import SpecError
from torchal.training.recipe import Recipe
from torchal.tuning.domain import AnyDomain, Domain


def _ordered(space: dict[str, Any]) -> dict[str, Any]:
    """Sort fields by path, each after those it depends on.

    Samplers draw field by field, so the order in which people write the fields must not reach them.
    """
    ordered: dict[str, Any] = {}
    while len(ordered) < len(space):
        free = [path for path in sorted(space.keys() - ordered.keys()) if not _waits(path, space, ordered)]
        if not free:
            raise ValueError(f"the conditions of {', '.join(sorted(space.keys() - ordered.keys()))} go in a circle")
        ordered[free[0]] = space[free[0]]
    return ordered


def _waits(path: str, space: dict[str, Any], ordered: dict[str, Any]) -> bool:
    needs = {*space[path].when, *(other for other in space if path.startswith(f"{other}."))}
    return any(need in space and need not in ordered for need in needs)


Space = Annotated[dict[str, AnyDomain], AfterValidator(_ordered)]
"""Path of a recipe's field, such as ``lr`` or ``augment.crop``, to what may be proposed for it."""


Pick = Callable[[str, Domain], Any]
"""Chooses a value for a field, given its path and its domain."""


def propose(space: Space, recipe: Recipe, pick: Pick) -> dict[str, Any]:
    """Return a value for each field that the recipe, with the fields before it, gives a meaning.

    That is every field whose condition holds and that does not lie inside a part of the recipe which is off.
    """
    document, proposal = recipe.document(), dict[str, Any]()
    for path, domain in space.items():
        if _has(document, path) and domain.met({other: _at(document, other) for other in domain.when}):
            proposal[path] = pick(path, domain)
            _put(document, path, proposal[path])
    return proposal


def proposed(recipe: Recipe, proposal: Mapping[str, Any]) -> Recipe:
    """Return a recipe with some fields, given by path, replaced.

    Raises:
        pydantic.ValidationError: if the recipe cannot take a value or has no such field.
    """
    document = recipe.document()
    for path, value in proposal.items():
        _put(document, path, value)
    return Recipe.model_validate(document)


def _has(document: dict[str, Any], path: str) -> bool:
    return isinstance(_at(document, path.rpartition(".")[0]), dict)


def _at(document: dict[str, Any], path: str) -> Any:
    """Return what a recipe has at a path; None below a part that is off or written as its name."""
    place: Any = document
    for part in filter(None, path.split(".")):
        place = place.get(part) if isinstance(place, dict) else None
    return place


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    parent, _, last = path.rpartition(".")
    place = _at(document, parent)
    if not isinstance(place, dict):
        raise ValueError(f"{path}: the recipe has no {parent} to change; switch that on first")
    place[last] = deepcopy(value)


# --- what a recipe cannot take ----------------------------------------------------------------------------------------

_DRAWN = 200
"""Whole proposals tried: more than enough to meet every pair of values of the spaces that people write."""


def check(space: Space, recipe: Recipe) -> None:
    """Refuse a space that proposes what the recipe cannot take, tried field by field and in whole proposals.

    Raises:
        ValueError: naming the path and the value.
    """
    if "init" in space:
        raise ValueError("space.init: where a training begins belongs to the protocol; set recipe.init and remove it")
    for path, domain in space.items():
        for value in domain.examples():
            _accepted(recipe, propose({path: domain}, recipe, _always(value)))
    reached: set[str] = set()
    for draw in map(np.random.default_rng, range(_DRAWN)):
        proposal = propose(space, recipe, partial(_any, draw))
        _accepted(recipe, proposal)
        reached |= proposal.keys()
    for path in space.keys() - reached:
        raise ValueError(_never(path, space))


def _always(value: Any) -> Pick:
    return lambda *_: value


def _any(draw: np.random.Generator, _: str, domain: Domain) -> Any:
    examples = domain.examples()
    return examples[int(draw.integers(len(examples)))]


def _accepted(recipe: Recipe, proposal: dict[str, Any]) -> None:
    try:
        proposed(recipe, proposal)
    except ValidationError as error:
        said = " with ".join(f"space.{path} may propose {value!r}" for path, value in proposal.items())
        raise ValueError(f"{said}, which is refused: {SpecError.of('recipe', error)}") from error


def _never(path: str, space: Space) -> str:
    if space[path].when:
        return f"space.{path}: its condition, when {space[path].when}, never holds; correct it or remove the field"
    part = path.rpartition(".")[0]
    return f"space.{path} would never be proposed, since the recipe has no {part}: switch it on, as recipe strong does"
