"""Search for a recipe with Optuna, from an addressed seed, each trial a memo.

A search resumes by replay: the study starts anew from trial 0, finds its trials in the store, and tells Optuna and its
pruner what they said then. So no study is ever saved, and the search that was stopped ends as if it had not been.

Source of the defaults: Munjal et al. 2022, "Towards Robust and Reproducible Active Learning Using Neural Networks".
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import optuna
from pydantic import BeforeValidator, Field

from torchal.digest import seed_of
from torchal.records import EpochRecord, TrialRecord, TuneRecord
from torchal.rng import Address
from torchal.spec import Spec, nearest
from torchal.store import Stage, Store
from torchal.training.recipe import Recipe
from torchal.training.task import Task
from torchal.training.train import Keeper, built, train
from torchal.tuning.space import PAPER, SPACES, Space, proposed

TRIAL = Stage("trial", 2)

Judge = Callable[[EpochRecord], bool]
"""Is told an epoch and says whether to stop."""

State = Literal["complete", "pruned", "failed"]


class Median(Spec):
    """Stop a trial that is worse than the median of the earlier ones at the same epoch."""

    name: Literal["median"] = "median"
    """The pruner's name."""

    startup: int = Field(5, ge=0)
    """Trials that are never pruned, because there is nothing to compare them with."""

    warmup: int = Field(3, ge=0)
    """Epochs of every trial that are never pruned."""

    def pruner(self) -> optuna.pruners.BasePruner:
        """Return it as Optuna has it."""
        return optuna.pruners.MedianPruner(n_startup_trials=self.startup, n_warmup_steps=self.warmup)


class Halving(Spec):
    """Asynchronous successive halving."""

    name: Literal["halving"] = "halving"
    """The pruner's name."""

    least: int = Field(4, ge=1)
    """Epochs that every trial gets."""

    factor: int = Field(2, ge=2)
    """One in so many trials goes on at each rung."""

    def pruner(self) -> optuna.pruners.BasePruner:
        """Return it as Optuna has it."""
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=self.least, reduction_factor=self.factor)


def _named_space(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in SPACES:
        raise ValueError(f"unknown space '{value}'{nearest(value, SPACES)}")
    return SPACES[value]


class Tuning(Spec):
    """How the recipe is found."""

    scope: Literal["every_run", "first_seed", "first_cycle", "fixed"] = "first_seed"
    """Who searches: every run in every cycle; the first seed, whose recipes the others reuse (as in the paper); each
    run in its first cycle only; or nobody, so that the recipe stays as written."""

    trials: int = Field(50, ge=1)
    """Recipes tried in one search."""

    sampler: Literal["random", "tpe"] = "random"
    """How recipes are proposed: independently at random, or by a tree-structured Parzen estimator."""

    pruner: Median | Halving | None = Field(None, discriminator="name")
    """Whether hopeless trials are stopped early, and how; ``{name: median}`` or ``{name: halving}``."""

    space: Annotated[Space, BeforeValidator(_named_space)] = PAPER
    """What may be proposed, by path of the recipe's field; or the name of a space, ``paper`` or ``strong``."""


def tune(tuning: Tuning, recipe: Recipe, task: Task, where: Address, store: Store) -> TuneRecord:
    """Search for the recipe with the highest validation accuracy.

    Raises:
        ValueError: if no trial could be finished.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = _study(tuning, where)
    space = {path: domain.distribution() for path, domain in tuning.space.items()}
    trials = []
    for _ in range(tuning.trials):
        asked = study.ask(space)
        record = _trial(tuning, proposed(recipe, asked.params), asked, task, where, store)
        trials.append(record)
        _tell(study, asked, record)
    best = max((each for each in trials if each.state == "complete"), key=_value, default=None)
    if best is None:
        raise ValueError(_all_failed(tuning, trials))
    chosen = proposed(recipe, best.proposal)
    return TuneRecord(trials=tuple(trials), chosen=best.number, recipe=chosen.document())


def _value(record: TrialRecord) -> float:
    return -1.0 if record.value is None else record.value


def _study(tuning: Tuning, where: Address) -> optuna.Study:
    seed = seed_of(*where, "tune") % 2**32  # what numpy's RandomState takes
    samplers = {"random": optuna.samplers.RandomSampler, "tpe": optuna.samplers.TPESampler}
    pruner = optuna.pruners.NopPruner() if tuning.pruner is None else tuning.pruner.pruner()
    return optuna.create_study(direction="maximize", sampler=samplers[tuning.sampler](seed=seed), pruner=pruner)


def _trial(
    tuning: Tuning, recipe: Recipe, asked: optuna.trial.Trial, task: Task, where: Address, store: Store
) -> TrialRecord:
    """Return the record of one trial, from the store if it is there; the pruner hears of every epoch either way."""
    heard: list[int] = []

    def judge(epoch: EpochRecord) -> bool:
        heard.append(epoch.epoch)
        asked.report(0.0 if epoch.validation is None else epoch.validation.accuracy, epoch.epoch)
        return asked.should_prune()

    here = (*where, "trial", asked.number)

    inputs = _inputs(tuning, recipe, task, where, here)

    def compute(draft: Path) -> None:
        state, history = _train(task, recipe, here, Keeper(store, TRIAL, inputs), judge)
        reached = [each.validation.accuracy for each in history if each.validation is not None]
        record = TrialRecord(
            number=asked.number,
            proposal=dict(asked.params),
            state=state,
            history=tuple(history),
            value=None if state == "failed" else max(reached, default=None),
            epochs=len(history),
        )
        (draft / "trial.json").write_text(record.text())

    entry = store.memo(TRIAL, inputs, compute)
    record = TrialRecord.read(entry.path / "trial.json")
    for epoch in record.history[len(heard) :]:
        if epoch.loss is not None:  # the epoch in which a trial diverged was never judged
            judge(epoch)
    return record


def _inputs(tuning: Tuning, recipe: Recipe, task: Task, where: Address, here: Address) -> dict[str, Any]:
    """Return what a trial depends on. Of the search, that is all but how many trials follow and who else reuses it.

    With a pruner a trial depends on the trials before it, which the study (its seed, sampler, space) determines.
    """
    study = tuning.model_dump(mode="json", exclude={"trials", "scope"})
    return {
        "task": task.identity,
        "recipe": recipe.identity(),
        "study": study,
        "seed": list(where),
        "where": list(here),
    }


def _train(task: Task, recipe: Recipe, where: Address, keeper: Keeper, judge: Judge) -> tuple[State, list[EpochRecord]]:
    """Train until the recipe's end, the pruner's word or divergence."""
    history = []
    for epoch in train(built(task, where), task, recipe, where, keeper):
        history.append(epoch.record)
        if not epoch.finite:
            return "failed", history
        if judge(epoch.record) and epoch.record.epoch + 1 < recipe.all_epochs:
            return "pruned", history
    return "complete", history


def _tell(study: optuna.Study, asked: optuna.trial.Trial, record: TrialRecord) -> None:
    states = optuna.trial.TrialState
    if record.state == "complete":
        study.tell(asked, record.value)
    else:
        study.tell(asked, state=states.PRUNED if record.state == "pruned" else states.FAIL)


def _all_failed(tuning: Tuning, trials: list[TrialRecord]) -> str:
    rate = tuning.space.get("lr")
    remedy = f"lower tuning.space.lr (now {rate})" if rate else "lower recipe.lr"
    counts = ", ".join(f"{sum(each.state == s for each in trials)} {s}" for s in ("failed", "pruned"))
    return f"tuning found no recipe: of {len(trials)} trials {counts} and none was finished; {remedy}."
