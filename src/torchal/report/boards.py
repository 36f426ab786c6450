"""Strategies of several cards in tables, one for each data set, network and protocol: there, ranks mean something."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from torchal.digest import canonical, digest_of, seed_of
from torchal.records import RunRecord
from torchal.report.card import Card
from torchal.report.compare import BASELINE, common, gains, summary
from torchal.report.frame import GROUP, frame
from torchal.statistics.ranked import rank_intervals

_WHOSE = frozenset({"strategy", "seed", "first_seed"})
"""Parts of a run's spec that are compared or averaged over."""
_WHICH = frozenset({"drawn", "published", "content", "name", "cycles"})
"""What says of a partition which one it is, not what it is like."""
_SHORT, _FEW = 32, 4
"""Letters of a value, and values, that tell one protocol from another in words."""

Protocol = Mapping[str, Any]


@dataclass(frozen=True)
class Entrant:
    """What a card has to say on one board."""

    file: str
    """Name of the card's copy."""
    card: Card
    protocol: Protocol
    rows: pd.DataFrame
    """A row a strategy, as :func:`torchal.report.compare.summary` gives them, with its cost."""
    gains: pd.DataFrame
    """Strategies by partitions, or by seeds where there is one: mean difference from random."""


@dataclass(frozen=True)
class Board:
    """A table in which strategies can be compared."""

    dataset: str
    model: str
    source: str
    condition: str
    """What tells its protocol from those of other boards with its data set and network."""
    protocol: Protocol
    rows: pd.DataFrame


def boards(entrants: Iterable[Entrant]) -> list[Board]:
    """Return the boards of what some cards have to say.

    Rows of several cards are in one board only if they have the same protocol: data set and its content, network,
    sizes of partitions, setting, recipe, tuning, pool and oracle.
    """
    found: dict[str, list[Entrant]] = {}
    for entrant in entrants:
        found.setdefault(canonical(entrant.protocol), []).append(entrant)
    conditions = _conditions([some[0].protocol for some in found.values()])
    made = [_board(some, condition) for some, condition in zip(found.values(), conditions, strict=True)]
    return sorted(made, key=lambda board: (board.dataset, board.model, board.source, board.condition))


def entrants(file: str, card: Card) -> list[Entrant]:
    """Return what a card has to say, for each data set, network and condition in it.

    Args:
        file: name of the card's copy.
        card: which.

    Raises:
        ValueError: if nothing can be compared.
    """
    kept, _ = common(frame(card.experiment))
    told, gained = summary(kept), gains(kept)
    return [_entrant(file, card, rows, gained) for _, rows in told.groupby(GROUP, sort=False)]


def _entrant(file: str, card: Card, rows: pd.DataFrame, gained: pd.DataFrame) -> Entrant:
    place = {name: str(rows[name].iloc[0]) for name in GROUP}
    planned = {run.id for run in card.plan.runs if all(getattr(run, name) == value for name, value in place.items())}
    protocol = _protocol(place, card, [run for run in card.runs if run.id in planned])
    own = gained[(gained[GROUP] == list(place.values())).all(axis=1)]
    return Entrant(file, card, protocol, _costed(rows, card, planned), _by_unit(own))


def _protocol(here: Mapping[str, str], card: Card, runs: list[RunRecord]) -> Protocol:
    """Return all that runs have to have in common for their strategies to be compared."""
    points = {canonical(point): point for point in map(_of_run, runs)}
    data = {card.firsts[run.id].dataset for run in runs if run.id in card.firsts}
    axes = {name: here[name] for name in ("dataset", "model", "source")}
    return {"labels": axes, "content": sorted(data), "runs": [points[key] for key in sorted(points)]}


def _of_run(run: RunRecord) -> dict[str, Any]:
    point = {name: value for name, value in run.spec.items() if name not in _WHOSE}
    partition = point.get("partition")
    if isinstance(partition, dict):
        kind = next((name for name in ("drawn", "published") if name in partition), "imported")
        point["partition"] = {"kind": kind} | {name: each for name, each in partition.items() if name not in _WHICH}
    return point


