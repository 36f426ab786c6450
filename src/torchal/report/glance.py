"""Pictures of what was bought and a map of the pool, of one run of each strategy: the first that the plan names."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import altair as alt

from torchal.records import Map
from torchal.report.figures import GREY, Figure, Look, finished
from torchal.report.frame import place
from torchal.report.queries import Queries, Query

PLACES, BYTES = 2, 1_200_000
"""Data sets, networks and conditions of which one run is shown, and bytes that pictures may take in the page."""
_POOL, _HEIGHT = 250, 220


@dataclass(frozen=True)
class Strip:
    """Pictures of the first rows of one query, side by side."""

    labelled: float
    source: str
    """The image, as an address that holds all of it."""
    names: list[str]
    """What the oracle said of each."""


@dataclass(frozen=True)
class Glance:
    """What one run of each strategy bought, on one data set, network and condition."""

    place: str
    run: str
    """Which run it is, in words."""
    strips: list[tuple[str, list[Strip]]]
    """By strategy."""
    maps: list[tuple[str, list[Figure]]]
    """A heading, and a map for each strategy."""


def told(queries: Queries, style: Look) -> list[Glance]:
    """Return what is shown of single runs."""
    budget, shown = _Budget(BYTES), list(queries.by_group().items())[:PLACES]
    return [
        _told(f"map-{number}", place(group), _firsts(some), queries, style, budget)
        for number, (group, some) in enumerate(shown)
    ]


@dataclass
class _Budget:
    """How many bytes of pictures may still go into the page."""

    left: int

    def take(self, size: int) -> bool:
        """Return whether there is room, and take it."""
        if size > self.left:
            return False
        self.left -= size
        return True


def _firsts(some: list[Query]) -> dict[str, list[Query]]:
    """Return the queries of each strategy's run on the first partition and seed."""
    first = some[0].run
    found: dict[str, list[Query]] = {}
    for each in some:
        if (each.run.partition, each.run.seed) == (first.partition, first.seed):
            found.setdefault(each.run.strategy, []).append(each)
    return found


def _told(id_: str, where: str, runs: dict[str, list[Query]], queries: Queries, style: Look, budget: _Budget) -> Glance:
    first = next(iter(runs.values()))[0].run
    strips = [(strategy, list(_strips(some, queries, budget))) for strategy, some in runs.items()]
    return Glance(
        place=where,
        run=f"partition {first.partition}, seed {first.seed}",
        strips=[(strategy, some) for strategy, some in strips if some],
        maps=list(_maps(id_, runs, style)),
    )


def _strips(some: list[Query], queries: Queries, budget: _Budget) -> Iterator[Strip]:
    for query in some:
        if not query.view.pictured or not query.pictures.is_file():
            continue
        data = base64.b64encode(query.pictures.read_bytes()).decode()
        if budget.take(len(data)):
            names = queries.names(query)
            said = [names[label] if label >= 0 else "none of the classes" for label in query.view.pictured]
            yield Strip(query.labelled, f"data:image/png;base64,{data}", said)


def _maps(id_: str, runs: dict[str, list[Query]], style: Look) -> Iterator[tuple[str, list[Figure]]]:
    """Yield the maps of the first and the last query that have some."""
    drawn = [{each.labelled: each for each in some if each.view.map} for some in runs.values()]
    budgets = sorted({labelled for each in drawn for labelled in each})
    for labelled in dict.fromkeys([*budgets[:1], *budgets[-1:]]):
        figures = [
            Figure(f"{id_}-{number}-{labelled:g}", strategy, _map(each[labelled].view.map, style.colour(strategy)))
            for number, (strategy, each) in enumerate(zip(runs, drawn, strict=True))
            if labelled in each
        ]
        yield f"Query with {labelled:g} labelled", figures


def _map(found: Map | None, colour: str) -> dict[str, Any]:
    assert found is not None
    pool = [{"x": x, "y": y} for x, y, _ in found.pool[:_POOL]]
    picked = [
        {"x": x, "y": y, "sure": round(100 * sure, 1), "order": order}
        for order, (x, y, sure) in enumerate(found.chosen, 1)
    ]
    axis = alt.Axis(labels=False, ticks=False, grid=False, domain=False, title=None)
    x, y = (alt.X("x:Q", axis=axis, scale=alt.Scale(zero=False)), alt.Y("y:Q", axis=axis, scale=alt.Scale(zero=False)))
    tooltip = [
        alt.Tooltip("order:Q", title="chosen as number"),
        alt.Tooltip("sure:Q", title="network sure of its class (%)", format=".1f"),
    ]
    layers = [
        alt.Chart(alt.InlineData(values=pool)).mark_circle(size=14, opacity=0.35, color=GREY).encode(x=x, y=y),
        alt.Chart(alt.InlineData(values=picked))
        .mark_point(size=28, filled=False, strokeWidth=1.6, opacity=0.9, color=colour)
        .encode(x=x, y=y, tooltip=tooltip),
    ]
    return finished(layers, _HEIGHT, "The pool and the rows chosen, on the plane in which embeddings vary most.")
