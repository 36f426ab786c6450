"""What pruners save and lose, by replay of whole learning curves.

The curves are those of the searches that ``python -m benchmarks tuning`` kept, 50 trials each, none of them pruned. A
random search has no order, so each is replayed in many. Lost: the best validation accuracy of all its trials, less that
of the trial that the pruned search would choose.
"""

from functools import partial
from statistics import fmean, stdev
from typing import Any

import numpy as np

from benchmarks.tuning import KEPT
from torchal.models.mlp import Mlp
from torchal.records import TrialRecord, TuneRecord
from torchal.training.recipe import Recipe
from torchal.tuning.study import Asked, Study
from torchal.tuning.tuning import Tuning

PRUNERS: dict[str, dict[str, Any] | None] = {
    "none": None,
    "halving, as Optuna's defaults (TorchAL's)": {"name": "halving", "least": 1, "factor": 4},
    "halving": {"name": "halving"},
    "hyperband": {"name": "hyperband"},
    "median": {"name": "median"},
    "median after 2 epochs": {"name": "median", "warmup": 2},
    "median after 1 epoch": {"name": "median", "warmup": 1},
}
ORDERS = 8
"""Orders in which the trials of a search are replayed."""


def measure() -> dict[str, Any]:
    """Replay every kept search under every pruner, alone and with four or eight trials at a time."""
    searches = {file.stem: TuneRecord.read(file) for file in sorted(KEPT.glob("*.json"))}
    if not searches:
        raise ValueError(f"{KEPT} holds no searches: run python -m benchmarks tuning first.")
    kinds = sorted({name.rpartition("-")[0] for name in searches})
    rows = {kind: _table([record for name, record in searches.items() if name.startswith(kind)]) for kind in kinds}
    chosen = rows[kinds[0]]["median, 4 together"]
    return {
        "ratio": round(100 / chosen["epochs_percent"], 2),
        "ratio_is": f"epochs without a pruner to those with median, 4 together, {kinds[0]}",
        "pruners": rows,
        "orders": ORDERS,
        "searches": len(searches),
        "n": ORDERS * len(searches),
    }


def _table(searches: list[TuneRecord]) -> dict[str, dict[str, float]]:
    return {
        f"{name}, {together} together": _replayed(searches, pruner, together)
        for name, pruner in PRUNERS.items()
        for together in (1, 4, 8)
        if pruner or together == 1
    }


def _replayed(searches: list[TuneRecord], pruner: dict[str, Any] | None, together: int) -> dict[str, float]:
    """Return shares of epochs, and points lost with the standard error of their mean over searches."""
    spent, lost = [], []
    for record in searches:
        orders = [np.random.default_rng(seed).permutation(len(record.trials)).tolist() for seed in range(ORDERS)]
        ways = [_replay([record.trials[i] for i in order], pruner, together) for order in orders]
        spent.append(fmean(way[0] for way in ways))
        lost.append(fmean(way[1] for way in ways))
    error = stdev(lost) / len(lost) ** 0.5 if len(lost) > 1 else 0.0
    return {
        "epochs_percent": round(100 * fmean(spent), 1),
        "points_lost": round(100 * fmean(lost), 2),
        "standard_error": round(100 * error, 2),
    }


def _replay(trials: list[TrialRecord], pruner: dict[str, Any] | None, together: int) -> tuple[float, float]:
    recipe = Recipe(epochs=max(trial.epochs for trial in trials))
    fields = {"trials": len(trials), "pruner": pruner, "together": together, "space": {"lr": [recipe.lr]}}
    tuning = Tuning.model_validate(fields).of(Mlp(), recipe)
    study, asked, cut = Study(tuning, recipe, 0), list[Asked](), list[TrialRecord]()
    for number, trial in enumerate(trials):
        for known in range(tuning.known(number - 1), tuning.known(number)):
            study.tell(asked[known], cut[known])
        asked.append(study.ask())
        cut.append(_pruned(trial, study, number, recipe))
    best = partial(max, key=lambda trial: trial.value or 0.0)
    chosen, whole = best(each for each in cut if each.state == "complete"), best(trials)
    return sum(each.epochs for each in cut) / sum(each.epochs for each in trials), whole.value - chosen.value


def _pruned(trial: TrialRecord, study: Study, number: int, recipe: Recipe) -> TrialRecord:
    """Return a trial as far as the study would have let it go."""
    judge = study.judge(number)
    for epoch in trial.history:
        if epoch.loss is not None and judge(epoch) and epoch.epoch + 1 < recipe.all_epochs:
            history = trial.history[: epoch.epoch + 1]
            return trial.model_copy(
                update={"number": number, "state": "pruned", "history": history, "epochs": len(history)}
            )
    return trial.model_copy(update={"number": number})
