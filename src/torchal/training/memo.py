"""Trainings as entries of a store: each is carried out once, whoever asks for it."""

from pathlib import Path

from torchal.models import Classifier
from torchal.rng import Address
from torchal.store import Entry, Stage, Store
from torchal.training.effort import spent
from torchal.training.fit import keep_best
from torchal.training.recipe import Recipe
from torchal.training.task import Task
from torchal.training.train import Keeper, built, train
from torchal.training.weights import load_weights, save_weights

FIT = Stage("fit", 4)
WEIGHTS = "weights.safetensors"
"""Name of the file of a fit's weights."""


def trained(task: Task, recipe: Recipe, where: Address, store: Store) -> Entry:
    """Return the network trained from scratch, with the weights of its best epoch on validation."""
    inputs = {"task": task.identity, "recipe": recipe.identity(), "where": list(where)}

    def compute(draft: Path) -> None:
        model = built(task, where)
        record, weights = keep_best(train(model, task, recipe, where, Keeper(store, FIT, inputs)), recipe, model)
        record = record.model_copy(update={"effort": spent(task, recipe, record.history)})
        (draft / "fit.json").write_text(record.text())
        save_weights(draft / WEIGHTS, weights)

    return store.memo(FIT, inputs, compute)


def restored(task: Task, fitted: Entry) -> Classifier:
    """Return the network of an entry."""
    model = built(task, ("restored",))
    load_weights(model, fitted.path / WEIGHTS)
    return model


def weights_digest(fitted: Entry) -> str:
    """Return the SHA-256 of the weights of an entry."""
    digest: str = fitted.json("digests.json")[WEIGHTS]
    return digest
