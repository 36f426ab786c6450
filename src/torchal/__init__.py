"""torchal: reproducible deep active learning.

The public names below are loaded when they are first used, so that importing torchal loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchal.data.dataset import Dataset, Source
    from torchal.data.partition import Partition
    from torchal.experiment import ExperimentSpec
    from torchal.host import Host
    from torchal.launch import run_experiment
    from torchal.loop import run
    from torchal.models import Classifier, Model
    from torchal.notebook import compute
    from torchal.query import QueryContext, Strategy
    from torchal.runspec import RunSpec
    from torchal.selection import select
    from torchal.store import Store

__version__ = "0.1.0"

__all__ = [
    "Classifier",
    "Dataset",
    "ExperimentSpec",
    "Host",
    "Model",
    "Partition",
    "QueryContext",
    "RunSpec",
    "Source",
    "Store",
    "Strategy",
    "compute",
    "run",
    "run_experiment",
    "select",
]

_HOMES = {
    "torchal.data.dataset": ("Dataset", "Source"),
    "torchal.data.partition": ("Partition",),
    "torchal.experiment": ("ExperimentSpec",),
    "torchal.runspec": ("RunSpec",),
    "torchal.host": ("Host",),
    "torchal.launch": ("run_experiment",),
    "torchal.models": ("Classifier", "Model"),
    "torchal.query": ("QueryContext", "Strategy"),
    "torchal.loop": ("run",),
    "torchal.notebook": ("compute",),
    "torchal.selection": ("select",),
    "torchal.store": ("Store",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'torchal' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
