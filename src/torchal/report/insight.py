"""What searches show: how the best grew, which fields mattered, and how the optimum moved as labels were added."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

import altair as alt

from torchal.report.figures import GREY, Figure, Look, finished
from torchal.report.searches import SHARED, Search, Searches
from torchal.report.tables import Grid


@dataclass(frozen=True)
class Insight:
    """What the searches of one data set, model and condition show."""

    place: str
    searches: int
    pruned: int
    """Trials that a pruner stopped."""
    failed: int
    """Trials that diverged."""
    trials: int
    progress: list[Figure]
    importance: Grid | None
    moves: list[Figure]
    sentences: list[str]

    @property
    def figures(self) -> list[Figure]:
        """All charts."""
        return [*self.progress, *self.moves]


def told(searches: Searches, style: Look) -> list[Insight]:
    """Return what searches show, for each data set, model and condition."""
    return [_told(name, some, style, number) for number, (name, some) in enumerate(searches.by_place().items())]


def _told(name: str, searches: list[Search], style: Look, number: int) -> Insight:
    states = Counter(trial.state for each in searches for trial in each.record.trials)
    return Insight(
        place=name,
        searches=len(searches),
        pruned=states["pruned"],
        failed=states["failed"],
        trials=states.total(),
        progress=progress(searches, style, number),
        importance=importance(searches),
        moves=moves(searches, style, number),
        sentences=moved(searches),
    )


# --- the best so far --------------------------------------------------------------------------------------------------


def progress(searches: list[Search], style: Look, number: int) -> list[Figure]:
    """Return for each cycle a chart of the best validation accuracy so far against trials, a line for each strategy."""
    cycles = sorted({each.cycle for each in searches})
    return [_progress([each for each in searches if each.cycle == cycle], style, number) for cycle in cycles]


def _progress(searches: list[Search], style: Look, number: int) -> Figure:
    rows = []
    for whose in dict.fromkeys(each.whose for each in searches):
        lines = [each.best_so_far() for each in searches if each.whose == whose]
        rows += [
            {"strategy": whose, "trial": trial, "mean": round(100 * fmean(reached), 2), "n": len(reached)}
            for trial, at in enumerate(zip(*lines, strict=False), 1)
            if (reached := [each for each in at if each is not None])
        ]
    y = alt.Y("mean:Q", title="best validation accuracy (%)", scale=alt.Scale(zero=False))
    line = (
        alt.Chart(alt.InlineData(values=_changing(rows)))
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X("trial:Q", title="trials", scale=alt.Scale(zero=False)),
            y=y,
            color=_colour(searches, style),
            tooltip=["strategy:N", "trial:Q", alt.Tooltip("mean:Q", title="best so far (%)"), "n:Q"],
        )
    )
    cycle = searches[0].cycle
    caption = f"cycle {cycle}, {_labels(searches)} labelled"
    return Figure(f"progress-{number}-{cycle}", caption, finished([line], 190, f"Best so far in {caption}."))


def _changing(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows at which a line begins, ends or changes, which is all that steps need."""
    kept, before = [], dict[str, dict[str, Any]]()
    for row in rows:
        last = before.get(row["strategy"])
        if last is None or (last["mean"], last["n"]) != (row["mean"], row["n"]):
            kept.append(row)
        before[row["strategy"]] = row
    return [*kept, *(row for row in before.values() if row not in kept)]


# --- importance -------------------------------------------------------------------------------------------------------


def importance(searches: list[Search]) -> Grid | None:
    """Return the mean importance of each field in each cycle; None if no search has trials enough."""
    from torchal.report.importance import importances  # noqa: PLC0415 - Optuna takes most of a second to load

    shares = [(each.cycle, found) for each in searches if (found := importances(each))]
    if not shares:
        return None
    counts = Counter(cycle for cycle, _ in shares)
    fields = sorted({path for _, found in shares for path in found})
    rows = [
        [path, *(_mean([found[path] for at, found in shares if at == cycle and path in found]) for cycle in counts)]
        for path in fields
    ]
    return Grid(["field", *(f"cycle {cycle}, n = {count}" for cycle, count in counts.items())], rows)


# --- how the optimum moved --------------------------------------------------------------------------------------------


