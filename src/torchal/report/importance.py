"""Which fields of a search mattered.

Importance is that of PED-ANOVA (Watanabe, Bansal & Hutter 2023), as Optuna computes it: how much a field alone tells
the best trials from all. The shares of a search sum to 1.
"""

from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from torchal.digest import canonical
from torchal.records import TrialRecord
from torchal.report.searches import Search

LEAST = 20
"""Trials below which importance is noise and is not told."""


def importances(search: Search) -> dict[str, float]:
    """Return the share of each field that all usable trials proposed; empty if there are too few of them."""
    usable = [trial for trial in search.record.trials if trial.state != "failed" and trial.value is not None]
    space = {
        path: distribution(domain)
        for path, domain in search.space.items()
        if all(path in trial.proposal for trial in usable)
    }
    if len(usable) < LEAST or not space or len({trial.value for trial in usable}) == 1:
        return {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    study.add_trials([frozen(trial, space) for trial in usable])
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    return optuna.importance.get_param_importances(study, evaluator=evaluator, params=list(space))


def frozen(trial: TrialRecord, space: dict[str, BaseDistribution]) -> optuna.trial.FrozenTrial:
    """Return a trial as Optuna has it, with those of its proposals that are in a space."""
    states, proposed = optuna.trial.TrialState, [path for path in space if path in trial.proposal]
    return optuna.trial.create_trial(
        state={"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[trial.state],
        value=trial.value,
        params={path: _label(trial.proposal[path]) for path in proposed},
        distributions={path: space[path] for path in proposed},
        intermediate_values={each.epoch: each.validation.accuracy for each in trial.history if each.validation},
    )


def distribution(domain: dict[str, Any]) -> BaseDistribution:
    """Return what could be proposed for a field as Optuna has it."""
    if "choices" in domain:
        return CategoricalDistribution([_label(each) for each in domain["choices"]])
    if domain["integer"]:
        return IntDistribution(int(domain["low"]), int(domain["high"]), log=domain["log"])
    return FloatDistribution(domain["low"], domain["high"], log=domain["log"])


def _label(value: Any) -> Any:
    """Return a value as one that Optuna takes: whole parts of a recipe as text."""
    return canonical(value) if isinstance(value, dict | list) else value
