"""Write docs/paper.md, and what each preset of experiments/paper says it costs: ``python scripts/paper_page.py``."""

import re
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
import yaml

from torchal import show
from torchal.data.dataset import Dataset, Resident, Source, Split
from torchal.estimate import work
from torchal.experiment import About, ExperimentSpec
from torchal.plan import Chain, chains
from torchal.store import Store

ROOT = Path(__file__).parents[1]
FOLDER, SMALL = ROOT / "experiments" / "paper", ROOT / "experiments" / "paper" / "small"
PAGE, MEASURED = ROOT / "docs" / "paper.md", ROOT / "docs" / "results" / "paper-small.yaml"
RATE = 1e13
"""Operations a second by which the page turns operations into hours of a GPU: an assumption."""

_COST = re.compile(r"^# Cost: +(.*)$", re.MULTILINE)

_SIZES = {
    "cifar10": (50_000, 10_000, 10, 32),
    "cifar100": (50_000, 10_000, 100, 32),
    "imagenet": (1_281_167, 50_000, 1000, 224),
}
"""Rows of the training and of the test side, classes, and pixels of a side."""

HEAD = """# The paper, one command an experiment

Written by `scripts/paper_page.py` from the presets in `experiments/paper`. Each is an
experiment of Munjal, N. Hayat, M. Hayat, Sourati and Khan, *Towards Robust and Reproducible Active Learning Using
Neural Networks*, CVPR 2022:

```text
torchal plan experiments/paper/figure1-cifar10.yaml          # what it repeats, and what it will cost on this machine
torchal run experiments/paper/figure1-cifar10.yaml --device cuda:0,cuda:1
torchal report experiments/paper/figure1-cifar10.yaml        # the verdict, and the published curves beside yours
torchal run experiments/paper/small/figure1-cifar10.yaml     # the same in miniature, on a laptop
```

The head of each file says protocol, trials, published tables and cost. Its field `about` says to programs what it
repeats, which published tables it is to be held against and what differs (`torchal plan --json`); the report shows it,
and it is part of no key. Published figures stand in [reference.yaml](results/reference.md), by the names of the tables.
A test holds every preset against the protocol of each table that it names. Stop a run whenever you like: the same
command goes on. Presets share what they have in common: the 10 % of `budget-cifar10` cost nothing after
`figure1-cifar10`.

`cifar10` and `cifar100` come from the Hugging Face hub, or from `$TORCHAL_DATA/cifar10`, or `--set
dataset.path=FOLDER`; ImageNet from the folder in `dataset.path`, decoded [as it is needed](large-data.md).

## What it costs

Trainings of searches and committees are counted, operations are of all trainings and passes, and a computation that
runs share counts once. Nothing is supposed to be pruned. What VAAL trains for itself is not counted. GPU hours are
operations at 10 TFLOP a second, which is an assumption and no measurement: the times that TorchAL's notebook logs for
ResNet-18 come to 1.2. `torchal plan --device cuda` times a step of yours.

"""

COMMON = """## What differs

From what the paper's repository does, in all of them:

- The network measured has the weights of its best epoch; TorchAL's files have the last epoch's under the best one's
  name.
- Everything random has an address; TorchAL's searches, queries by dropout and VAAL are not seeded.
- A seed that reuses recipes trains once, where TorchAL trains as many times by one recipe as a search has trials.
- Successive halving keeps a quarter of the trials at epoch 20 and again at epoch 80; TorchAL asks Optuna's, with its
  defaults, at every twentieth epoch. Those lost a point in replays where the median lost none
  ([decision 12](decisions/0012-the-median-pruner-by-default.md)): for that, `--set tuning.pruner=median`.
- Strategies as [their page](strategies.md) tells of each: ties of QBC are broken, for instance, and its committee is
  trained by the cycle's own recipe.

Of one preset:

"""

TWINS = """## In miniature

`torchal run experiments/paper/small/NAME.yaml --jobs 1`: the same conditions on small data, with small networks and few
replications. They show that an experiment works and what its report looks like, not what the paper found. Seconds are
those of the processor, of one process with one thread (AMD EPYC, torch 2.13.0), with the verdict that its report begins
with.

"""


class StandIn(Source):
    """A data set of which only the sizes matter, and which takes no room."""

    title: str
    """The data set that it stands for."""

    def load(self) -> Dataset:
        """Return black images whose classes take turns."""
        rows, tests, classes, pixels = _SIZES[self.title]
        sides = (self._side(n, classes, pixels) for n in (rows, tests))
        return Dataset(self.title, *sides, tuple(map(str, range(classes))), f"stand-in for {self.title}")

    @staticmethod
    def _side(n: int, classes: int, pixels: int) -> Split:
        black = torch.zeros(1, dtype=torch.uint8).expand(n, 3, pixels, pixels)
        return Split(Resident(black), torch.arange(n) % classes)


