"""What an experiment will cost: an estimate for whatever is missing, by stage and by axis."""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from torchal.plan import Chain, Step
from torchal.problem import opened
from torchal.records import PlanRecord
from torchal.runspec import RunSpec
from torchal.training.effort import flops_of
from torchal.training.fit import fresh
from torchal.training.step import autocast

AXES = ("dataset", "model", "source", "condition", "strategy", "partition", "seed")


@dataclass(frozen=True)
class Work:
    """What one missing stage takes, whatever computes it."""

    stage: str
    examples: int
    """Examples sent forward and backward through the network."""
    passed: int
    """Examples sent forward only."""
    flops: int
    """Operations, counted as :mod:`torchal.training.effort` counts them."""


@dataclass(frozen=True)
class Cost:
    """What one missing stage takes here."""

    work: Work
    seconds: float
    """On one worker."""

    @property
    def stage(self) -> str:
        """Its name."""
        return self.work.stage


def work(found: list[Chain], device: str = "cpu") -> dict[str, Work]:
    """Return what each missing stage takes, by its identity: one that another run has finished is not missing.

    Training steps are counted, and no pruning is supposed. What a strategy trains for itself is not counted.
    """
    return {identity: _work(spec, step, device) for identity, (spec, step) in _missing(found).items()}


def missing(found: list[Chain], device: str = "cpu") -> dict[str, Cost]:
    """Return what each missing stage costs here, by its identity: its work, at the speed of one step on this device."""
    speeds: dict[tuple[str, str], tuple[float, float]] = {}
    costs: dict[str, Cost] = {}
    for identity, (spec, step) in _missing(found).items():
        network = (spec.model.label, spec.dataset.label)
        if network not in speeds:
            speeds[network] = _time(spec, device)
        forward, both = speeds[network]
        due = _work(spec, step, device)
        costs[identity] = Cost(due, due.examples * both + due.passed * forward)
    return costs


def _missing(found: list[Chain]) -> dict[str, tuple[RunSpec, Step]]:
    """Return each missing stage by its identity, with the first run that has it."""
    exist = {step.identity for chain in found for step in chain.steps[: len(chain.finished)]}
    due: dict[str, tuple[RunSpec, Step]] = {}
    for chain in found:
        for step in chain.steps[len(chain.finished) :]:
            if step.identity not in exist:
                due.setdefault(step.identity, (chain.spec, step))
    return due


def by_stage(found: Iterable[Chain], costs: dict[str, Cost]) -> dict[str, dict[str, Any]]:
    """Return how many stages exist and are missing, by kind, and what is missing."""
    exist: dict[str, set[str]] = defaultdict(set)
    for chain in found:
        for done, step in zip(chain.finished, chain.steps, strict=False):
            exist[done.stage].add(step.identity)
    table = {}
    for stage in ("start", "tune", "fit", "measure", "query"):
        some = [cost for cost in costs.values() if cost.stage == stage]
        if stage != "start" or some or exist[stage]:
            table[stage] = {
                "exist": len(exist[stage]),
                "missing": len(some),
                "examples": sum(cost.work.examples for cost in some),
                "flops": sum(cost.work.flops for cost in some),
                "seconds": round(sum(cost.seconds for cost in some), 3),
            }
    return table


def by_axis(found: list[Chain], plan: PlanRecord, costs: dict[str, Cost]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return for each value on each axis what is missing for its sake alone: what it would save to do without it."""
    users: dict[str, list[int]] = defaultdict(list)
    for place, chain in enumerate(found):
        for step in chain.steps:
            users[step.identity].append(place)
    answer: dict[str, dict[str, dict[str, Any]]] = {}
    for axis in AXES:
        values = [str(getattr(run, axis)) for run in plan.runs]
        alone: dict[str, list[Cost]] = {value: [] for value in values}
        for identity, cost in costs.items():
            of = {values[place] for place in users[identity]}
            if len(of) == 1:
                alone[of.pop()].append(cost)
        if len(alone) > 1 or any(alone):
            answer[axis] = {
                value: {"stages": len(some), "seconds": round(sum(cost.seconds for cost in some), 3)}
                for value, some in alone.items()
            }
    return answer


def _work(spec: RunSpec, step: Step, device: str) -> Work:
    trained, passed = _examples(spec, step, device)
    data = opened(spec, device).data
    forward, both = flops_of(spec.model, data.shape, len(data.classes))
    return Work(step.stage, trained, passed, trained * both + passed * forward)


def _examples(spec: RunSpec, step: Step, device: str) -> tuple[int, int]:
    """Return how many examples a stage trains on and how many it only evaluates."""
    problem = opened(spec, device)
    data, rows, labelled = problem.data, problem.rows, int(problem.paid(step.cycle))
    passed = len(spec.partition.validating(rows.validation, labelled))
    match step.stage:
        case "start":
            return 0, 0
        case "tune":
            fits, asked = spec.tuning.count(spec.recipe), 0
        case "fit":
            fits, asked = 1, 0
        case "measure":
            fits, asked = 0, len(data.test) + passed
        case "query":
            fits = spec.strategy.trainings
            asked = (len(rows.pool) + len(rows.labelled) - labelled) * (1 + fits)
    epochs = fits * spec.recipe.all_epochs
    return epochs * labelled, epochs * passed + asked


def _time(spec: RunSpec, device: str) -> tuple[float, float]:
    """Measure seconds an example, forward alone and forward with backward, by a step after a first."""
    data = opened(spec, device).data
    rows = torch.arange(min(32, len(data.train)), device=device)
    x, y = data.train.inputs.batch(rows), data.train.labels[rows].clamp_min(0)
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
