"""How the recipe is found: the spec of a search.

Source of the defaults: Munjal et al. 2022, "Towards Robust and Reproducible Active Learning Using Neural Networks".
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from torchal.models import Model
from torchal.spec import Spec, nearest
from torchal.training.recipe import Recipe
from torchal.tuning.pruner import AnyPruner, Median
from torchal.tuning.sampler import AnySampler, Random
from torchal.tuning.space import Space, check
from torchal.tuning.spaces import SPACES, usual

Scope = Literal["every_run", "first_seed", "shared", "first_cycle", "fixed"]


def _named_space(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in SPACES:
        raise ValueError(f"unknown space '{value}'{nearest(value, SPACES)}")
    return SPACES[value]


class Tuning(Spec):
    """How the recipe is found."""

    scope: Scope = "first_seed"
    """Who searches: every run in every cycle; the first seed, whose recipes the others reuse (as in the paper); the
    first seed of ``random``, whose recipes all strategies share; each run in its first cycle only; or nobody, so that
    the recipe stays as written."""

    trials: int = Field(50, ge=1)
    """Recipes tried in one search; a grid may have fewer."""

    sampler: AnySampler = Random()
    """How recipes are proposed: ``random``, ``tpe``, ``cmaes`` or ``grid``, or one of them with its options."""

    pruner: AnyPruner | None = Median()
    """How hopeless trials are stopped early: ``median``, ``halving``, ``hyperband``, or null for not at all."""

    together: int = Field(4, ge=1)
    """How many trials can run side by side where they learn from each other: sampler and pruner know of a trial only
    once so many more were begun. It is no number of processes, and part of the result. A random search without a pruner
    has no need of it: there, all can."""

    retrain: bool = True
    """Whether the network of a cycle is trained anew by the chosen recipe. If not, a run that searched itself takes, as
    in TorchAL, the network of the chosen trial: trained once more from the trial's own address, which gives the same
    weights bit by bit, so that no trial's weights need be kept. Runs that reuse its recipe train their own."""

    space: Annotated[Space, BeforeValidator(_named_space)] | None = None
    """What may be proposed, by path of the recipe's field; or the name of a space: ``paper``, ``strong``, ``head``,
    ``finetuned``. By default that of the network's family: ``paper``, or ``strong`` for recipes with RandAugment."""

    def of(self, model: Model, recipe: Recipe) -> "Tuning":
        """Return the search with its space written out, or as it is if nobody searches.

        Raises:
            ValueError: if the recipe, or the sampler, cannot take what the space may propose.
        """
        if self.scope == "fixed":
            return self
        space = usual(model, recipe) if self.space is None else self.space
        check(space, recipe)
        self.sampler.check(space)
        return self.model_copy(update={"space": space})

    @property
    def learns(self) -> bool:
        """Whether a trial depends on those before it."""
        return self.sampler.learns or self.pruner is not None

    def count(self, recipe: Recipe) -> int:
        """Return how many trials a search has."""
        assert self.space is not None, "Tuning.of writes it out"
        points = self.sampler.points(self.space, recipe)
        return self.trials if points is None else min(self.trials, len(points))

    def known(self, number: int) -> int:
        """Return how many of the first trials a trial, counted from 0, depends on."""
        return max(0, number - self.together + 1) if self.learns else 0

    def identity_of_search(self) -> dict[str, Any]:
        """Return what a search depends on: not on who reuses it, nor on what is done with the recipe."""
        unused = {"scope", "retrain"} | (set() if self.learns else {"together"})
        return self.model_dump(mode="json", exclude=unused)
