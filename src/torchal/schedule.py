"""What an experiment can work on next.

A run's next step is ready once nobody else is at work on the same identity. A step that several runs share belongs to
one of them, a search to the run that makes it and a query to the one whose network makes it; the others wait. Where
several processes are at work, a search is taken apart into its trials and a query by committee into the trainings of
its members, which runs share: each is computed wherever there is room, and the step then finds them in the store.
"""

import heapq
from dataclasses import dataclass, field
from itertools import takewhile

from torchal.plan import Chain, Step


@dataclass(frozen=True)
class Part:
    """Something that one process computes in one go: a step of a run, or one piece of it."""

    chain: Chain
    step: Step
    number: int | None = None
    """Of a trial of a search, or a member of a committee."""

    @property
    def said(self) -> str:
        """What it is, in words."""
        piece = "trial" if self.step.stage == "tune" else "member"
        which = "" if self.number is None else f" {piece} {self.number + 1}"
        return f"{self.step.stage} {self.chain.id.rpartition('-')[0]} cycle {self.step.cycle}{which}"


class Schedule:
    """The parts of an experiment that are ready, at work or done.

    What can start lies in a heap and what waits is found by the identity it waits for, so that a part costs the same
    in an experiment of ten runs and of ten thousand.
    """

    def __init__(self, found: list[Chain], *, apart: bool) -> None:
        """Begin with what is finished.

        Args:
            found: the runs.
            apart: whether searches and committees are taken apart.
        """
        self._chains, self._apart = found, apart
        self._owner, self._length = _owners(found), _lengths(found)
        self._place = {chain.id: place for place, chain in enumerate(found)}
        self._done = {step.identity for chain in found for step in chain.steps[: len(chain.finished)]}
        self._pieces: dict[str, _Pieces] = {}  # of steps that are taken apart
        self._started: set[str] = set()
        self._failed: set[str] = set()
        self._able: list[tuple[int, int]] = []
        """Runs that have something to start: less the stages of the longest chain from there, and their place."""
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
        """Return parts that can start, those first that the longest chain waits for; they are at work from now on."""
        taken: list[Part] = []
        while self._able and len(taken) < most:
            _, place = heapq.heappop(self._able)
            chain = self._chains[place]
            if chain.id not in self._failed:
                taken += self._parts(chain, most - len(taken))
        return taken

    def done(self, part: Part) -> None:
        """Take note of a part that is computed."""
        if part.number is None:
            self._note(part.step.identity)
            return
        pieces = self._pieces[_shared(part.chain, part.step)]
        pieces.done.add(part.number)
        self._offer_all(pieces)

    def failed(self, part: Part) -> bool:
        """Take note of a part that cannot be computed, which ends its run; return whether it is the run's first.

        Other runs that wait for a member of the same committee try it themselves.
        """
        first = part.chain.id not in self._failed
        self._failed.add(part.chain.id)
        if part.number is not None:
            pieces = self._pieces[_shared(part.chain, part.step)]
            pieces.started.discard(part.number)
            self._offer_all(pieces)
        return first

    def passed(self) -> list[Chain]:
        """Return the runs whose next step is done, perhaps by another run; each is to be looked at, and told of."""
        passed, self._passed = self._passed, []
        return sorted(passed, key=lambda chain: self._place[chain.id])

    def moved(self, chain: Chain, before: int) -> None:
        """Take note of a run that has passed steps since it had so many finished."""
        for step in chain.steps[before : len(chain.finished)]:
            self._note(step.identity)
        self._next(chain)

    def waiting(self) -> list[tuple[Chain, str]]:
        """Return the runs that wait for another one, with that one's id."""
        unfinished = [chain for chain in self._chains if chain.next is not None and chain.id not in self._failed]
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
        if self._owner[step.identity] == chain.id:
            self._offer(chain)

    def _offer(self, chain: Chain) -> None:
        if chain.next is not None:
            heapq.heappush(self._able, (-self._length[chain.next.identity], self._place[chain.id]))

    def _offer_all(self, pieces: "_Pieces") -> None:
        for chain in pieces.users.values():
            self._offer(chain)

    def _parts(self, chain: Chain, most: int) -> list[Part]:
        """Return what of a run's next step can start; what cannot start yet is offered when a piece is done."""
        step = chain.next
        if step is None or step.identity in self._done or self._owner[step.identity] != chain.id:
            return []  # it was offered before it passed what somebody else had done
        count = _count(chain, step) if self._apart else 0
        if not count:
            return self._whole(chain, step)
        pieces = self._pieces.setdefault(_shared(chain, step), _Pieces())
        left = [each for each in range(count) if each not in pieces.done]
        if not left:
            pieces.users.pop(chain.id, None)
            return self._whole(chain, step)
        pieces.users[chain.id] = chain
        idle = (each for each in left if each not in pieces.started)
        able = list(takewhile(lambda number: _known(chain, step, number) <= left[0], idle))
        pieces.started.update(able[:most])
        if len(able) > most:
            self._offer(chain)
        return [Part(chain, step, number) for number in able[:most]]

    def _whole(self, chain: Chain, step: Step) -> list[Part]:
        """Return a step as one part, the first time that it is asked for."""
        if step.identity in self._started:
            return []
        self._started.add(step.identity)
        return [Part(chain, step)]


