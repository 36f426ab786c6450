"""Compute some runs of a card again, and compare what comes out with what the card tells.

A card comes from anyone. Nothing in it is executed: code that its spec names has to be given by hand.
"""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from torchal.digest import seed_of
from torchal.experiment import ExperimentSpec
from torchal.fingerprint import accept, fingerprint
from torchal.host import Host, prepare
from torchal.loop import run
from torchal.records import PlannedRun
from torchal.report.agreement import compared
from torchal.report.card import Card
from torchal.report.carded import made
from torchal.report.frame import Experiment
from torchal.report.reproduction import Reproduction
from torchal.runspec import BASELINE, RunSpec
from torchal.spec import Spec
from torchal.spec_file import SpecError, apply_override
from torchal.store import Event, Store

_AXES = ("dataset", "model", "strategy", "partition", "seed", "setting", "recipe", "tuning", "pool", "oracle")


def reproduce(  # noqa: PLR0913 - which runs of a card, where, and who hears of it
    card: Card,
    host: Host,
    sample: int | None = 3,
    draw: int = 0,
    tolerance: float | None = None,
    overrides: Iterable[str] = (),
    named: Iterable[str] = (),
    *,
    listener: Callable[[Event], None] = lambda _: None,
) -> Reproduction:
    """Compute runs of a card into a folder of results, and compare.

    Args:
        card: what is to be checked.
        host: where and how to compute; what is in its folder of results is not computed again.
        sample: how many runs, beside those of random that they are paired with; None for all.
        draw: number of the sample; the author of a card knows the first and not yours.
        tolerance: by how many points a test accuracy may be off under a fingerprint that is not the card's.
        overrides: where on this machine things lie, as ``dataset.0.path=FOLDER``.
        named: dotted names of plug-ins that may be imported.
        listener: hears how it goes.

    Raises:
        ValueError: if its spec names code that was not given, or what is not on this machine, or gives other runs than
            the card has.
    """
    host = prepare(host)
    specs = checked(card, experiment_of(card, overrides, {*named, *(file.stem for file in host.files)}))
    chosen = sampled(card, sample, draw)
    commits: list[Event] = []
    with Store(host.results / "store", _counting(commits, listener)) as store:
        accept(store, host.results, host.device, host.threads, mixed=host.mixed)
        records = tuple(run(specs[planned.id], store, host.device) for planned in chosen)
    plan = card.plan.model_copy(update={"runs": chosen})
    now = made(Experiment(plan, records, ()), host.results)
    known = fingerprint(host.device, host.threads) in card.fingerprints
    return compared(card, now, known=known, tolerance=tolerance, computed=len(commits))


def _counting(commits: list[Event], listener: Callable[[Event], None]) -> Callable[[Event], None]:
    def hear(event: Event) -> None:
        if event.kind == "commit":
            commits.append(event)
        listener(event)

    return hear


# --- which runs -------------------------------------------------------------------------------------------------------


def sampled(card: Card, sample: int | None, draw: int = 0) -> tuple[PlannedRun, ...]:
    """Return which runs are computed again, in the plan's order.

    Partitions and seeds are gone through in an order drawn by the card's digest, and in each the strategies in another,
    random's run being added to those it is paired with.

    Raises:
        ValueError: if no run is finished.
    """
    finished = {record.id for record in card.runs if record.finished}
    runs = [planned for planned in card.plan.runs if planned.id in finished]
    if not runs:
        raise ValueError(f"{card.name}: no run of the card is finished, so none can be checked; ask for it later.")
    rng = np.random.default_rng(seed_of("sample", card.digest, draw))
    order = [runs[number] for number in rng.permutation(len(runs))]
    cells = list(dict.fromkeys(map(_cell, order)))
    others = [each for cell in cells for each in order if _cell(each) == cell and each.strategy != BASELINE]
    taken = (others or order)[: len(order) if sample is None else sample]
    met = {*map(_cell, taken)}
    return tuple(each for each in runs if each in taken or (each.strategy == BASELINE and _cell(each) in met))


def _cell(run: PlannedRun) -> tuple[Any, ...]:
    """Return what the runs of all strategies have in common that are paired."""
    return (run.dataset, run.model, run.source, run.condition, run.partition, run.seed)


