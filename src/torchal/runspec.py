"""The spec of a run: one point of an experiment, all that its results depend on, and nothing else."""

from dataclasses import dataclass
from typing import Any

from torchal.data.dataset import AnySource
from torchal.data.draw import AnyPartition
from torchal.data.oracle import Answers
from torchal.data.pool import Pool
from torchal.digest import canonical, canonical_of, digest_of, digest_of_text
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
        told = _Told.of(self, cycles)
        return [self.stage_identity(cycle, stage, told) for cycle, stage in self.plan(cycles)]

    def stage_identity(self, cycle: int, stage: StageName, told: "_Told | None" = None) -> str:
        """Return what tells a stage from all others before anything has run; equal for stages that runs share.

        Until the first query the strategy plays no part, and a search belongs to the run that makes it.

        Args:
            cycle: of the stage.
            stage: its name.
            told: what all stages of this run are told by, if it is known already.
        """
        if stage == "tune" and (tuner := self.tuned_by(cycle)) is not None and tuner != (self, cycle):
            return tuner[0].stage_identity(tuner[1], stage)
        if stage in {"start", "query"} and self.source is not None:
            return self.chooser.stage_identity(cycle, stage)
        told = told or _Told.of(self, cycle + 1)
        own = {part: dict(told.whole[part]) for part in ("setting", "tuning")}
        if self.setting.cycles != "all":
            del own["setting"]["cycles"]
        if isinstance(self.setting.budget, tuple):
            own["setting"]["budget"] = own["setting"]["budget"][: cycle + (stage == "query")]
        own["tuning"]["scope"] = told.searchers[: cycle + 1]
        unseen = {"first_seed"}
        if cycle == 0 and stage != "query":
            unseen |= self._before_queries(own, stage)
        texts = told.texts | {part: canonical(value) for part, value in own.items()}
        spec = canonical_of({part: text for part, text in texts.items() if part not in unseen})
        return digest_of_text(f"[{spec},{cycle},{canonical(stage)}]")

    def _before_queries(self, own: dict[str, Any], stage: StageName) -> set[str]:
        """Take out of an identity what has played no part before the first query, and return what does as a whole."""
        own["setting"] = self.setting.start.identity() if self.setting.start else None
        if stage == "tune":
            del own["tuning"]["retrain"]
        unseen = {"tuning", "recipe"} if stage == "start" else set()
        if self.setting.start is None:
            unseen.add("source")
        if self.setting.start is None or self.setting.start.strategy is not None:
            unseen.add("strategy")
        return unseen

    def searcher(self, cycle: int) -> list[Any]:
        """Return whose search serves a cycle, so that scopes which come to the same share their stages."""
        tuner = self.tuned_by(cycle)
        if tuner is None:
            return []
        run, when = tuner
        whose = run.strategy.label if when and run.strategy != self.strategy else ""
        return [whose, run.seed, when]


@dataclass(frozen=True)
class _Told:
    """What the stages of a run are told by: its identity, as JSON too, since a plan may have a hundred thousand."""

    whole: dict[str, Any]
    texts: dict[str, str]
    searchers: list[list[Any]]

    @classmethod
    def of(cls, spec: RunSpec, cycles: int) -> "_Told":
        whole = spec.identity()
        texts = {part: canonical(value) for part, value in whole.items()}
        return cls(whole, texts, [spec.searcher(cycle) for cycle in range(cycles)])


BASELINE = "random"
"""Name of the strategy that others are compared with, and on whose sets all search in scope ``shared``."""


def baseline() -> Strategy:
    """Return the strategy that others are compared with."""
    return resolve(Strategy, BASELINE)()  # type: ignore[return-value]  # resolve keeps the kind