@dataclass
class _Pieces:
    """The trials of a search, or the members of committees that are trained alike."""

    done: set[int] = field(default_factory=set)
    started: set[int] = field(default_factory=set)
    """At work or done."""
    users: dict[str, Chain] = field(default_factory=dict)
    """Runs that wait for some of them, by their ids."""


def _count(chain: Chain, step: Step) -> int:
    """Return into how many pieces a step can be taken apart; 0 if it cannot."""
    if step.stage == "tune":
        return chain.spec.tuning.count(chain.spec.recipe)
    return chain.spec.strategy.trainings if step.stage == "query" and chain.spec.source is None else 0


def _known(chain: Chain, step: Step, number: int) -> int:
    """Return how many of the first pieces a piece depends on, which is no fewer than that before it does."""
    return chain.spec.tuning.known(number) if step.stage == "tune" else 0


def _shared(chain: Chain, step: Step) -> str:
    """Return what identifies the pieces of a step: members of a committee are trained as the cycle's network is."""
    if step.stage == "tune":
        return step.identity
    return next(each.identity for each in chain.steps if (each.cycle, each.stage) == (step.cycle, "fit"))


def _owners(found: list[Chain]) -> dict[str, str]:
    """Return, for each identity, the run that computes it: the one whose own it is, else the first that has it."""
    owner: dict[str, str] = {}
    for chain in found:
        for step in chain.steps:
            if _own(chain, step):
                owner.setdefault(step.identity, chain.id)
    for chain in found:
        for step in chain.steps:
            owner.setdefault(step.identity, chain.id)
    return owner


def _own(chain: Chain, step: Step) -> bool:
    """Return whether a run computes a step itself, and does not take it from a run that does."""
    if step.stage == "tune":
        return chain.spec.tuned_by(step.cycle) == (chain.spec, step.cycle)
    return chain.spec.source is None or step.stage not in {"start", "query"}


def _lengths(found: list[Chain]) -> dict[str, int]:
    """Return, for each identity, of how many stages the longest chain is that begins with it, from run to run."""
    lengths: dict[str, int] = {}
    for _ in found:  # a chain may go on in another run, and so on, but in each only once
        if not sum(_lengthened(chain, lengths) for chain in found):
            break
    return lengths


def _lengthened(chain: Chain, lengths: dict[str, int]) -> bool:
    """Return whether a run's steps begin longer chains than was known, and note it."""
    longer, after = False, 0
    for identity in reversed(dict.fromkeys(step.identity for step in chain.steps)):  # a search may serve all cycles
        known = lengths.get(identity, 0)
        after = max(after + 1, known)
        longer |= after > known
        lengths[identity] = after
    return longer
