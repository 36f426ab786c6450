"""What an experiment can work on next.

A run's next step is ready once nobody else is at work on the same identity. A step that several runs share belongs to
one of them, a search to the run that makes it; the others wait. Where several processes are at work, a search is taken
apart into its trials: each is computed wherever there is room, and the search then finds them in the store.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from torchal.plan import Chain, Step


@dataclass(frozen=True)
class Part:
    """Something that one process computes in one go: a step of a run, or one trial of it."""

    chain: Chain
    step: Step
    trial: int | None = None

    @property
    def said(self) -> str:
        """What it is, in words."""
        trial = "" if self.trial is None else f" trial {self.trial + 1}"
        return f"{self.step.stage} {self.chain.spec.id.rpartition('-')[0]} cycle {self.step.cycle}{trial}"


class Schedule:
    """The parts of an experiment that are ready, at work or done."""

    def __init__(self, found: list[Chain], *, apart: bool) -> None:
        """Begin with what is finished.

        Args:
            found: the runs.
            apart: whether searches are taken apart into their trials.
        """
        self._chains, self._apart = found, apart
        self._owner = _owners(found)
        self._done = {step.identity for chain in found for step in chain.steps[: len(chain.finished)]}
        self._trials: dict[str, dict[int, None]] = {}  # not done, of searches that are taken apart
        self._failed: set[str] = set()

    @property
    def finished(self) -> int:
        """How many steps are done, those that runs share counted once."""
        return len(self._done)

    @property
    def total(self) -> int:
        """How many steps there are, those that runs share counted once."""
        return len(self._owner)

    def ready(self, running: Iterable[Part]) -> list[Part]:
        """Return what can start, that of runs with the longest way to go first."""
        running = list(running)
        able = [
            (chain, chain.next)
            for chain in self._chains
            if chain.next is not None
            and self._owner[chain.next.identity] == chain.spec.id
            and chain.spec.id not in self._failed
        ]
        able.sort(key=lambda each: len(each[0].finished))
        return [part for chain, step in able for part in self._parts(chain, step, running)]

    def _parts(self, chain: Chain, step: Step, running: list[Part]) -> list[Part]:
        at_work = {part.trial for part in running if part.chain is chain}
        if step.stage == "tune" and self._apart:
            tuning, left = chain.spec.tuning, self._left(chain, step)
            if left:
                return [
                    Part(chain, step, trial)
                    for trial in left
                    if trial not in at_work and tuning.known(trial) <= left[0]  # all that it depends on is done
                ]
        return [] if at_work else [Part(chain, step)]

    def _left(self, chain: Chain, step: Step) -> list[int]:
        """Return the trials of a search that are not done, in ascending order."""
        if step.identity not in self._trials:
            self._trials[step.identity] = dict.fromkeys(range(chain.spec.tuning.count(chain.spec.recipe)))
        return list(self._trials[step.identity])

    def done(self, part: Part) -> None:
        """Take note of a part that is computed."""
        if part.trial is None:
            self._done.add(part.step.identity)
        else:
            self._trials[part.step.identity].pop(part.trial)

    def failed(self, part: Part) -> bool:
        """Take note of a part that cannot be computed, which ends its run; return whether it is the run's first."""
        first = part.chain.spec.id not in self._failed
        self._failed.add(part.chain.spec.id)
        return first

    def passed(self) -> list[Chain]:
        """Return the runs whose next step is done, perhaps by another run."""
        return [chain for chain in self._chains if chain.next is not None and chain.next.identity in self._done]

    def found(self, steps: Iterable[Step]) -> None:
        """Take note of steps that a run found to be done."""
        self._done.update(step.identity for step in steps)

    def waiting(self) -> list[tuple[Chain, str]]:
        """Return the runs that wait for another one, with that one's id."""
        unfinished = [chain for chain in self._chains if chain.next is not None and chain.spec.id not in self._failed]
        return [(chain, self._owner[chain.next.identity]) for chain in unfinished if chain.next is not None]


def _owners(found: list[Chain]) -> dict[str, str]:
    """Return, for each identity, the run that computes it: the one that searches, else the first that has it."""
    owner: dict[str, str] = {}
    for chain in found:
        for step in chain.steps:
            if step.stage != "tune" or chain.spec.tuned_by(step.cycle) == (chain.spec, step.cycle):
                owner.setdefault(step.identity, chain.spec.id)
    for chain in found:
        for step in chain.steps:
            owner.setdefault(step.identity, chain.spec.id)
    return owner
