"""An experiment as one file that can be shared: what was asked for, every score, every row that was chosen, its cost.

A card is JSON with a field a line. What there is much of is packed (see :mod:`torchal.report.packed`). ``digest`` is
that of all other fields, unpacked, but ``machine``. Seconds, joules and commits come out otherwise every time, so with
them in the digest no two computations would have the same card. They are believed, not checked: nothing is decided by
them.
"""

import json
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from torchal.digest import canonical, digest_of
from torchal.records import Fingerprint, PlannedRun, PlanRecord, Record, RunRecord
from torchal.report.frame import Experiment, Unfinished
from torchal.report.packed import packed, parsed, unpacked

FORMAT: Literal["torchal card 1"] = "torchal card 1"
LARGEST, UNPACKED = 2**25, 2**27
"""Bytes of a card, and of the JSON that one of its fields may unpack to: ten times what 200 runs on CIFAR take."""

_PACKED = ("runs", "firsts", "chosen", "digests", "cost")
_UNCOVERED = ("digest", "machine")
_COUNT = 2**53
"""Counts below it are the same as a float."""

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class First(Record):
    """What a run began with."""

    dataset: Digest
    """Of the data set's content."""
    labelled: Digest
    """Of the examples and labels that its first network was trained on."""
    validation: Digest | None
    """Of those that validated it."""
    rows: Digest | None = None
    """Of the labelled, pool and validation rows; None of a run that asks for no labels."""


class Chosen(Record):
    """The rows of one query."""

    gaps: tuple[Annotated[int, Field(ge=0, lt=_COUNT)], ...]
    """The rows in rising order: the first, then how much further each of the others is."""
    order: Digest
    """Of the list of rows in the order in which they were chosen."""

    @classmethod
    def of(cls, rows: tuple[int, ...]) -> Self:
        """Return some rows as a card holds them."""
        rising = sorted(rows)
        return cls(
            gaps=tuple(after - before for before, after in zip([0, *rising], rising, strict=False)),
            order=digest_of(rows),
        )

    @property
    def rows(self) -> frozenset[int]:
        """The rows."""
        return frozenset(accumulate(self.gaps))


class Spent(Record):
    """What one activity of a run cost, counted, what runs share in each of them; None is what is not known."""

    run: str
    activity: str
    trials: int | None
    epochs: int | None
    images: int | None
    evaluated: int | None
    flops: int | None


class Timed(Record):
    """What one activity of a run took."""

    run: str
    activity: str
    seconds: float | None
    joules: float | None


class Machine(Record):
    """Facts of the machines that computed the results, which come out otherwise every time."""

    commits: tuple[str, ...] = ()
    """Of torchal, that wrote the results."""
    timed: tuple[Timed, ...] = ()


class Card(Record):
    """An experiment as one file."""

    format: Literal["torchal card 1"] = FORMAT
    digest: str = ""
    """Of all but itself and ``machine``."""
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")
    plan: PlanRecord
    """What was asked for; its ``protocol`` is the experiment's spec, every default written out."""
    fingerprints: tuple[Fingerprint, ...]
    """With what the results were computed."""
    runs: tuple[RunRecord, ...]
    """Those that have begun, in the plan's order."""
    firsts: dict[str, First]
    """Run to what it began with."""
    chosen: dict[Digest, Chosen]
    """Key of a query, which runs may share, to the rows that it chose."""
    digests: dict[Digest, Digest]
    """Key of an entry of the store to the digest of the list of its files' digests."""
    cost: tuple[Spent, ...]
    machine: Machine = Machine()

    @model_validator(mode="after")
    def _runs_of_the_plan(self) -> Self:
        planned = {run.id: run for run in self.plan.runs}
        if len({run.id for run in self.runs}) < len(self.runs) or self.plan.experiment != self.name:
            raise ValueError("it has a run twice, or the plan of another experiment")
        for run in self.runs:
            if (fault := _fault(run, planned.get(run.id))) is not None:
                raise ValueError(f"run '{run.id}' {fault}")
        return self

    @property
    def experiment(self) -> Experiment:
        """What reports are made from. What stopped a run is not in a card, since tracebacks speak of a machine."""
        measured = {run.id: len(_measured(run)) for run in self.runs}
        finished = {run.id for run in self.runs if run.finished}
        left = (Unfinished(run, measured.get(run.id, 0), None) for run in self.plan.runs if run.id not in finished)
        return Experiment(self.plan, self.runs, tuple(left))

    @property
    def unknown(self) -> int:
        """How many queries there are of which the rows are not in the card."""
        entries = (entry for run in self.runs for cycle in run.cycles for entry in cycle.keys.items())
        return len({key for stage, key in entries if stage in QUERIES} - self.chosen.keys())

    def sealed(self) -> Self:
        """Return the card with its digest."""
        return self.model_copy(update={"digest": _digest(self.model_dump(mode="json"))})

    def text(self) -> str:
        """Return what is written: a field a line."""
        fields = self.model_dump(mode="json")
        fields |= {name: packed(fields[name]) for name in _PACKED}
        return "{\n" + ",\n".join(f"{json.dumps(name)}: {canonical(value)}" for name, value in fields.items()) + "\n}\n"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a card from anyone.

        Raises:
            ValueError: if it is too large, no card, one of another version, or was changed.
        """
        try:
            return cls._of(_fields(path))
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            reason = f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}"
        except ValueError as error:
            reason = str(error)
        raise ValueError(f"{path}: cannot be read as a card: {reason}; ask whoever wrote it for the file again.")

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> Self:
        if fields.get("digest") != _digest(fields):
            raise ValueError("its content is not what its digest says, so it was changed after it was written")
        return cls.model_validate(fields)


QUERIES = frozenset({"start", "query"})
"""Stages that choose rows."""


def is_card(path: Path) -> bool:
    """Return whether a file begins as a card does."""
    with path.open("rb") as file:
        return f'"{FORMAT.rpartition(" ")[0]} '.encode() in file.read(64)


def _fields(path: Path) -> dict[str, Any]:
    """Return the fields of a card, unpacked and not yet checked."""
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it is larger than {LARGEST:,} bytes, which no card is")
    fields = parsed(path.read_bytes())
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise ValueError(f"its format is not '{FORMAT}', the only one that this version of torchal reads")
    return fields | {name: unpacked(fields[name], UNPACKED) for name in _PACKED if isinstance(fields.get(name), str)}


def _digest(fields: dict[str, Any]) -> str:
    return digest_of({name: value for name, value in fields.items() if name not in _UNCOVERED})


def _fault(run: RunRecord, planned: PlannedRun | None) -> str | None:
    """Return why a run's record cannot be what its plan asked for."""
    axes = ("strategy", "dataset", "model", "partition", "seed")
    if planned is None or any(getattr(planned, name) != getattr(run, name) for name in axes):
        return "is not as its plan has it"
    if run.finished and _measured(run) != {cycle for cycle, stage in planned.stages if stage == "measure"}:
        return "is said to be finished, and is not"
    if any(not -_COUNT < (number or 0) < _COUNT for number in _counts(run)):
        return "holds a number that counts nothing"
    return None


def _measured(run: RunRecord) -> set[int]:
    return {cycle.cycle for cycle in run.cycles if cycle.test is not None}


def _counts(run: RunRecord) -> Iterator[float | None]:
    yield run.seed
    for cycle in run.cycles:
        yield from (cycle.cycle, cycle.labelled, cycle.paid, cycle.queried, cycle.cost)