def moves(searches: list[Search], style: Look, number: int) -> list[Figure]:
    """Return a chart of the chosen value against labels for each field that is a range."""
    ranges = {path: domain for each in searches for path, domain in each.space.items() if "choices" not in domain}
    return [
        _move(path, ranges[path], searches, style, f"moves-{number}-{at}") for at, path in enumerate(sorted(ranges))
    ]


def _move(path: str, domain: dict[str, Any], searches: list[Search], style: Look, name: str) -> Figure:
    rows = [
        {"strategy": each.whose, "labelled": each.labelled, "value": each.chosen.proposal[path]}
        | {"partition": each.partition}
        for each in searches
        if path in each.chosen.proposal
    ]
    middle = [
        {"labelled": labelled, "value": median(row["value"] for row in rows if row["labelled"] == labelled)}
        for labelled in sorted({row["labelled"] for row in rows})
    ]
    scale = alt.Scale(type="log" if domain["log"] else "linear", domain=[domain["low"], domain["high"]])
    x = alt.X(
        "labelled:Q", title="labelled examples", scale=alt.Scale(zero=False, padding=12), axis=alt.Axis(tickCount=5)
    )
    y = alt.Y("value:Q", title=path, scale=scale, axis=_axis(domain))
    line = alt.Chart(alt.InlineData(values=middle)).mark_line(strokeWidth=2, color=GREY).encode(x=x, y=y)
    points = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_point(filled=True, size=55, opacity=0.75)
        .encode(
            x=x,
            y=y,
            color=_colour(searches, style),
            tooltip=["strategy:N", "partition:N", "labelled:Q", alt.Tooltip("value:Q", title=path, format=".3~g")],
        )
    )
    return Figure(name, path, finished([line, points], 190, f"Chosen {path} against labelled examples; grey: median."))


def _axis(domain: dict[str, Any]) -> alt.Axis:
    """Return an axis, which names the powers of ten where a range on a logarithmic scale has several."""
    if domain["log"]:
        powers = range(math.ceil(math.log10(domain["low"])), math.floor(math.log10(domain["high"])) + 1)
        if len(powers) > 1:
            return alt.Axis(format=".0e", values=[10.0**power for power in powers])
    return alt.Axis(format="~g", tickCount=5)


def moved(searches: list[Search]) -> list[str]:
    """Return a sentence for each field: what was chosen at the fewest labels and at the most."""
    first, last = (pick(each.labelled for each in searches) for pick in (min, max))
    ends = [[each for each in searches if each.labelled == labelled] for labelled in (first, last)]
    if first == last:
        return []
    fields = sorted({path for each in searches for path in each.space})
    return [
        f"{path}: {_usual(path, ends[0])} at {first} labelled, {_usual(path, ends[1])} at {last} "
        f"({_said(path, searches)}, n = {len(ends[0])} and {len(ends[1])})."
        for path in fields
    ]


def _usual(path: str, searches: list[Search]) -> str:
    chosen = [each.chosen.proposal[path] for each in searches if path in each.chosen.proposal]
    if not chosen:
        return "not proposed"
    if _ordered(path, searches):
        return f"{median(chosen):.3g}"
    value, count = Counter(map(str, chosen)).most_common(1)[0]
    return f"{value} ({count} of {len(chosen)})"


def _said(path: str, searches: list[Search]) -> str:
    return "medians" if _ordered(path, searches) else "most frequent"


def _ordered(path: str, searches: list[Search]) -> bool:
    return all("choices" not in each.space[path] for each in searches if path in each.space)


# --- shared -----------------------------------------------------------------------------------------------------------


def _colour(searches: list[Search], style: Look) -> alt.Color:
    names = list(dict.fromkeys(each.whose for each in searches))
    colours = [_MAUVE if name == SHARED else style.colour(name) for name in names]
    legend = alt.Legend(title=None, orient="bottom", labelLimit=260) if len(names) > 1 else None
    return alt.Color("strategy:N", scale=alt.Scale(domain=names, range=colours), legend=legend)


_MAUVE = "#8C6BB1"  # of searches that several strategies share: no strategy's


def _labels(searches: list[Search]) -> str:
    counts = sorted({each.labelled for each in searches})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _mean(values: Iterable[float]) -> str:
    found = list(values)
    return f"{100 * fmean(found):.0f} %" if found else ""
