"""A search for a recipe, from an addressed seed, each trial a memo.

A search resumes by replay: its study starts anew from trial 0, finds its trials in the store, and tells Optuna and its
pruner what they said then. So no study is ever saved, and the search that was stopped ends as if it had not been.
"""

from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from torchal.digest import seed_of
from torchal.records import EpochRecord, TrialRecord, TuneRecord
from torchal.rng import Address
from torchal.store import Stage, Store
from torchal.training.effort import spent
from torchal.training.recipe import Recipe
from torchal.training.task import Task
from torchal.training.train import Keeper, built, train
from torchal.tuning.space import proposed
from torchal.tuning.study import Asked, Judge, Study, accuracy
from torchal.tuning.tuning import Tuning

TRIAL = Stage("trial", 4)

State = Literal["complete", "pruned", "failed"]


class Search:
    """A search as far as this process has followed it."""

    def __init__(self, tuning: Tuning, recipe: Recipe, task: Task, where: Address, store: Store) -> None:
        """Begin at trial 0; nothing is computed yet."""
        self.tuning, self.recipe, self.task, self.where, self.store = tuning, recipe, task, where, store
        self._asked: list[Asked] = []
        self._told = 0

    @cached_property
    def _study(self) -> Study:
        return Study(self.tuning, self.recipe, seed_of(*self.where, "tune"))

    def trial(self, number: int) -> TrialRecord:
        """Return a trial, computing what the store lacks of it and of those it depends on."""
        while len(self._asked) <= number:
            self._tell(self.tuning.known(len(self._asked)))
            self._asked.append(self._study.ask())
        return self._record(self._asked[number])

    def _tell(self, known: int) -> None:
        for asked in self._asked[self._told : known]:
            self._study.tell(asked, self._record(asked))
        self._told = known

    def result(self) -> TuneRecord:
        """Return the trials and the recipe with the highest validation accuracy; of equal ones the first.

        Raises:
            ValueError: if no trial could be finished.
        """
        trials = tuple(self.trial(number) for number in range(self.tuning.count(self.recipe)))
        best = max((each for each in trials if each.state == "complete"), key=_value, default=None)
        if best is None:
            raise ValueError(_none_finished(self.tuning, trials))
        return TuneRecord(trials=trials, chosen=best.number, recipe=proposed(self.recipe, best.proposal).document())

    def _record(self, asked: Asked) -> TrialRecord:
        """Return the record of a trial, from the store if it is there."""
        number = asked.number
        recipe = proposed(self.recipe, asked.proposal)
        inputs = self._inputs(recipe, number)

        def compute(draft: Path) -> None:
            keeper, judge = Keeper(self.store, TRIAL, inputs), self._study.judge(number)
            state, history = _trained(self.task, recipe, trial_address(self.where, number), keeper, judge)
            reached = [accuracy(each) for each in history if each.validation is not None]
            record = TrialRecord(
                number=number,
                proposal=asked.proposal,
                state=state,
                history=tuple(history),
                value=None if state == "failed" else max(reached, default=None),
                epochs=len(history),
                effort=spent(self.task, recipe, history),
            )
            (draft / "trial.json").write_text(record.text())

        return TrialRecord.read(self.store.memo(TRIAL, inputs, compute).path / "trial.json")

    def _inputs(self, recipe: Recipe, number: int) -> dict[str, Any]:
        """Return what a trial depends on: of the search nothing, unless it learns from earlier trials.

        Then it depends on those, which the study (its seed, sampler, pruner, space) determines.
        """
        study = self.tuning.identity_of_search() if self.tuning.learns else {}
        study.pop("trials", None)
        return {
            "task": self.task.identity,
            "recipe": recipe.identity(),
            "study": study,
            "where": list(trial_address(self.where, number)),
        }


def trial_address(where: Address, number: int) -> Address:
    """Return the address of a trial's training."""
    return (*where, "trial", number)


def _value(record: TrialRecord) -> float:
    return -1.0 if record.value is None else record.value


def _trained(
    task: Task, recipe: Recipe, where: Address, keeper: Keeper, judge: Judge
) -> tuple[State, list[EpochRecord]]:
    """Train until the recipe's end, the pruner's word or divergence."""
    history = []
    for epoch in train(built(task, where), task, recipe, where, keeper):
        history.append(epoch.record)
        if not epoch.finite:
            return "failed", history
        if judge(epoch.record) and epoch.record.epoch + 1 < recipe.all_epochs:
            return "pruned", history
    return "complete", history


def _none_finished(tuning: Tuning, trials: tuple[TrialRecord, ...]) -> str:
    rate = (tuning.space or {}).get("lr")
    remedy = f"lower tuning.space.lr (now {rate})" if rate else "lower recipe.lr"
    counts = ", ".join(f"{sum(each.state == s for each in trials)} {s}" for s in ("failed", "pruned"))
    return f"tuning found no recipe: of {len(trials)} trials {counts} and none was finished; {remedy}."