def checked(card: Card, experiment: ExperimentSpec) -> dict[str, RunSpec]:
    """Return the runs of a card's spec by their id.

    Raises:
        ValueError: if they are not those that the card tells of.
    """
    few = prod(len(getattr(experiment, axis)) for axis in _AXES) <= len(card.plan.runs)  # a spec may mean a billion
    specs = {spec.id: spec for spec in experiment.runs()} if few else {}
    if [*specs] != [planned.id for planned in card.plan.runs]:
        versions = ", ".join(dict.fromkeys(each.torchal for each in card.fingerprints)) or "of an unknown number"
        raise ValueError(
            f"{card.name}: its spec gives other runs here than the card tells of; install the version of torchal that "
            f"wrote it ({versions}), and let --set name only where things lie."
        )
    conditions = dict(zip(specs, experiment.conditions(), strict=True))
    told = {record.id: record.spec for record in card.runs}
    for planned in card.plan.runs:
        if _told(specs[planned.id], conditions[planned.id]) != _told_of(planned) or (
            told.get(planned.id, specs[planned.id].identity()) != specs[planned.id].identity()
        ):
            raise ValueError(
                f"{card.name}: what the card says run {planned.id} is, its spec does not say; it is forged."
            )
    return specs


def _told(spec: RunSpec, condition: str) -> tuple[Any, ...]:
    source = spec.source.model.label if spec.source else ""
    places = (spec.dataset.label, spec.model.label, source, condition, spec.partition.id, spec.seed)
    return (spec.strategy.label, *places)


def _told_of(run: PlannedRun) -> tuple[Any, ...]:
    return (run.strategy, *_cell(run))


# --- a spec from a stranger -------------------------------------------------------------------------------------------


def experiment_of(card: Card, overrides: Iterable[str] = (), given: Iterable[str] = ()) -> ExperimentSpec:
    """Return the experiment of a card's spec.

    Args:
        card: whose.
        overrides: where things lie here.
        given: names of plug-ins from outside torchal that are trusted.

    Raises:
        ValueError: if it names code that is not trusted, or a path that is not on this machine, or is no spec.
    """
    document = deepcopy(card.plan.protocol)
    for override in overrides:
        apply_override(document, override)
    in_words = {"name", "about"}
    _refuse_code(card.name, {key: value for key, value in document.items() if key not in in_words}, frozenset(given))
    try:
        experiment = ExperimentSpec.model_validate(document)
    except ValidationError as error:
        raise SpecError.of(f"the spec of card {card.name}", error) from None
    for place, path in _located(experiment):
        if not path.exists():
            raise ValueError(
                f"{card.name}: {place}: {path} is not on this machine; say where it lies here by --set {place}=PATH"
            )
    return experiment


def _refuse_code(card: str, document: Any, given: frozenset[str]) -> None:
    """Refuse a spec that would have a module imported or that needs a file of code."""
    found = next((name for name in _code(document) if name not in given), None)
    if found is not None:
        file = found if _is_dotted(found) else f"{found}.py"
        raise ValueError(
            f"{card}: its spec asks for '{found}', which is code from outside torchal; read that code, and if "
            f"you trust it, give it by --with {file}"
        )


def _code(value: Any) -> Iterator[str]:
    """Yield whatever in a document may be the name of a plug-in from outside torchal."""
    match value:
        case {"name": str(name), "source": str()}:
            yield name
    match value:
        case dict():
            for each in value.values():
                yield from _code(each)
        case list():
            for each in value:
                yield from _code(each)
        case str() if _is_dotted(value) and _can_be_imported(value):
            yield value


def _is_dotted(name: str) -> bool:
    return "." in name or ":" in name


def _can_be_imported(name: str) -> bool:
    """Return whether there is a module that a dotted name begins with; nothing is imported to find out."""
    top = name.partition(":")[0].partition(".")[0]
    try:
        return bool(top) and find_spec(top) is not None
    except ValueError:  # of a module that is loaded and does not say from where
        return True


def _located(value: Any, place: str = "") -> Iterator[tuple[str, Path]]:
    """Yield the places of a spec that say where something lies, by their path, and what they say."""
    if isinstance(value, tuple):
        for number, each in enumerate(value):
            yield from _located(each, f"{place}.{number}")
    elif isinstance(value, Spec):
        for name in type(value).model_fields:
            below, inner = f"{place}.{name}".lstrip("."), getattr(value, name)
            if name in value.locations and isinstance(inner, Path):
                yield below, inner
            else:
                yield from _located(inner, below)