@dataclass(frozen=True)
class Cost:
    """What an experiment takes."""

    runs: int
    trainings: int
    """Those of trials, and of committees, included."""
    flops: int

    @property
    def sentence(self) -> str:
        """It in words, as presets have it."""
        return f"{self.runs} runs, {self.trainings:,} trainings, {show.operations(self.flops)}, {self.hours} GPU hours"

    @property
    def hours(self) -> str:
        """Hours at the assumed rate, to two figures."""
        return f"{float(f'{self.flops / RATE / 3600:.2g}'):,.0f}"


@cache
def presets(folder: Path = FOLDER) -> dict[str, ExperimentSpec]:
    """Return the experiments of a folder by the names of their files."""
    return {path.stem: ExperimentSpec.read(path) for path in sorted(folder.glob("*.yaml"))}


def planned(experiment: ExperimentSpec, results: Path) -> list[Chain]:
    """Return the plan of an experiment, for which stand-ins take the place of images."""
    names = (each.plugin_name() for each in experiment.dataset)
    found = tuple(StandIn(title="imagenet" if name == "folder" else name) for name in names)
    return chains(experiment.model_copy(update={"dataset": found}), Store(results))


def cost(found: list[Chain]) -> Cost:
    """Return what a plan takes."""
    steps = {step.identity: (chain.spec, step) for chain in reversed(found) for step in chain.steps}
    own = [(spec, step.stage) for spec, step in steps.values()]
    searches = [spec.tuning.count(spec.recipe) for spec, stage in own if stage == "tune"]
    members = sum(spec.strategy.trainings for spec, stage in own if stage == "query")
    fits = sum(stage == "fit" for _, stage in own)
    flops = sum(each.flops for each in work(found).values())
    return Cost(len(found), sum(searches) + members + fits, flops)


def told(name: str) -> str:
    """Return what the head of a preset says it costs."""
    found = re.search(_COST, (FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"experiments/paper/{name}.yaml: its head has no line '# Cost:'; add one.")
    return found[1]


def headed(text: str, sentence: str) -> str:
    """Return the text of a preset whose head says its cost."""
    return re.sub(_COST, f"# Cost:     {sentence}", text, count=1)


def page() -> str:
    """Return the page, with costs as the presets' heads say them."""
    found = {name: each.about for name, each in presets().items() if each.about}
    rows = [_row(name, about) for name, about in found.items()]
    titles = ["preset", "repeats", "published tables", "runs", "trainings", "operations", "GPU hours"]
    head = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    differs = [f"- `{name}`: {each}" for name, about in found.items() for each in about.differs]
    return HEAD + "\n".join([*head, *rows]) + "\n\n" + COMMON + "\n".join(differs) + "\n\n" + TWINS + _twins()


def _row(name: str, about: About) -> str:
    tables = ", ".join(f"`{table}`" for table in about.tables) or "none"
    runs, trainings, flops, hours = told(name).split(", ")
    amounts = " | ".join([runs.partition(" ")[0], trainings.partition(" ")[0], flops, hours.partition(" ")[0]])
    return f"| [`{name}`](../experiments/paper/{name}.yaml) | {about.source} | {tables} | {amounts} |"


def _twins() -> str:
    measured = yaml.safe_load(MEASURED.read_text(encoding="utf-8"))
    rows = [
        f"| [`small/{name}`](../experiments/paper/small/{name}.yaml) | {each.dataset[0].plugin_name()} "
        f"| {len(each.points())} | {_said(measured.get(name))} |"
        for name, each in presets(SMALL).items()
    ]
    return "\n".join(["| twin | data | runs | seconds | verdict |", "|---|---|---|---|---|", *rows]) + "\n"


def _said(found: dict[str, Any] | None) -> str:
    """Return how long a twin took, and the verdict on each of its conditions."""
    if found is None:
        return "not measured | "
    verdicts = [line.partition(";")[0] for line in found["verdict"].splitlines()]
    return f"{found['seconds']} | {'.<br>'.join(verdicts)}."


def rewrite() -> None:
    """Write what every preset costs into its head, and then the page."""
    with tempfile.TemporaryDirectory() as folder:
        for name, experiment in presets().items():
            path, sentence = FOLDER / f"{name}.yaml", cost(planned(experiment, Path(folder))).sentence
            path.write_text(headed(path.read_text(encoding="utf-8"), sentence), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    rewrite()
