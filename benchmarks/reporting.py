"""How large the page of a large experiment is, and how long `torchal report` and `torchal compare` take over it.

The experiment is made up: its records and the entries of its store have the form and the size of real ones, CIFAR-10 in
batches of 500 with a search for each strategy, and its accuracies rise with the budget.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from torchal.digest import digest_of, seed_of
from torchal.records import (
    CycleRecord,
    Effort,
    EpochRecord,
    FitRecord,
    Map,
    PlannedRun,
    PlanRecord,
    QueryRecord,
    Record,
    Reliability,
    RunRecord,
    Scores,
    StageName,
    TrialRecord,
    TuneRecord,
    ViewRecord,
)
from torchal.records import MeasureRecord as Measured

NAME = "synthetic"
STRATEGIES = ("random", "entropy", "margin", "bald(samples=25)", "coreset", "badge", "typiclust", "galaxy")
PARTITIONS, SEEDS, CYCLES = 5, 5, 10
_POOL, _BUDGET, _CLASSES, _EPOCHS, _TRIALS = 50_000, 500, 10, 100, 10
_EFFORT = Effort(epochs=_EPOCHS, images=_EPOCHS * 1000, evaluated=10_000, flops=10**14)
_SPACE = {
    "lr": {"when": {}, "low": 1e-4, "high": 1.0, "log": True, "integer": False, "points": None},
    "batch": {"when": {}, "choices": [32, 64, 128]},
}


def write(results: Path, networks: int = 1, runs: tuple[int, int] = (PARTITIONS, SEEDS)) -> int:
    """Write an experiment that never ran, and return how many runs it has.

    Args:
        results: the folder of results, which is filled as the program would.
        networks: how many networks it compares the strategies with.
        runs: partitions, and seeds on each.
    """
    store, folder = results / "store", results / NAME
    _write(store / "shared", {"fit.json": _fit(), "tune.json": _tune()})
    (folder / "runs").mkdir(parents=True)
    axes = product([f"network-{each}" for each in range(networks)], *(range(1, 1 + each) for each in runs), STRATEGIES)
    records = [_run(store, *each) for each in axes]
    stages: tuple[StageName, ...] = ("tune", "fit", "measure", "query")
    names = ("id", "strategy", "dataset", "model", "partition", "seed")
    planned = [
        PlannedRun(
            **{name: getattr(record, name) for name in names},
            training=_POOL,
            stages=tuple(product(range(CYCLES), stages))[:-1],
        )
        for record in records
    ]
    plan = PlanRecord(
        experiment=NAME, runs=tuple(planned), cycles=CYCLES, classes=(tuple("abcdefghij"),), protocol={"name": NAME}
    )
    _write(folder, {"plan.json": plan} | {f"runs/{each.id}.json": each for each in records})
    return len(records)


def _run(store: Path, network: str, partition: int, seed: int, strategy: str) -> RunRecord:
    cycles = tuple(_cycle(store, (network, partition, seed, strategy, cycle)) for cycle in range(CYCLES))
    name = f"{digest_of((network, partition, seed, strategy))[:12]}"
    return RunRecord(
        id=f"{strategy.partition('(')[0]}-drawn-{partition}-s{seed}-{name}",
        strategy=strategy,
        dataset="cifar10",
        model=network,
        partition=f"drawn-{partition}",
        seed=seed,
        spec={"model": network, "strategy": strategy},
        cycles=cycles,
        finished=True,
    )


def _cycle(store: Path, address: tuple[str, int, int, str, int]) -> CycleRecord:
    network, partition, seed, strategy, cycle = address
    whose = strategy if cycle else "all"
    keys: dict[StageName, str] = {"tune": digest_of((network, partition, whose, cycle))}
    keys |= {stage: digest_of((stage, *address)) for stage in ("fit", "measure", "query")}
    draw = np.random.default_rng(seed_of(network, partition, seed, whose, cycle))
    scores = _scores(0.5 + 0.04 * cycle + 0.003 * STRATEGIES.index(strategy) * (cycle > 0) + 0.01 * draw.normal())
    _tuned(store, keys["tune"])
    _linked(store, "fit", keys["fit"], "fit.json")
    _entry(store, "measure", keys["measure"], {"measure.json": _measured(scores)})
    if cycle == CYCLES - 1:
        del keys["query"]
    else:
        _queried(store / "query" / keys["query"], strategy, draw)
    return CycleRecord(
        cycle=cycle,
        labelled=1000 + _BUDGET * cycle,
        keys=keys,
        recipe={"lr": round(float(draw.uniform(0.01, 0.1)), 4), "batch": 64, "epochs": _EPOCHS},
        validation=scores,
        test=scores,
    )


def _scores(accuracy: float) -> Scores:
    spread = np.linspace(-0.1, 0.1, _CLASSES)
    return Scores(
        examples=10_000,
        accuracy=round(accuracy, 4),
        nll=1.5 - accuracy,
        ece=(1 - accuracy) / 5,
        per_class=tuple((accuracy + spread).tolist()),
        balanced_accuracy=accuracy - 1e-5,
        macro_f1=accuracy - 0.00123456789,
    )


def _history(epochs: int) -> tuple[EpochRecord, ...]:
    return tuple(
        EpochRecord(epoch=each, loss=2 / (each + 1), lr=0.1, validation=_scores(0.3 + 0.4 * each / epochs))
        for each in range(epochs)
    )


def _fit() -> FitRecord:
    return FitRecord(recipe={}, history=_history(_EPOCHS), best=_EPOCHS - 1, parameters=11_000_000, effort=_EFFORT)


def _tune() -> TuneRecord:
    rates = np.logspace(-3, -0.5, _TRIALS).round(5).tolist()
    trials = tuple(
        TrialRecord(
            number=number,
            proposal={"lr": rate, "batch": 64},
            state="complete",
            history=_history(20),
            value=0.7 - number / 50,
            epochs=20,
            effort=_EFFORT,
        )
        for number, rate in enumerate(rates)
    )
    return TuneRecord(trials=trials, chosen=0, recipe={})


def _tuned(store: Path, key: str) -> None:
    """Write a search and its trials, unless they are there."""
    if (store / "tune" / key).is_dir():
        return
    trials = [digest_of((key, number)) for number in range(_TRIALS)]
    for trial in trials:
        _linked(store, "trial", trial, "fit.json", "trial.json")  # a trial is read for its effort, as a training is
    _linked(store, "tune", key, "tune.json")
    place = store / "tune" / key
    (place / "uses.json").write_text(json.dumps([["trial", trial] for trial in trials]))
    (place / "inputs.json").write_text(json.dumps({"tuning": {"space": _SPACE}}))


def _measured(scores: Scores) -> Measured:
    bins = np.linspace(0, 1, 15).tolist()
    sure = Reliability(counts=(100,) * 15, confidence=tuple(bins), accuracy=tuple(each**1.1 for each in bins))
    return Measured(validation=scores, test=scores, reliability=sure)


def _queried(place: Path, strategy: str, draw: np.random.Generator) -> None:
    rows = draw.choice(_POOL, _BUDGET, replace=False)
    dots = [(x, y, abs(x) % 1) for x, y in draw.normal(size=(700, 2)).round(4).tolist()]
    view = ViewRecord(
        pool=_POOL,
        counts=tuple(np.bincount(rows % _CLASSES, minlength=_CLASSES).tolist()),
        pictured=tuple((rows[:12] % _CLASSES).tolist()),
        accuracy=0.6,
        map=Map(pool=tuple(dots[:500]), chosen=tuple(dots[500:]), explained=0.4),
    )
    query = QueryRecord(
        strategy=strategy, rows=tuple(rows.tolist()), forward_passes=_POOL, cost=_BUDGET, strangers=0, effort=_EFFORT
    )
    _entry(place.parent.parent, "query", place.name, {"query.json": query, "view.json": view})
    pixels = draw.integers(0, 256, (8, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels.repeat(4, 0).repeat(4, 1)).save(place / "thumbnails.png")


def _entry(store: Path, stage: str, key: str, files: dict[str, Record]) -> None:
    place = store / stage / key
    place.mkdir(parents=True)
    _write(place, files)
    (place / "timing.json").write_text('{"finished":0,"host":"one","seconds":12.5}')


def _linked(store: Path, stage: str, key: str, shared: str, name: str | None = None) -> None:
    """Write an entry whose file is the same as that of all others of its kind."""
    _entry(store, stage, key, {})
    (store / stage / key / (name or shared)).hardlink_to(store / "shared" / shared)


def _write(folder: Path, files: dict[str, Record]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, record in files.items():
        (folder / name).write_text(record.text())


def _seconds(*words: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "torchal", *words], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    return round(time.perf_counter() - started, 2)


def _sizes(html: str) -> Iterator[tuple[str, int]]:
    """Yield how many characters of a page are its charts, the library that draws them, pictures, and all the rest."""
    charts, library = (len(each) for each in re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL)[:2])
    pictures = sum(len(each) for each in re.findall(r'src="data:[^"]*"', html))
    yield from {"page": len(html), "charts": charts, "library": library, "pictures": pictures}.items()
    yield "text", len(html) - charts - library - pictures


def measure(n: int = 3) -> dict[str, Any]:
    """Report experiments of 200 runs, on one network and spread over 16."""
    found: dict[str, Any] = {"n": n}
    with tempfile.TemporaryDirectory() as folder:
        for label, networks, runs in (("one", 1, (PARTITIONS, SEEDS)), ("sixteen", 16, (2, 1))):
            results = Path(folder) / label
            place = str(results / NAME)
            found[f"{label}_runs"] = write(results, networks, runs)
            found[f"{label}_report_seconds"] = median(_seconds("report", place) for _ in range(n))
            found[f"{label}_compare_seconds"] = median(_seconds("compare", "badge", "random", place) for _ in range(n))
            html = (results / NAME / "report" / "report.html").read_text(encoding="utf-8")
            found |= {f"{label}_{name}_bytes": size for name, size in _sizes(html)}
    return found
