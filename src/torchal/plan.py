"""What an experiment consists of, how much of it exists, and what the rest will cost."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch

from torchal.experiment import ExperimentSpec
from torchal.inference import active_dropout
from torchal.loop import Done, record, stages
from torchal.models import Classifier
from torchal.problem import Problem, opened
from torchal.records import PlannedRun, PlanRecord, RunRecord, StageName
from torchal.runspec import RunSpec
from torchal.starting import check_start
from torchal.store import Missing, ReadOnlyStore, Store


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
    def of(cls, spec: RunSpec, device: str = "cpu") -> "Chain":
        """Return the chain of a run of which nothing is known yet.

        Raises:
            ValueError: if the run asks for what cannot be.
        """
        cycles = opened(spec, device).cycles
        named = zip(spec.plan(cycles), spec.stage_identities(cycles), strict=True)
        return cls(spec, tuple(Step(*step, identity) for step, identity in named))

    @cached_property
    def id(self) -> str:
        """The run's name, which takes a digest of its whole spec to know."""
        return self.spec.id

    @property
    def next(self) -> Step | None:
        """The first step that is not finished."""
        return self.steps[len(self.finished)] if len(self.finished) < len(self.steps) else None

    def look(self, store: ReadOnlyStore, device: str) -> None:
        """Find out from the store how far the run has come; a store that is used again checks each entry once."""
        self.finished = []
        try:
            self.finished.extend(stages(self.spec, store, device))
        except Missing:
            return

    def record(self) -> RunRecord:
        """Return the run's record as far as it has come."""
        return record(self.spec, self.finished, whole=self.next is None)


def chains(experiment: ExperimentSpec, store: Store, device: str = "cpu") -> list[Chain]:
    """Expand an experiment and look at what exists. Everything that a run would refuse is refused here.

    Raises:
        ValueError: naming the field, the value and the remedy.
    """
    found, known = [Chain.of(run, device) for run in experiment.runs()], ReadOnlyStore(store.root)
    for chain in found:
        chain.look(known, device)
    for chain in found:
        problem = opened(chain.spec, device)
        _served(chain.spec, problem)
        check_start(chain.spec, problem)
    for spec in {(each.spec.dataset.label, each.spec.model.label): each.spec for each in found}.values():
        _built(spec, device)
    for spec in {_asked(each.spec): each.spec for each in found}.values():
        _samplable(spec, device)
    return found


def _served(spec: RunSpec, problem: Problem) -> None:
    """Refuse a budget that the strategy cannot serve."""
    most = spec.strategy.most(len(problem.data.classes))
    asked = max((problem.purchase(cycle, problem.rows, 0).rows for cycle in range(problem.cycles - 1)), default=0)
    if most is not None and asked > most:
        raise ValueError(
            f"setting.budget: strategy '{spec.strategy.label}' can choose at most {most} rows at once with "
            f"{len(problem.data.classes)} classes, and is asked for {asked}; lower the budget or change its options"
        )


def _built(spec: RunSpec, device: str) -> Classifier:
    """Return the network of a run without its weights; one that cannot take the data is refused, before any work."""
    data = opened(spec, device).data
    with torch.device("meta"):
        return spec.model.build(data.shape, len(data.classes))


def _asked(spec: RunSpec) -> tuple[str, str, str]:
    """Return who asks which network about which data in the queries of a run."""
    return spec.strategy.label, spec.dataset.label, spec.chooser.model.label


def _samplable(spec: RunSpec, device: str) -> None:
    """Refuse a network without dropout to a strategy that samples networks by it, as the query would after hours."""
    if not spec.strategy.samples_dropout or spec.partition.told:
        return
    try:
        active_dropout(_built(spec.chooser, device))
    except ValueError as error:
        raise ValueError(f"strategy '{spec.strategy.label}' on {spec.chooser.model.label}: {error}") from error


def plan_record(
    experiment: ExperimentSpec, found: list[Chain], device: str = "cpu", before: PlanRecord | None = None
) -> PlanRecord:
    """Return what an experiment will do, as status and report read it, and which data it saw before."""
    problems = [_Facts.of(opened(chain.spec, device)) for chain in found]
    classes = list(dict.fromkeys(problem.classes for problem in problems))
    data = list(dict.fromkeys([*(before.data if before else ()), *(problem.data for problem in problems)]))
    planned = tuple(
        PlannedRun(
            id=chain.id,
            strategy=chain.spec.strategy.label,
            dataset=chain.spec.dataset.label,
            model=chain.spec.model.label,
            source=chain.spec.source.model.label if chain.spec.source else "",
            condition=condition,
            partition=chain.spec.partition.id,
            seed=chain.spec.seed,
            training=problem.training,
            classes=classes.index(problem.classes),
            data=data.index(problem.data),
            stages=tuple((step.cycle, step.stage) for step in chain.steps),
        )
        for chain, problem, condition in zip(found, problems, experiment.conditions(), strict=True)
    )
    cycles = max(problem.cycles for problem in problems)
    return PlanRecord(
        experiment=experiment.name,
        runs=planned,
        cycles=cycles,
        classes=tuple(classes),
        data=tuple(data),
        warnings=warnings(found, device),
        protocol=experiment.document(),
    )


class _Facts(NamedTuple):
    """What a plan says of a problem, which itself may be large."""

    training: int
    cycles: int
    classes: tuple[str, ...]
    data: str

    @classmethod
    def of(cls, problem: Problem) -> "_Facts":
        return cls(problem.training, problem.cycles, problem.data.classes, problem.data.digest)


def replaced(before: PlanRecord, now: PlanRecord) -> tuple[str, ...]:
    """Return the data sets of which runs see another content than they saw before."""
    saw = {run.id: before.data[run.data] for run in before.runs if run.data < len(before.data)}
    return tuple(
        dict.fromkeys(run.dataset for run in now.runs if saw.get(run.id, now.data[run.data]) != now.data[run.data])
    )


def warnings(found: list[Chain], device: str = "cpu") -> tuple[str, ...]:
    """Return what a reader of the results should know of the protocol, each once."""
    said = (_validation_is_large(chain.spec, device) for chain in found)
    return tuple(dict.fromkeys(each for each in said if each))


def _validation_is_large(spec: RunSpec, device: str) -> str | None:
    problem = opened(spec, device)
    labelled, validating = problem.first, len(spec.partition.validating(problem.rows.validation, problem.first))
    if validating <= labelled:
        return None
    return (
        f"{spec.dataset.label}: {validating} validation rows beside {labelled} labelled ones. Whoever had so many "
        "labels would train on them, so recipes chosen by them flatter what a small budget can do (Oliver et al. 2018, "
        "'Realistic Evaluation of Deep Semi-Supervised Learning Algorithms'); lower partition.validation, or let it "
        "grow: validation: {scale: 0.25}."
    )
