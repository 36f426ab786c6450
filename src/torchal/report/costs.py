"""What results cost, in tables and sentences: means of finished runs, the whole, and what is unfair or not known."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.table import Column, Table
from rich.text import Text

from torchal.report.compare import BASELINE
from torchal.report.ledger import ACTIVITIES, COUNTED, Cost, Ledger, Line, Place, summed, total

_TOLERATED = 0.1
"""Share by which epochs of tuning may differ from the baseline's before it is said."""
_FLOP = {"EFLOP": 10**18, "PFLOP": 10**15, "TFLOP": 10**12, "GFLOP": 10**9, "MFLOP": 10**6}
_TIME = {"h": 3600, "min": 60, "s": 1}
_ENERGY = {"kWh": 3_600_000, "Wh": 3600}


@dataclass(frozen=True)
class Mean:
    """What a finished run of a strategy costs on average."""

    strategy: str
    activity: str
    runs: int
    cost: dict[str, float | None]
    """Field of a cost to its mean; None where it is not known."""


def means(ledger: Ledger) -> dict[Place, list[Mean]]:
    """Return, in each place, the mean over a strategy's finished runs of what each activity costs, as used."""
    found: dict[Place, list[Mean]] = {}
    for (place, strategy), lines in _by_strategy(ledger).items():
        runs = len({line.run.id for line in lines})
        for activity in ACTIVITIES:
            cost = total(line for line in lines if line.activity == activity)
            shares = {name: None if value is None else value / runs for name, value in vars(cost).items()}
            found.setdefault(place, []).append(Mean(strategy, activity, runs, shares))
    return found


def document(ledger: Ledger) -> dict[str, Any]:
    """Return the ledger as JSON values: means of finished runs as used, all that was paid, and what is to be said."""
    used = [
        {"place": list(place), "strategy": mean.strategy, "activity": mean.activity, "runs": mean.runs, **mean.cost}
        for place, some in means(ledger).items()
        for mean in some
    ]
    notes = [*gaps(ledger), *untimed(ledger)]
    return {"used": used, "paid": vars(total(ledger.paid())), "unfair": unfair(ledger), "notes": notes}


def _by_strategy(ledger: Ledger) -> dict[tuple[Place, str], list[Line]]:
    found: dict[tuple[Place, str], list[Line]] = {}
    for line in ledger.lines:
        if line.run.id in ledger.finished:
            found.setdefault((line.place, line.run.strategy), []).append(line)
    return found


# --- sentences --------------------------------------------------------------------------------------------------------


def unfair(ledger: Ledger) -> list[str]:
    """Return a sentence for each strategy that was not tuned with the effort of the one it is compared with.

    That is random, or else the first; compared are finished runs on the same partitions and seeds.
    """
    tuning = {group: _tuning(lines) for group, lines in _by_strategy(ledger).items()}
    found = []
    for (place, strategy), own in tuning.items():
        base = BASELINE if (place, BASELINE) in tuning else next(name for where, name in tuning if where == place)
        shared = own.keys() & tuning[place, base].keys()
        mine, other = (summed(each[pair] for pair in shared) for each in (own, tuning[place, base]))
        if _differ(mine, other):
            found.append(
                f"Tuning effort differs on {said(place)}: {strategy} had {_tuned(mine, len(shared))} a run and {base} "
                f"{_tuned(other, len(shared))}; part of a difference between them may come from that."
            )
    return found


def _tuning(lines: list[Line]) -> dict[tuple[str, int], Cost]:
    """Return what tuning cost for each run, by what pairs it with runs of other strategies."""
    of_run = {(line.run.partition, line.run.seed): line.run.id for line in lines}
    return {
        pair: total(line for line in lines if line.run.id == run and line.activity == "tuning")
        for pair, run in of_run.items()
    }


def _differ(one: Cost, base: Cost) -> bool:
    if one.trials is None or base.trials is None or one.epochs is None or base.epochs is None:
        return False  # what is not known is told elsewhere
    return one.trials != base.trials or abs(one.epochs - base.epochs) > _TOLERATED * base.epochs


