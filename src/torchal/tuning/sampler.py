"""How recipes are proposed, each in the words of Optuna."""

from abc import ABC, abstractmethod
from itertools import product
from typing import Annotated, Any, ClassVar, Literal

import optuna
from pydantic import BeforeValidator, Field

from torchal.digest import canonical
from torchal.spec import Spec
from torchal.training.recipe import Recipe
from torchal.tuning.domain import Range
from torchal.tuning.space import Space, propose


class _Sampler(Spec, ABC):
    """A way to propose recipes."""

    learns: ClassVar[bool] = True
    """Whether what is proposed depends on how earlier trials went."""

    @abstractmethod
    def sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        """Return it as Optuna has it."""

    def check(self, space: Space) -> None:
        """Refuse a space for which it is not made.

        Raises:
            ValueError: naming the remedy.
        """

    def points(self, space: Space, recipe: Recipe) -> list[dict[str, Any]] | None:
        """Return all that can be proposed, or None where that is without end."""


class Random(_Sampler):
    """Each recipe independently at random, as in the paper."""

    learns: ClassVar[bool] = False

    name: Literal["random"] = "random"
    """The sampler's name."""

    def sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        """Return it as Optuna has it."""
        return optuna.samplers.RandomSampler(seed=seed)


class Grid(_Sampler):
    """All combinations, in an order drawn at random, so that fewer trials are a random part of them."""

    learns: ClassVar[bool] = False

    name: Literal["grid"] = "grid"
    """The sampler's name."""

    def sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        """Return one that is never asked, since all points are given."""
        return optuna.samplers.RandomSampler(seed=seed)

    def check(self, space: Space) -> None:
        """Refuse ranges of which it is not known how many values to take."""
        for path, domain in space.items():
            try:
                domain.grid()
            except ValueError as error:
                raise ValueError(f"space.{path}: {error}") from error

    def points(self, space: Space, recipe: Recipe) -> list[dict[str, Any]]:
        """Return the points of the grid; a field whose condition does not hold multiplies nothing."""
        grid = product(*(domain.grid() for domain in space.values()))
        points = [_point(dict(zip(space, values, strict=True)), space, recipe) for values in grid]
        return list({canonical(point): point for point in points}.values())


def _point(values: dict[str, Any], space: Space, recipe: Recipe) -> dict[str, Any]:
    return propose(space, recipe, lambda path, _: values[path])


class Tpe(_Sampler):
    """A tree-structured Parzen estimator (Bergstra et al. 2011), as Optuna has it."""

    name: Literal["tpe"] = "tpe"
    """The sampler's name."""

    startup: int = Field(10, ge=1)
    """Trials proposed at random before it learns."""

    multivariate: bool = True
    """Whether fields are modelled together."""

    def sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        """Return it as Optuna has it."""
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=self.startup, multivariate=self.multivariate, constant_liar=True
        )


class Cmaes(_Sampler):
    """CMA-ES (Hansen 2016) over ranges; choices, and fields under a condition, are drawn at random beside it."""

    name: Literal["cmaes"] = "cmaes"
    """The sampler's name."""

    startup: int = Field(1, ge=1)
    """Trials proposed at random before it learns."""

    def sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        """Return it as Optuna has it."""
        return optuna.samplers.CmaEsSampler(
            seed=seed,
            n_startup_trials=self.startup,
            independent_sampler=optuna.samplers.RandomSampler(seed=seed),
            warn_independent_sampling=False,
        )

    def check(self, space: Space) -> None:
        """Refuse a space without two ranges, in which it would be a random search."""
        ranges = [path for path, domain in space.items() if isinstance(domain, Range) and not domain.when]
        if len(ranges) < 2:
            raise ValueError(f"sampler cmaes needs two ranges without a condition, and space has {ranges}; take tpe")


def named(value: Any) -> Any:
    """Read a bare name as the options of that name."""
    return {"name": value} if isinstance(value, str) else value


AnySampler = Annotated[Annotated[Random | Grid | Tpe | Cmaes, Field(discriminator="name")], BeforeValidator(named)]
