"""What came of computing runs of a card again: a verdict as a sentence, a table and JSON values."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.table import Column, Table

from torchal.report.verdict import points

_LISTED = 20


@dataclass(frozen=True)
class Cycle:
    """One cycle of a run, as the card tells it and as it came out now."""

    run: str
    cycle: int
    before: float
    """Test accuracy in the card, a share from 0 to 1."""
    now: float
    tolerance: float
    """By how much it may be off: nothing under a fingerprint of the card."""
    common: float | None
    """Share of the card's chosen rows that were chosen now too; None where the cycle or the card has none."""
    jaccard: float | None
    """Rows of both over rows of either."""
    equal: int
    """Entries whose files came out byte for byte as before."""
    different: tuple[str, ...]
    """What did not, in words."""

    @property
    def difference(self) -> float:
        """By how much accuracy is higher now."""
        return self.now - self.before


@dataclass(frozen=True)
class Reproduction:
    """What came of computing runs of a card again."""

    name: str
    total: int
    """Runs of the card."""
    cycles: tuple[Cycle, ...]
    known: bool
    """Whether this is a fingerprint of the card, under which every byte has to be the same."""
    foreign: tuple[str, ...]
    """Runs that began with other data or rows than the card's."""
    tau: float | None
    """Kendall's rank correlation of the strategies' areas under the budget curve, mean over partitions and seeds."""
    tau_last: float | None
    """The same at the last budget."""
    computed: int = 0
    """Entries that were computed for this, and not found."""

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs that were computed again."""
        return tuple(dict.fromkeys(each.run for each in self.cycles))

    @property
    def different(self) -> tuple[str, ...]:
        """Whatever is not byte for byte as in the card."""
        return tuple(f"{each.run}, cycle {each.cycle}: {what}" for each in self.cycles for what in each.different)

    @property
    def beyond(self) -> tuple[str, ...]:
        """Scores that are further off than is let pass."""
        return tuple(
            f"{each.run}, cycle {each.cycle}: test accuracy {points(each.difference)} points from the card's, "
            f"{100 * each.tolerance:.1f} allowed"
            for each in self.cycles
            if abs(each.difference) > each.tolerance
        )

    @property
    def faults(self) -> tuple[str, ...]:
        """Why it did not pass."""
        return (*self.foreign, *(self.different if self.known else self.beyond))

    @property
    def same(self) -> bool:
        """Whether every byte came out as before."""
        return not self.foreign and not self.different

    @property
    def passed(self) -> bool:
        """Whether the card holds: to the byte under its own fingerprint, within tolerances under another."""
        return not self.faults

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        what = f"{len(self.runs)} of {self.total} runs of {self.name} under {'the same' if self.known else 'another'}"
        if self.faults:
            more = f"\n... and {len(self.faults) - _LISTED} more" if len(self.faults) > _LISTED else ""
            return f"Not reproduced ({what} fingerprint):\n" + "\n".join(self.faults[:_LISTED]) + more
        entries = sum(each.equal for each in self.cycles)
        how = f"all {entries} entries byte for byte as in the card" if self.known else self._nearness()
        return f"Reproduced {what} fingerprint: {how}. {self.computed} entries were computed for this."

    def _nearness(self) -> str:
        largest = max((abs(each.difference) for each in self.cycles), default=0.0)
        rows = [each.common for each in self.cycles if each.common is not None]
        told = [f"every test accuracy within its tolerance, the largest difference {100 * largest:.1f} points"]
        told += [f"{100 * np.mean(rows):.0f} % of the chosen rows in common"] if rows else []
        told += [f"Kendall's tau of the strategies {self.tau:.2f}"] if self.tau is not None else []
        return "; ".join(told)

    def document(self) -> dict[str, Any]:
        """Return it as JSON values; accuracies are shares from 0 to 1."""
        verdict = {name: getattr(self, name) for name in ("passed", "same", "sentence", "runs", "faults")}
        return asdict(self) | verdict

    def table(self) -> Table:
        """Return it for the terminal, a line for each run."""
        table = Table(Column("run", overflow="fold"), "rows in common", "off by", "allowed", "equal", "different")
        for run in self.runs:
            table.add_row(run, *_cells([each for each in self.cycles if each.run == run]))
        return table


def _cells(cycles: list[Cycle]) -> Iterator[str]:
    rows = [each.common for each in cycles if each.common is not None]
    worst = max(cycles, key=lambda each: abs(each.difference) - each.tolerance)
    yield f"{100 * np.mean(rows):.0f} %" if rows else ""
    yield points(worst.difference)
    yield f"{100 * worst.tolerance:.1f}"
    yield str(sum(each.equal for each in cycles))
    yield str(sum(len(each.different) for each in cycles))