def _tuned(cost: Cost, runs: int) -> str:
    trials, epochs = (number(value / runs) for value in (cost.trials, cost.epochs) if value is not None)
    return f"{trials} trials and {epochs} epochs"


def spent(ledger: Ledger) -> str:
    """Return what was paid for and how much rests on it, in a sentence."""
    paid, used = total(ledger.paid()), total(ledger.lines)
    if not ledger.lines:
        return "No cost is recorded with these results."
    if paid.flops is None or used.flops is None:
        return "What the experiment cost in all is not known."
    unit = _unit([used.flops], _FLOP)
    shared = len(ledger.paid()) < len(ledger.lines)
    return (
        f"The experiment cost {paid.trials:,} trials, {paid.epochs:,} epochs, {paid.images:,} examples trained on and "
        f"{_in(unit, _FLOP, paid.flops)} {unit}"
        + (
            f", counting once what runs share, or {_in(unit, _FLOP, used.flops)} {unit} without sharing." * shared
            or "."
        )
    )


def gaps(ledger: Ledger) -> list[str]:
    """Return what is not counted, in sentences."""
    paid, found = ledger.paid(), []
    if missing := sum(line.cost.flops is None for line in paid):
        found.append(
            f"Of {missing} of {len(paid)} entries the cost is not known, because they are not in the store beside "
            "these results or were written before it was counted; whatever it belongs to is left blank."
        )
    if own := dict.fromkeys(line.run.strategy for line in ledger.lines if line.stage == "own"):
        found.append(f"Networks that strategies train for themselves ({', '.join(own)}) are in the seconds alone.")
    return found


def untimed(ledger: Ledger) -> list[str]:
    """Return which seconds are not known, in sentences."""
    paid = ledger.paid()
    missing = sum(line.cost.seconds is None for line in paid)
    return [f"Of {missing} of {len(paid)} entries no seconds are known; their sums are left blank."] if missing else []


def said(place: Place) -> str:
    """Return a data set, a model and perhaps a condition in words."""
    return ", ".join([" with ".join(place[:2]), *place[2:]])


# --- tables -----------------------------------------------------------------------------------------------------------


def cells(some: list[Mean]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows of what a run costs that is the same on every machine."""
    unit = _unit([mean.cost["flops"] for mean in some], _FLOP)
    headings = ["strategy", "for", "runs", "trials", "epochs", "examples trained on", "examples passed forward", unit]
    return headings, [[mean.strategy, mean.activity, str(mean.runs), *_counts(mean, unit)] for mean in some]


def _counts(mean: Mean, unit: str) -> list[str]:
    return [*(number(mean.cost[name]) for name in COUNTED[:-1]), _in(unit, _FLOP, mean.cost["flops"])]


def shown(ledger: Ledger) -> list[Table | Text]:
    """Return the ledger for the terminal, with seconds and energy."""
    sentences = [*unfair(ledger), spent(ledger), *gaps(ledger), *untimed(ledger)]
    return [*(_table(place, some) for place, some in means(ledger).items()), *map(Text, sentences)]


def _table(place: Place, some: list[Mean]) -> Table:
    headings, rows = cells(some)
    time = _unit([mean.cost["seconds"] for mean in some], _TIME)
    energy = _unit([mean.cost["joules"] for mean in some], _ENERGY)
    table = Table(
        Column(headings[0], overflow="fold"),
        *headings[1:],
        time,
        energy,
        title=Text(f"What a finished run costs on average: {said(place)}"),
    )
    for mean, row in zip(some, rows, strict=True):
        facts = (_in(time, _TIME, mean.cost["seconds"]), _in(energy, _ENERGY, mean.cost["joules"]))
        table.add_row(*(Text(cell) for cell in (*row, *facts)))
    return table


def _unit(values: Iterable[float | None], units: dict[str, int]) -> str:
    """Return the largest unit that the largest value fills, or the smallest there is."""
    most = max((value for value in values if value is not None), default=0)
    return next((unit for unit, size in units.items() if most >= size), list(units)[-1])


def _in(unit: str, units: dict[str, int], value: float | None) -> str:
    return "" if value is None else f"{value / units[unit]:.3g}"


def number(value: float | None) -> str:
    """Return a count, or a mean of counts, as text."""
    return "" if value is None else f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
