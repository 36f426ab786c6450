"""What an experiment can work on next.

A run's next step is ready once nobody else is at work on the same identity. A step that several runs share belongs to
one of them, a search to the run that makes it; the others wait. Where several processes are at work, a search is taken
apart into its trials: each is computed wherever there is room, and the search then finds them in the store.
"""

import heapq
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
    """The parts of an experiment that are ready, at work or done.

    What can start lies in a heap and what waits is found by the identity it waits for, so that a part costs the same
    in an experiment of ten runs and of ten thousand.
    """

    def __init__(self, found: list[Chain], *, apart: bool) -> None:
        """Begin with what is finished.

        Args:
            found: the runs.
            apart: whether searches are taken apart into their trials.
        """
        self._chains, self._apart = found, apart
        self._owner = _owners(found)
        self._place = {chain.spec.id: place for place, chain in enumerate(found)}
        self._done = {step.identity for chain in found for step in chain.steps[: len(chain.finished)]}
        self._trials: dict[str, _Trials] = {}  # of searches that are taken apart
        self._started: set[str] = set()
        self._failed: set[str] = set()
        self._able: list[tuple[int, int]] = []
        """Runs that have something to start: how many steps they have finished, and their place."""
        self._waits: dict[str, list[Chain]] = {}
        """Runs by the identity of their next step."""
        self._passed: list[Chain] = []
        for chain in found:
            self._next(chain)

    @property
    def finished(self) -> int:
        """How many steps are done, those that runs share counted once."""
        return len(self._done)

    @property
    def total(self) -> int:
        """How many steps there are, those that runs share counted once."""
        return len(self._owner)

    def take(self, most: int) -> list[Part]:
        """Return parts that can start, those of runs with the longest way to go first; they are at work from now on."""
        taken: list[Part] = []
        while self._able and len(taken) < most:
            _, place = heapq.heappop(self._able)
            chain = self._chains[place]
            if chain.spec.id not in self._failed:
                taken += self._parts(chain, most - len(taken))
        return taken

    def done(self, part: Part) -> None:
        """Take note of a part that is computed."""
        if part.trial is None:
            self._note(part.step.identity)
            return
        self._trials[part.step.identity].left.pop(part.trial)
        self._offer(part.chain)

    def failed(self, part: Part) -> bool:
        """Take note of a part that cannot be computed, which ends its run; return whether it is the run's first."""
        first = part.chain.spec.id not in self._failed
        self._failed.add(part.chain.spec.id)
        return first

    def passed(self) -> list[Chain]:
        """Return the runs whose next step is done, perhaps by another run; each is to be looked at, and told of."""
        passed, self._passed = self._passed, []
        return sorted(passed, key=lambda chain: self._place[chain.spec.id])

    def moved(self, chain: Chain, before: int) -> None:
        """Take note of a run that has passed steps since it had so many finished."""
        for step in chain.steps[before : len(chain.finished)]:
            self._note(step.identity)
        self._next(chain)

    def waiting(self) -> list[tuple[Chain, str]]:
        """Return the runs that wait for another one, with that one's id."""
        unfinished = [chain for chain in self._chains if chain.next is not None and chain.spec.id not in self._failed]
        return [(chain, self._owner[chain.next.identity]) for chain in unfinished if chain.next is not None]

    def _note(self, identity: str) -> None:
        """Let pass whoever waited for a step that is done."""
        self._done.add(identity)
        self._passed += self._waits.pop(identity, [])

    def _next(self, chain: Chain) -> None:
        """Have a run wait for its next step, and offer that if it is its own."""
        step = chain.next
        if step is None:
            return
        if step.identity in self._done:
            self._passed.append(chain)
            return
        self._waits.setdefault(step.identity, []).append(chain)
        if self._owner[step.identity] == chain.spec.id:
            self._offer(chain)

    def _offer(self, chain: Chain) -> None:
        heapq.heappush(self._able, (len(chain.finished), self._place[chain.spec.id]))

    def _parts(self, chain: Chain, most: int) -> list[Part]:
        """Return what of a run's next step can start; what cannot start yet is offered when a trial is done."""
        step = chain.next
        if step is None or step.identity in self._done or self._owner[step.identity] != chain.spec.id:
            return []  # it was offered before it passed what somebody else had done
        if step.stage != "tune" or not self._apart:
            return self._whole(chain, step)
        trials = self._trials.get(step.identity) or self._trials.setdefault(step.identity, _Trials.of(chain))
        if not trials.left:
            return self._whole(chain, step)
        able = trials.able(chain)
        started = able[:most]
        trials.started.update(started)
        if len(able) > most:
            self._offer(chain)
        return [Part(chain, step, trial) for trial in started]

    def _whole(self, chain: Chain, step: Step) -> list[Part]:
        """Return a step as one part, the first time that it is asked for."""
        if step.identity in self._started:
            return []
        self._started.add(step.identity)
        return [Part(chain, step)]


@dataclass
class _Trials:
    """The trials of one search."""

    left: dict[int, None]
    """Not done, in ascending order."""
    started: set[int]

    @classmethod
    def of(cls, chain: Chain) -> "_Trials":
        return cls(dict.fromkeys(range(chain.spec.tuning.count(chain.spec.recipe))), set())

    def able(self, chain: Chain) -> list[int]:
        """Return the trials that are not started and depend on none that is not done."""
        first = next(iter(self.left))
        return [each for each in self.left if each not in self.started and chain.spec.tuning.known(each) <= first]


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
