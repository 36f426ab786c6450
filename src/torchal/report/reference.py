"""Published results, as values: what others measured, how they came about, and how well that is known.

They stand in ``reference.yaml`` beside this file, which says where each comes from.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from torchal.records import Record
from torchal.spec_file import SpecError, read_yaml

Count = Annotated[int, Field(ge=1)]
PerCent = Annotated[float, Field(gt=0, le=100)]
Points = Annotated[float, Field(ge=0, le=100)]
Kind = Literal["table", "plot"]
Recipe = Literal["plain", "strong", "other"]


class Protocol(Record):
    """How published results came about, in the words of a spec; None is what is not known."""

    training: Count
    """Rows of the training side."""
    epochs: Count | None = None
    randaugment: bool | None = None
    averaging: Annotated[int, Field(ge=0)] | None = None
    """Further epochs whose weights are averaged (SWA)."""
    schedule: str | None = None
    init: str | None = None
    augment: str | None = None
    class_weights: str | None = None
    scope: str | None = None
    """Who searches for recipes."""
    trials: Count | None = None
    sampler: str | None = None
    pruner: str | None = None
    retrain: bool | None = None
    space: dict[str, tuple[float | str, ...]] | None = None
    """What a search may propose: choices, or the two ends of a range."""
    labelled: Count | None = None
    """Labels before the first query."""
    budget: Count | None = None
    """Labels bought by a query."""
    validation: Count | None = None
    partitions: tuple[str, ...] | None = None
    noise: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the labels bought that are drawn at random."""
    imbalance: str | None = None
    """Shape of the class counts of the first labels."""
    source: str | None = None
    """The network that chose the rows; empty if it is the one that learns them."""


class Table(Record):
    """Accuracies that were published together."""

    source: str
    kind: Kind
    error: Annotated[float, Field(gt=0)] | None = None
    """How far a reading off a plot may be off, in points."""
    dataset: str
    model: str
    recipe: Recipe
    condition: str = ""
    runs: Count | None = None
    note: str = ""
    protocol: Protocol
    labelled: tuple[Count, ...] = Field(min_length=1)
    first: PerCent | None = None
    """Of all strategies at the first count; rows of accuracies then begin at the second."""
    accuracy: dict[str, tuple[PerCent, ...]] = Field(min_length=1)
    """Of each strategy, in per cent."""
    deviation: dict[str, tuple[Points | None, ...]] = Field(default_factory=dict)
    """Standard deviation over runs, in points."""

    @model_validator(mode="after")
    def _counts_rise(self) -> Self:
        if any(after <= before for before, after in pairwise(self.labelled)):
            raise ValueError("labelled: counts must rise; sort them")
        return self

    @model_validator(mode="after")
    def _rows_are_as_long(self) -> Self:
        length = len(self.labelled) - (self.first is not None)
        for name, rows in (("accuracy", self.accuracy), ("deviation", self.deviation)):
            for strategy, row in rows.items():
                if len(row) != length:
                    raise ValueError(
                        f"{name}.{strategy}: has {len(row)} numbers for {length} counts; give one for each"
                    )
        return self

    @model_validator(mode="after")
    def _deviations_have_means(self) -> Self:
        for strategy in self.deviation:
            if strategy not in self.accuracy:
                raise ValueError(f"deviation.{strategy}: there is no accuracy of that strategy; give one or remove it")
        return self

    @model_validator(mode="after")
    def _readings_have_errors(self) -> Self:
        if (self.kind == "plot") != (self.error is not None):
            raise ValueError("error: belongs to what was read off a plot, and to nothing else; set it for kind plot")
        return self


class Reference(Record):
    """The content of the file."""

    protocols: dict[str, Protocol]
    """Protocols that tables refer to."""
    tables: dict[str, Table]


@dataclass(frozen=True)
class Published:
    """One published learning curve."""

    table: str
    """Name of the table it belongs to: curves of one table were measured alike."""
    source: str
    dataset: str
    model: str
    strategy: str
    recipe: Recipe
    """``plain``, ``strong`` (RandAugment and weight averaging), or ``other`` where it is not known."""
    labelled: tuple[int, ...]
    accuracy: tuple[float, ...]
    """Shares from 0 to 1."""
    deviation: tuple[float | None, ...]
    """Standard deviation over runs, as shares; None where it was not published."""
    kind: Kind
    error: float | None
    """How far a reading off a plot may be off, as a share; None for printed numbers."""
    runs: int | None
    condition: str
    """What is special about it, in words; empty for the usual."""
    note: str
    protocol: Protocol


def read(path: Path) -> tuple[Published, ...]:
    """Return the curves of a file of published results.

    Raises:
        SpecError: naming each field that is wrong.
    """
    try:
        found = Reference.model_validate(read_yaml(path))
    except ValidationError as error:
        raise SpecError.of(str(path), error) from None
    return tuple(_curve(name, table, strategy) for name, table in found.tables.items() for strategy in table.accuracy)


@cache
def published() -> tuple[Published, ...]:
    """Return all published curves that torchal knows."""
    with as_file(files("torchal.report") / "reference.yaml") as path:
        return read(path)


def matching(dataset: str, model: str) -> tuple[Published, ...]:
    """Return the published curves of a data set and a network, given by their labels, whatever options these show."""
    return tuple(each for each in on(dataset) if each.model == bare(model))


def on(dataset: str) -> tuple[Published, ...]:
    """Return the published curves of a data set, which may be read by a source of another name under its title."""
    return tuple(each for each in published() if each.dataset == bare(dataset) or _entitled(dataset, each.dataset))


def bare(label: str) -> str:
    """Return a label's name: ``bald`` of ``bald(samples=10)``."""
    return label.partition("(")[0]


def options(label: str) -> str:
    """Return what a label shows beside the name: ``samples=10`` of ``bald(samples=10)``."""
    return label.partition("(")[2].removesuffix(")")


def _entitled(label: str, title: str) -> bool:
    return f"title={title}" in options(label).split(", ")


def _curve(name: str, table: Table, strategy: str) -> Published:
    first, n = (() if table.first is None else (table.first,)), len(table.accuracy[strategy])
    deviation = (*(None for _ in first), *table.deviation.get(strategy, (None,) * n))
    return Published(
        table=name,
        source=table.source,
        dataset=table.dataset,
        model=table.model,
        strategy=strategy,
        recipe=table.recipe,
        labelled=table.labelled,
        accuracy=tuple(_share(each) for each in (*first, *table.accuracy[strategy])),
        deviation=tuple(None if each is None else _share(each) for each in deviation),
        kind=table.kind,
        error=None if table.error is None else _share(table.error),
        runs=table.runs,
        condition=table.condition,
        note=table.note,
        protocol=table.protocol,
    )


def _share(percent: float) -> float:
    """Return per cent as a share, free of what division adds in the last digits."""
    return round(percent / 100, 10)
