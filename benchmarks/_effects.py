"""What deliberate differences from TorchAL in training change in the accuracy of networks, on handwritten digits."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from benchmarks._pools import CLASSES, NETWORK
from torchal.data.dataset import Dataset, Examples
from torchal.data.order import shuffled
from torchal.data.sources.digits import Digits
from torchal.digest import seed_of
from torchal.rng import Address
from torchal.training.fit import fit, fresh
from torchal.training.metrics import evaluate
from torchal.training.recipe import Recipe
from torchal.training.state import copied
from torchal.tuning.space import proposed
from torchal.tuning.study import Study
from torchal.tuning.tuning import Tuning

LABELLED, VALIDATION, EPOCHS = 100, 100, 40
SCHEDULES = ("constant", "cosine", "step")
RECIPES = {"sgd": {"lr": 0.1}, "adam": {"lr": 0.01}}


@dataclass(frozen=True)
class Training:
    """What a training ended with: accuracies of the best epoch, as a snapshot, and of the last."""

    validation: float
    validation_last: float
    test: float
    test_last: float


@cache
def _digits() -> Dataset:
    return Digits().load()


def _examples(seed: int) -> tuple[Examples, Examples]:
    train = _digits().train
    order = shuffled(len(train), "effects", seed)
    learnt, held = order[:LABELLED], order[LABELLED : LABELLED + VALIDATION]
    return Examples(train.inputs, learnt, train.labels[learnt]), Examples(train.inputs, held, train.labels[held])


def _training(seed: int, recipe: Recipe, where: Address) -> Training:
    data = _digits()
    learnt, held = _examples(seed)
    network = fresh(NETWORK, data.shape, CLASSES, where)
    *_, end = fit(network, learnt, held, recipe, where, CLASSES)
    last, accuracies = copied(network.state_dict()), []
    for weights in (end.weights, last):
        network.load_state_dict(weights)
        accuracies.append([evaluate(network, each, CLASSES).accuracy for each in (held, data.test.examples())])
    (validation, test), (validation_last, test_last) = accuracies
    return Training(validation, validation_last, test, test_last)


def last_epoch(seeds: int = 20, trials: int = 8, epochs: int = EPOCHS) -> dict[str, Any]:
    """Of the trial that a search chooses, the weights of its best epoch against those that it ended with."""
    chosen = [_chosen(seed, trials, epochs) for seed in range(seeds)]
    test = [100 * (each.test - each.test_last) for each in chosen]
    recorded = [100 * (each.validation - each.validation_last) for each in chosen]
    return {
        "counted": f"per cent correct of the test digits, the network of the best of {trials} trials",
        "torchals_rule": _mean([100 * each.test_last for each in chosen]),
        "torchal": _mean([100 * each.test for each in chosen]),
        "difference": _paired(test),
        "recorded_validation_less_that_of_the_weights": _paired(recorded),
        "searches_whose_weights_miss_the_recorded_accuracy": sum(each > 0 for each in recorded),
    }


def _chosen(seed: int, trials: int, epochs: int) -> Training:
    recipe = Recipe(epochs=epochs)
    tuning = Tuning(trials=trials, pruner=None).of(NETWORK, recipe)
    study = Study(tuning, recipe, seed_of("effects", seed))
    made = [_training(seed, proposed(recipe, study.ask().proposal), (seed, trial)) for trial in range(trials)]
    return max(made, key=lambda each: each.validation)  # the first of equals


def schedule(seeds: int = 20) -> dict[str, Any]:
    """A constant rate, which is what remains where the schedule never runs, against two that fall."""
    tested = {
        f"{optimizer} {name}": [_scheduled(seed, optimizer, name) for seed in range(seeds)]
        for optimizer in RECIPES
        for name in SCHEDULES
    }
    falls = {
        key: _paired(np.subtract(tested[key], tested[f"{key.split()[0]} constant"]))
        for key in tested
        if not key.endswith("constant")
    }
    return {
        "counted": "per cent correct of the test digits, constant rate against the schedule asked for",
        "torchals_rule": {key: _mean(each) for key, each in tested.items() if key.endswith("constant")},
        "torchal": {key: _mean(each) for key, each in tested.items() if not key.endswith("constant")},
        "difference": falls,
    }


def _scheduled(seed: int, optimizer: str, name: str) -> float:
    fields = {"optimizer": optimizer, "batch": 16, "epochs": EPOCHS, "schedule": name, **RECIPES[optimizer]}
    return 100 * _training(seed, Recipe.model_validate(fields), (seed,)).test


def _mean(values: list[float]) -> float:
    return round(float(np.mean(values)), 2)


def _paired(differences: Any) -> dict[str, float]:
    """Return mean, standard error and number of differences between pairs, in points."""
    some = np.asarray(differences)
    return {
        "mean": round(float(some.mean()), 2),
        "standard_error": round(float(some.std(ddof=1) / np.sqrt(len(some))), 2),
        "n": len(some),
    }
