"""New plug-ins and experiments, for people to change."""

import re
from collections.abc import Callable
from pathlib import Path

_STRATEGY = '''"""{title}: say in a line what it is.

Say where it comes from (authors, year, title), or that it is your own. Then say what differs from that source.
"""

from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from torchal import QueryContext, Strategy


class {cls}(Strategy):
    """Prefer the points whose two likeliest classes are closest. Say here what yours prefers."""

    temperature: float = Field(1.0, gt=0)
    """Divides the logits; 1 leaves them as they are. An example of a parameter: YAML checks it and reports name it."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return ``ctx.budget`` distinct positions in the pool."""
        return ctx.top(-self.margins(ctx.logits))

    def margins(self, logits: Float[Tensor, "pool classes"]) -> Float[Tensor, " pool"]:
        """Return the difference of the two highest probabilities of each point."""
        highest = (logits.double() / self.temperature).softmax(1).topk(2, dim=1).values
        return highest[:, 0] - highest[:, 1]
'''


_EXPERIMENT = """\
# Seven strategies on scikit-learn's handwritten digits, with AutoML in every cycle. About two minutes on two cores.
# A field that is left out has a default. torchal plan says what a change costs, torchal check what others think of it.
name: NAME  # of the folder of results
dataset: digits  # torchal list datasets; your own: {name: hub, path: FOLDER, size: 32} or {name: arrays, path: x.npz}
model: {name: mlp, hidden: [64], dropout: 0.5}  # torchal list models
strategy: [random, uncertainty, margin, entropy, dbal, bald, coreset]  # torchal list strategies; keep random
partition: {drawn: [1, 2, 3], labelled: 40, validation: 200}  # three first labelled sets; counts, or per cent: 10%
seed: [1, 2]  # trainings on each of them
setting: {cycles: 4, budget: 40}  # how often labels are bought, and how many
recipe: {optimizer: adam, lr: 1e-3, epochs: 30, batch: 16}  # how a network is trained; or plain, or strong
tuning:
  trials: 10
  scope: first_seed  # the first seed searches in every cycle, the others reuse its recipes, as in the paper
  pruner: {name: median}
  space:
    lr: {low: 1e-4, high: 3e-2, log: true}
    weight_decay: {low: 1e-8, high: 1e-3, log: true}
    batch: [8, 16, 32]
    optimizer: [sgd, adam]
"""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def write_new(kind: str, name: str, folder: Path) -> Path:
    """Write a strategy or an experiment and return its file.

    Raises:
        ValueError: if the kind is unknown, the name is no name for a file of Python, or the file exists.
    """
    if kind not in _KINDS:
        raise ValueError(f"new {kind}: neither a strategy nor an experiment; say torchal new experiment NAME.")
    if not _NAME.fullmatch(name):
        raise ValueError(f"new {kind} {name}: the name must be lower-case letters, digits and underscores.")
    suffix, text = _KINDS[kind]
    place = folder / f"{name}{suffix}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with place.open("x", encoding="utf-8") as file:
            file.write(text(name))
    except FileExistsError:
        raise ValueError(f"{place} exists already; choose another name, or another folder with --to.") from None
    return place


def _strategy(name: str) -> str:
    parts = name.split("_")
    return _STRATEGY.format(title=" ".join(parts).capitalize(), cls="".join(part.capitalize() for part in parts))


def _experiment(name: str) -> str:
    return _EXPERIMENT.replace("NAME", name, 1)


_KINDS: dict[str, tuple[str, Callable[[str], str]]] = {
    "strategy": (".py", _strategy),
    "experiment": (".yaml", _experiment),
}
"""How the file of a kind ends, and what is in it."""
