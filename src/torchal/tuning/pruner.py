"""When a trial is given up, each in the words of Optuna."""

from abc import abstractmethod
from typing import Annotated, Literal

import optuna
from pydantic import BeforeValidator, Field

from torchal.spec import Spec
from torchal.tuning.sampler import named


class _Pruner(Spec):
    """A way to stop trials early."""

    @abstractmethod
    def pruner(self, epochs: int) -> optuna.pruners.BasePruner:
        """Return it as Optuna has it, for trials of so many epochs."""


class Median(_Pruner):
    """Stop a trial that is worse than the median of the earlier ones at the same epoch."""

    name: Literal["median"] = "median"
    """The pruner's name."""

    startup: int = Field(5, ge=0)
    """Trials that are never pruned, because there is nothing to compare them with."""

    warmup: int = Field(3, ge=0)
    """Epochs of every trial that are never pruned."""

    def pruner(self, epochs: int) -> optuna.pruners.BasePruner:
        """Return it as Optuna has it."""
        del epochs
        return optuna.pruners.MedianPruner(n_startup_trials=self.startup, n_warmup_steps=self.warmup)


class Halving(_Pruner):
    """Asynchronous successive halving (Li et al. 2020)."""

    name: Literal["halving"] = "halving"
    """The pruner's name."""

    least: int = Field(4, ge=1)
    """Epochs that every trial gets."""

    factor: int = Field(2, ge=2)
    """One in so many trials goes on at each rung."""

    def pruner(self, epochs: int) -> optuna.pruners.BasePruner:
        """Return it as Optuna has it."""
        del epochs
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=self.least, reduction_factor=self.factor)


class Hyperband(_Pruner):
    """Successive halving at several rates side by side (Li et al. 2018)."""

    name: Literal["hyperband"] = "hyperband"
    """The pruner's name."""

    least: int = Field(1, ge=1)
    """Epochs that every trial gets where it is pruned earliest."""

    factor: int = Field(3, ge=2)
    """One in so many trials goes on at each rung."""

    def pruner(self, epochs: int) -> optuna.pruners.BasePruner:
        """Return it as Optuna has it."""
        return optuna.pruners.HyperbandPruner(
            min_resource=min(self.least, epochs), max_resource=epochs, reduction_factor=self.factor
        )


AnyPruner = Annotated[Annotated[Median | Halving | Hyperband, Field(discriminator="name")], BeforeValidator(named)]
