"""What an experiment consists of, how much of it exists, and what the rest will cost."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from torchal.data.draw import count
from torchal.experiment import ExperimentSpec, RunSpec
from torchal.loop import Done, opened, record, stages
from torchal.records import RunRecord, StageName
from torchal.store import Missing, ReadOnlyStore, Store
from torchal.training.fit import fresh
from torchal.training.step import autocast


@dataclass(frozen=True)
class Step:
    """One stage of one run, with the identity it shares with the same stage of other runs."""

    cycle: int
    stage: StageName
    identity: str


@dataclass
class Chain:
    """A run's steps in order, and how many of them are finished."""

    spec: RunSpec
    steps: tuple[Step, ...]
    finished: list[Done] = field(default_factory=list)

    @classmethod
    def of(cls, spec: RunSpec) -> "Chain":
        """Return the chain of a run of which nothing is known yet."""
        return cls(spec, tuple(Step(*step, spec.stage_identity(*step)) for step in spec.plan()))

    @property
    def next(self) -> Step | None:
        """The first step that is not finished."""
        return self.steps[len(self.finished)] if len(self.finished) < len(self.steps) else None

    def look(self, store: Store, device: str) -> None:
        """Find out from the store how far the run has come."""
        self.finished = []
        try:
            self.finished.extend(stages(self.spec, ReadOnlyStore(store.root), device))
        except Missing:
            return

    def record(self) -> RunRecord:
        """Return the run's record as far as it has come."""
        return record(self.spec, self.finished)


def chains(experiment: ExperimentSpec, store: Store, device: str = "cpu") -> list[Chain]:
    """Expand an experiment and look at what exists. Everything that a run would refuse is refused here.

    Raises:
        ValueError: naming the field, the value and the remedy.
    """
    found = [Chain.of(run) for run in experiment.runs()]
    for chain in found:
        chain.look(store, device)
    for chain in found:
        _served(chain.spec, device)
    for spec in {(each.spec.dataset.label, each.spec.model.label): each.spec for each in found}.values():
        _buildable(spec, device)
    return found


def _served(spec: RunSpec, device: str) -> None:
    """Refuse a budget that the strategy cannot serve."""
    data, _ = opened(spec, device)
    budget, most = count(spec.setting.budget, len(data.train)), spec.strategy.most(len(data.classes))
    if most is not None and budget > most and spec.setting.cycles > 1:
        raise ValueError(
            f"setting.budget: strategy '{spec.strategy.label}' can choose at most {most} rows at once with "
            f"{len(data.classes)} classes, and is asked for {budget}; lower the budget or change its options"
        )


def _buildable(spec: RunSpec, device: str) -> None:
    """Refuse a network that cannot take the data, before anything is computed."""
    data, _ = opened(spec, device)
    with torch.device("meta"):
        spec.model.build(data.shape, len(data.classes))


# --- cost -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """What the missing stages of one kind take."""

    stages: int
    examples: int
    """Examples sent forward and backward through the network."""
    seconds: float
    """On one worker."""


def summary(found: Iterable[Chain], device: str = "cpu") -> dict[str, Any]:
    """Return how many stages exist and are missing, by kind, and an estimate of what is missing.

    The estimate counts training steps, times one step on this device, and supposes no pruning.
    """
    exists: dict[str, set[str]] = {}
    missing: dict[str, dict[str, tuple[RunSpec, Step]]] = {}
    for chain in found:
        for position, step in enumerate(chain.steps):
            if position < len(chain.finished):
                exists.setdefault(step.stage, set()).add(step.identity)
            else:
                missing.setdefault(step.stage, {}).setdefault(step.identity, (chain.spec, step))
    speeds: dict[tuple[str, str], tuple[float, float]] = {}
    costs = {stage: _cost(list(steps.values()), speeds, device) for stage, steps in missing.items()}
    table = {
        stage: {
            "exist": len(exists.get(stage, ())),
            "missing": costs[stage].stages if stage in costs else 0,
            "examples": costs[stage].examples if stage in costs else 0,
            "seconds": round(costs[stage].seconds, 3) if stage in costs else 0.0,
        }
        for stage in ("tune", "fit", "measure", "query")
    }
    return {"stages": table, "seconds": round(sum(cost.seconds for cost in costs.values()), 3)}


def _cost(steps: list[tuple[RunSpec, Step]], speeds: dict[tuple[str, str], tuple[float, float]], device: str) -> Cost:
    examples, seconds = 0, 0.0
    for spec, step in steps:
        trained, passed = _examples(spec, step, device)
        network = (spec.model.label, spec.dataset.label)
        if network not in speeds:
            speeds[network] = _time(spec, device)
        forward, both = speeds[network]
        examples += trained
        seconds += trained * both + passed * forward
    return Cost(len(steps), examples, seconds)


def _examples(spec: RunSpec, step: Step, device: str) -> tuple[int, int]:
    """Return how many examples a stage trains on and how many it only evaluates."""
    data, rows = opened(spec, device)
    queried = step.cycle * count(spec.setting.budget, len(data.train))
    passed = len(rows.validation)
    match step.stage:
        case "tune":
            fits, asked = spec.tuning.count(spec.recipe), 0
        case "fit":
            fits, asked = 1, 0
        case "measure":
            fits, asked = 0, len(data.test) + passed
        case "query":
            fits = spec.strategy.trainings
            asked = (len(rows.pool) - queried) * (1 + fits)
    epochs = fits * spec.recipe.all_epochs
    return epochs * (len(rows.labelled) + queried), epochs * passed + asked


def _time(spec: RunSpec, device: str) -> tuple[float, float]:
    """Measure seconds an example, forward alone and forward with backward, by a step after a first."""
    data, _ = opened(spec, device)
    rows = torch.arange(min(32, len(data.train)), device=device)
    x, y = data.train.inputs.batch(rows), data.train.labels[rows]
    model = fresh(spec.model, data.shape, len(data.classes), ("estimate",)).to(device)
    for _ in range(2):  # the first pays for set-up
        started = time.perf_counter()
        with autocast(spec.recipe, x.device):
            logits = model(x)
        between = time.perf_counter()
        loss = nn.functional.cross_entropy(logits.float(), y)
        loss.backward()
    loss.item()  # waits for the device
    return (between - started) / len(x), (time.perf_counter() - started) / len(x)