def _costed(rows: pd.DataFrame, card: Card, runs: set[str]) -> pd.DataFrame:
    """Add what a finished run of each strategy cost on average, in epochs and operations."""
    known = pd.DataFrame([each.model_dump() for each in card.cost], columns=["run", "epochs", "flops"], dtype=object)
    strategies = {run.id: run.strategy for run in card.runs if run.finished and run.id in runs}
    of_runs = known[known["run"].isin(strategies)].astype({"epochs": float, "flops": float})
    sums = of_runs.groupby("run", sort=False)[["epochs", "flops"]].sum(min_count=1, skipna=False)
    means = sums.groupby(sums.index.map(strategies)).mean()
    return rows.join(means, on="strategy")


def _by_unit(gained: pd.DataFrame) -> pd.DataFrame:
    """Return mean differences of strategies by what they are replicated over; random differs from itself by nothing."""
    if gained.empty:
        return pd.DataFrame()
    unit = "partition" if len(set(gained["partition"])) > 1 else "seed"
    wide = gained.pivot_table(index="strategy", columns=unit, values="value", aggfunc="mean", sort=True)
    wide.loc[BASELINE] = 0.0
    return wide


# --- one board --------------------------------------------------------------------------------------------------------


def _board(entrants: list[Entrant], condition: str) -> Board:
    labels = entrants[0].protocol["labels"]
    rows = pd.concat([each.rows.assign(file=each.file) for each in entrants], ignore_index=True)
    ranked = rows.merge(_ranks(entrants), on=["file", "strategy"], how="left")
    ordered = ranked.sort_values(["rank", "aubc"], ascending=[True, False], kind="stable", na_position="last")
    return Board(
        labels["dataset"],
        labels["model"],
        labels["source"],
        condition,
        entrants[0].protocol,
        ordered.reset_index(drop=True),
    )


def _ranks(entrants: list[Entrant]) -> pd.DataFrame:
    """Return the rank of each strategy of each card by its difference from random, and its 95 % interval.

    Cards whose partitions have the same names are resampled together, since these are the same partitions.
    """
    blocks: dict[tuple[str, ...], list[tuple[str, pd.DataFrame]]] = {}
    for each in entrants:
        if not each.gains.empty:
            blocks.setdefault(tuple(map(str, each.gains.columns)), []).append((each.file, each.gains))
    names = [(file, strategy) for some in blocks.values() for file, table in some for strategy in table.index]
    columns = ["file", "strategy", "rank", "rank_low", "rank_high"]
    if not names:
        return pd.DataFrame(columns=columns)
    tables = [np.concatenate([table.to_numpy() for _, table in some]) for some in blocks.values()]
    rng = np.random.default_rng(seed_of("rank", canonical(entrants[0].protocol)))
    bounds = rank_intervals(tables, rng)
    return pd.DataFrame([(*name, *row) for name, row in zip(names, bounds.tolist(), strict=True)], columns=columns)


# --- protocols in words -----------------------------------------------------------------------------------------------


def _conditions(protocols: list[Protocol]) -> list[str]:
    """Return for each protocol in what it differs from others with its data set and network, in words."""
    leaves = [dict(_leaves(each)) for each in protocols]
    labels = [canonical(each["labels"]) for each in protocols]
    alike = {label: [own for own, other in zip(leaves, labels, strict=True) if other == label] for label in labels}
    return [_difference(own, alike[label]) for own, label in zip(leaves, labels, strict=True)]


def _difference(own: Mapping[str, str], others: list[dict[str, str]]) -> str:
    telling = [path for path in own if any(each.get(path) != own[path] for each in others)]
    told = [f"{path} {own[path]}".strip() for path in telling[:_FEW]]
    return ", ".join(told) + (", ..." if len(telling) > _FEW else "")


def _leaves(value: Any, path: str = "") -> Iterable[tuple[str, str]]:
    """Return the fields of a protocol by their path in words."""
    if isinstance(value, dict) and value:
        pairs = [(f"{path} {name}".strip().removeprefix("runs "), each) for name, each in value.items()]
        return [leaf for name, each in pairs for leaf in _leaves(each, name)]
    if isinstance(value, list) and len(value) == 1:
        return _leaves(value[0], path)
    text = value if isinstance(value, str) else canonical(value)
    return [(path, text if len(text) <= _SHORT else digest_of(value)[:8])]
