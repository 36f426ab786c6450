"""A study of Optuna whose trials lag: each is proposed, and judged, by what is known a fixed number of trials back.

So that many trials can run side by side, anywhere and in any order, and end as they would one after the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna

from torchal.records import EpochRecord, TrialRecord
from torchal.training.recipe import Recipe
from torchal.tuning.space import propose
from torchal.tuning.tuning import Tuning

Judge = Callable[[EpochRecord], bool]
"""Is told an epoch and says whether to stop."""


@dataclass(frozen=True)
class Asked:
    """A proposal whose trial the study has not been told of."""

    trial: optuna.trial.Trial
    proposal: dict[str, Any]

    @property
    def number(self) -> int:
        """The trial's number, from 0."""
        return self.trial.number


class Study:
    """The trials that a search has been told of, and those that it has asked for."""

    def __init__(self, tuning: Tuning, recipe: Recipe, seed: int) -> None:
        """Begin without a trial.

        Args:
            tuning: with its space written out.
            recipe: what proposals change.
            seed: of all that the sampler draws.
        """
        assert tuning.space is not None, "Tuning.of writes it out"
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._tuning, self._recipe, self._space = tuning, recipe, tuning.space
        self._told = 0
        seed %= 2**32  # what numpy's RandomState takes
        self._study = self._empty(tuning.sampler.sampler(seed))
        points = tuning.sampler.points(self._space, recipe) or []
        for position in np.random.default_rng(seed).permutation(len(points)).tolist():
            labels = {path: self._space[path].label(value) for path, value in points[position].items()}
            self._study.enqueue_trial(labels)

    def _empty(self, sampler: optuna.samplers.BaseSampler) -> optuna.Study:
        """Return a study without trials. Hyperband puts trials into brackets by the study's name."""
        pruner = self._tuning.pruner.pruner(self._recipe.all_epochs) if self._tuning.pruner else None
        return optuna.create_study(
            study_name="search", direction="maximize", sampler=sampler, pruner=pruner or optuna.pruners.NopPruner()
        )

    def ask(self) -> Asked:
        """Propose the next trial, by the trials told so far: those that :meth:`Tuning.known` counts."""
        trial = self._study.ask()
        assert self._told == self._tuning.known(trial.number), "a trial is proposed when it knows what it is to know"
        return Asked(trial, propose(self._space, self._recipe, lambda path, domain: domain.suggest(trial, path)))

    def tell(self, asked: Asked, record: TrialRecord) -> None:
        """Take note of a trial, as the sampler and later judges are to see it; trials come in order."""
        assert asked.number == self._told, "trials are told in the order in which they were asked"
        for epoch in record.history:
            if epoch.loss is not None:  # the epoch in which a trial diverged is not judged
                asked.trial.report(accuracy(epoch), epoch.epoch)
                asked.trial.should_prune()  # some pruners note how far it came
        if record.state == "complete":
            self._study.tell(asked.trial, record.value)
        else:
            states = optuna.trial.TrialState
            self._study.tell(asked.trial, state=states.PRUNED if record.state == "pruned" else states.FAIL)
        self._told += 1

    def judge(self, number: int) -> Judge:
        """Return what judges a trial by those that it knows, whatever else runs or has ended."""
        if self._tuning.pruner is None:
            return lambda _: False
        study = self._empty(optuna.samplers.RandomSampler(0))
        study.add_trials(self._study.get_trials(deepcopy=False)[: self._tuning.known(number)])
        trial = next(trial for trial in iter(study.ask, None) if trial.number == number)

        def judge(epoch: EpochRecord) -> bool:
            trial.report(accuracy(epoch), epoch.epoch)
            return trial.should_prune()

        return judge


def accuracy(epoch: EpochRecord) -> float:
    """Return an epoch's validation accuracy, 0 without one."""
    return 0.0 if epoch.validation is None else epoch.validation.accuracy
