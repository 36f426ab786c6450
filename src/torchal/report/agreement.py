"""How far runs that were computed again agree with the card that tells of them, both being cards."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from torchal.records import CycleRecord, RunRecord
from torchal.report.card import QUERIES, Card, Chosen
from torchal.report.compare import areas
from torchal.report.frame import GROUP, frame, scores
from torchal.report.reproduction import Cycle, Reproduction

_DEVIATIONS = 3
"""So many standard deviations of a difference are let pass, since many differences are looked at."""
_CELL = [*GROUP, "partition", "seed"]


def compared(card: Card, now: Card, *, known: bool, tolerance: float | None = None, computed: int = 0) -> Reproduction:
    """Compare a card with one of some of its runs that were computed again.

    Args:
        card: what is to be checked.
        now: of the runs that were computed again.
        known: whether they were computed under one of the card's fingerprints.
        tolerance: by how many points a test accuracy may be off under another; None for :func:`tolerances`.
        computed: how many entries were computed for it.
    """
    allowed, before = tolerances(card, 0 if known else tolerance), {run.id: run for run in card.runs}
    cycles = (each for run in now.runs for each in _cycles(card, before[run.id], now, run, allowed))
    table = _paired(card, now)
    last = table[table["cycle"] == table.groupby(GROUP)["cycle"].transform("max")]
    surfaces = areas(table).merge(areas(table.assign(value=table["now"])), on=[*_CELL, "strategy"])
    return Reproduction(
        name=card.name,
        total=len(card.runs),
        cycles=tuple(cycles),
        known=known,
        foreign=tuple(each for run in now.runs for each in _foreign(card, before[run.id], now, run)),
        tau=_tau(surfaces, "value_x", "value_y"),
        tau_last=_tau(last, "value", "now"),
        computed=computed,
    )


def tolerances(card: Card, points_: float | None = None) -> dict[tuple[str, int], float]:
    """Return for each run and cycle by how much test accuracy may be off under another fingerprint, as a share.

    Sums are rounded otherwise there, so that networks and then choices drift apart and a run becomes another run of
    the same kind. The card shows how far such runs differ: by s, the standard deviation at that cycle of a strategy's
    seeds on a partition, or of its partitions where there is one seed. Two of them differ by less than three times the
    square root of 2 times s. Never less is allowed than two standard errors of an accuracy on so many test examples, a
    point where there are 10,000.
    """
    examples = {(run.id, cycle.cycle): cycle.test.examples for run in card.runs for cycle in run.cycles if cycle.test}
    if points_ is not None:
        return dict.fromkeys(examples, points_ / 100)
    table = scores(frame(card.experiment))
    seeds, partitions = (_variance(table, by) for by in (["strategy", "partition"], ["strategy"]))
    allowed = _DEVIATIONS * np.sqrt(2 * seeds.fillna(partitions).fillna(0))
    places = zip(table["run"], table["cycle"], strict=True)
    return {place: max(by, max(examples[place], 1) ** -0.5) for place, by in zip(places, allowed.tolist(), strict=True)}


def _variance(table: pd.DataFrame, within: list[str]) -> "pd.Series[float]":
    """Return for each row the variance of such runs at its cycle, its mean over all that are compared there."""
    place = [*GROUP, "cycle"]
    own = table.groupby([*place, *within])["value"].transform("var")
    return own.groupby([table[name] for name in place]).transform("mean")


def _cycles(
    card: Card, before: RunRecord, now: Card, run: RunRecord, allowed: dict[tuple[str, int], float]
) -> Iterator[Cycle]:
    measured = {cycle.cycle: cycle for cycle in before.cycles}
    for new in run.cycles:
        old = measured.get(new.cycle)
        if old is None or old.test is None or new.test is None:
            continue
        rows, rows_now = _queries(card, old), _queries(now, new)
        entries = Counter(_entries(card, old, now, new))
        yield Cycle(
            run=run.id,
            cycle=old.cycle,
            before=old.test.accuracy,
            now=new.test.accuracy,
            tolerance=allowed[run.id, old.cycle],
            **_overlap(rows, rows_now),
            equal=entries.pop("", 0),
            different=(*entries, *_recorded(old, new), *_otherwise(rows, rows_now)),
        )


def _entries(card: Card, old: CycleRecord, now: Card, new: CycleRecord) -> Iterator[str]:
    """Yield for each entry of a cycle in what it differs, which is nothing if it is the same; as far as it is known."""
    for stage, key in old.keys.items():
        if new.keys.get(stage) != key:
            yield f"{stage} has another key, so its inputs or its version are others"
        elif key in card.digests:
            yield "" if card.digests[key] == now.digests.get(key) else f"files of {stage} differ"


def _recorded(old: CycleRecord, new: CycleRecord) -> Iterator[str]:
    for name in CycleRecord.model_fields:
        if name != "keys" and getattr(old, name) != getattr(new, name):
            yield f"{name} is not as recorded"


def _queries(card: Card, cycle: CycleRecord) -> list[Chosen]:
    keys = [key for stage, key in sorted(cycle.keys.items()) if stage in QUERIES]
    return [card.chosen[key] for key in keys if key in card.chosen]


def _overlap(old: list[Chosen], new: list[Chosen]) -> dict[str, float | None]:
    before, now = (frozenset[int]().union(*(each.rows for each in some)) for some in (old, new))
    if not before or not now:
        return {"common": None, "jaccard": None}
    return {"common": len(before & now) / len(before), "jaccard": len(before & now) / len(before | now)}


def _otherwise(old: list[Chosen], new: list[Chosen]) -> Iterator[str]:
    if old and [each.gaps for each in old] != [each.gaps for each in new]:
        yield "other rows were chosen"
    elif old != new and old:
        yield "the same rows were chosen in another order"


def _foreign(card: Card, before: RunRecord, now: Card, run: RunRecord) -> Iterator[str]:
    if run.id in card.firsts and card.firsts[run.id] != now.firsts.get(run.id):
        yield f"{run.id}: began with other data or other first rows"
    if [each.cycle for each in before.cycles] != [each.cycle for each in run.cycles]:
        yield f"{run.id}: has {len(run.cycles)} cycles, and {len(before.cycles)} in the card"


def _paired(card: Card, now: Card) -> pd.DataFrame:
    """Return the card's test accuracy of each cycle that was computed again, and that of now in column ``now``."""
    fresh = scores(frame(now.experiment))[["run", "cycle", "value"]].rename(columns={"value": "now"})
    return scores(frame(card.experiment)).merge(fresh, on=["run", "cycle"])


def _tau(table: pd.DataFrame, before: str, now: str) -> float | None:
    """Return the mean over partitions and seeds of how alike strategies are ranked; None where there are not two."""
    cells = (some for _, some in table.groupby(_CELL) if len(some) > 1)
    found = [float(stats.kendalltau(some[before], some[now]).statistic) for some in cells]
    known = [each for each in found if not np.isnan(each)]
    return float(np.mean(known)) if known else None
