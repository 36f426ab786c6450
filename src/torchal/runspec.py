"""The spec of a run: one point of an experiment, all that its results depend on, and nothing else."""

from typing import Any

from torchal.data.dataset import AnySource
from torchal.data.draw import AnyPartition
from torchal.data.oracle import Answers
from torchal.data.pool import Pool
from torchal.digest import digest_of
from torchal.models import AnyModel
from torchal.query import AnyStrategy, Strategy
from torchal.records import StageName
from torchal.rng import Address
from torchal.setting import Setting
from torchal.spec import Spec, resolve
from torchal.training.recipe import Recipe
from torchal.tuning.tuning import Tuning


class Source(Spec):
    """The network by which a strategy chose the rows that another network is trained on."""

    model: AnyModel
    tuning: Tuning
    """How its recipe was found."""
    recipe: Recipe | None = None
    """How it was trained, if otherwise than the run's network."""


class RunSpec(Spec):
    """One point of an experiment: all that its results depend on, and nothing else."""

    dataset: AnySource
    model: AnyModel
    strategy: AnyStrategy
    partition: AnyPartition
    seed: int
    setting: Setting
    recipe: Recipe
    tuning: Tuning
    pool: Pool = Pool()
    oracle: Answers = Answers()
    source: Source | None = None
    """The network that its queries are made with, if not its own: they are another run's, see :attr:`chooser`."""
    first_seed: int
    """The seed that searches in the scopes ``first_seed`` and ``shared``."""

    @property
    def id(self) -> str:
        """A name that is readable and unique: strategy, partition, seed and the start of the spec's digest."""
        name = self.strategy.plugin_name().rpartition(".")[2].replace(":", "-")
        return f"{name}-{self.partition.id}-s{self.seed}-{digest_of(self.identity())[:8]}"

    def where(self, cycle: int) -> Address:
        """Return the address of all randomness in a cycle. Strategies share it, so that they differ by choice alone."""
        return (self.partition.id, self.seed, cycle)

    def tuned_by(self, cycle: int) -> tuple["RunSpec", int] | None:
        """Return the run and the cycle whose search serves a cycle of this run, or None if nobody searches."""
        match self.tuning.scope:
            case "fixed":
                return None
            case "first_cycle":
                return self, 0
            case "first_seed":
                return self._but(self.strategy, self.first_seed), cycle
            case "shared":
                by_random = self.strategy.model_copy(update={"by": BASELINE}) if self.partition.told else baseline()
                return self._but(by_random, self.first_seed), cycle
            case "every_run":
                return self, cycle

    def _but(self, strategy: Strategy, seed: int) -> "RunSpec":
        """Return the run of another strategy and seed that is otherwise as this one."""
        partition = self.partition.of(strategy.label, seed)
        return self.model_copy(update={"strategy": strategy, "seed": seed, "partition": partition})

    @property
    def chooser(self) -> "RunSpec":
        """The run that makes the queries: this one, or that of the network it takes its rows from."""
        if self.source is None:
            return self
        recipe = self.source.recipe or self.recipe
        its = {"model": self.source.model, "tuning": self.source.tuning, "recipe": recipe}
        return self.model_copy(update={**its, "source": None})

    def plan(self, cycles: int) -> tuple[tuple[int, StageName], ...]:
        """Return the (cycle, stage) pairs of this run in order, if it has so many cycles."""
        steps: list[tuple[int, StageName]] = [(0, "start")] if self.setting.start else []
        for cycle in range(cycles):
            if self.tuned_by(cycle) is not None:
                steps.append((cycle, "tune"))
            steps += [(cycle, "fit"), (cycle, "measure")]
            if cycle + 1 < cycles and not self.partition.told:
                steps.append((cycle, "query"))
        return tuple(steps)

    def stage_identities(self, cycles: int) -> list[str]:
        """Return the identities of all stages of :meth:`plan`, in its order."""
        whole = self.identity()
        return [self.stage_identity(cycle, stage, whole) for cycle, stage in self.plan(cycles)]

    def stage_identity(self, cycle: int, stage: StageName, whole: dict[str, Any] | None = None) -> str:
        """Return what tells a stage from all others before anything has run; equal for stages that runs share.

        Until the first query the strategy plays no part, and a search belongs to the run that makes it.

        Args:
            cycle: of the stage.
            stage: its name.
            whole: this run's identity, if it is known already.
        """
        if stage == "tune" and (tuner := self.tuned_by(cycle)) is not None and tuner != (self, cycle):
            return tuner[0].stage_identity(tuner[1], stage)
        if stage in {"start", "query"} and self.source is not None:
            return self.chooser.stage_identity(cycle, stage)
        spec = dict(whole or self.identity())
        spec |= {part: dict(spec[part]) for part in ("setting", "tuning")}
        if self.setting.cycles != "all":
            del spec["setting"]["cycles"]
        if isinstance(self.setting.budget, tuple):
            spec["setting"]["budget"] = spec["setting"]["budget"][: cycle + (stage == "query")]
        del spec["first_seed"]
        spec["tuning"]["scope"] = [self._searcher(each) for each in range(cycle + 1)]
        if cycle == 0 and stage != "query":
            self._before_queries(spec, stage)
        return digest_of([spec, cycle, stage])

    def _before_queries(self, spec: dict[str, Any], stage: StageName) -> None:
        """Take out of an identity what has played no part before the first query."""
        spec["setting"] = self.setting.start.identity() if self.setting.start else None
        if self.setting.start is None:
            del spec["source"]
        if self.setting.start is None or self.setting.start.strategy is not None:
            del spec["strategy"]
        if stage == "tune":
            del spec["tuning"]["retrain"]
        if stage == "start":
            del spec["tuning"], spec["recipe"]

    def _searcher(self, cycle: int) -> list[Any]:
        """Return whose search serves a cycle, so that scopes which come to the same share their stages."""
        tuner = self.tuned_by(cycle)
        if tuner is None:
            return []
        run, when = tuner
        whose = run.strategy.label if when and run.strategy != self.strategy else ""
        return [whose, run.seed, when]


BASELINE = "random"
"""Name of the strategy that others are compared with, and on whose sets all search in scope ``shared``."""


def baseline() -> Strategy:
    """Return the strategy that others are compared with."""
    return resolve(Strategy, BASELINE)()  # type: ignore[return-value]  # resolve keeps the kind
