"""Records of experiments that never ran, for tests of the report."""

import json
import math
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from torchal.digest import digest_of, seed_of
from torchal.records import (
    COMMITS,
    CommitsFile,
    CycleRecord,
    Effort,
    EpochRecord,
    Fingerprint,
    FingerprintFile,
    PlannedRun,
    PlanRecord,
    RunRecord,
    Scores,
    TrialRecord,
    TuneRecord,
)
from torchal.report import page, sections
from torchal.report.findings import findings
from torchal.report.frame import COLUMNS

STRATEGIES = ("random", "margin", "bald(samples=10)", "coreset")
GAINS = {"random": 0.0, "margin": 0.03, "bald(samples=10)": 0.0, "coreset": -0.03}
PARTITIONS, SEEDS, CYCLES = ("drawn-1", "drawn-2", "drawn-3"), (1, 2), 4

Key = tuple[str, str, int, int]
"""Strategy, partition, seed and cycle."""


def accuracy(key: Key) -> float:
    """Return an accuracy that rises with the cycle and differs between runs, by less than strategies differ."""
    strategy, partition, seed, cycle = key
    shared, own = (np.random.default_rng(seed_of(*of)).normal() for of in ((partition, seed, cycle), key))
    gain = GAINS.get(strategy, 0.0) * (cycle > 0)
    return 0.6 + 0.08 * cycle + gain + 0.02 * shared + (0.002 * own if cycle and strategy != "random" else 0.0)


def scores(value: float) -> Scores:
    return Scores(
        examples=100,
        accuracy=value,
        nll=1 - value,
        ece=0.05,
        per_class=(value - 0.1, None, value + 0.1),
        balanced_accuracy=value - 0.01,
        macro_f1=value - 0.02,
    )


def cycle_record(key: Key, value: float) -> CycleRecord:
    return CycleRecord(
        cycle=key[-1],
        labelled=20 + 10 * key[-1],
        keys={"measure": digest_of(key)},
        recipe={"lr": 0.01 * (1 + key[-1]), "epochs": 30, "augment": {"flip": False}},
        validation=scores(value),
        test=scores(value),
    )


def run_record(
    strategy: str,
    partition: str,
    seed: int,
    cycles: int = CYCLES,
    value: Callable[[Key], float] = accuracy,
    place: tuple[str, str] = ("digits", "mlp"),
) -> RunRecord:
    keys = [(strategy, partition, seed, cycle) for cycle in range(cycles)]
    return RunRecord(
        id=run_id(strategy, partition, seed, place),
        strategy=strategy,
        dataset=place[0],
        model=place[1],
        partition=partition,
        seed=seed,
        spec={},
        cycles=tuple(cycle_record(key, value(key)) for key in keys),
        finished=cycles == CYCLES,
    )


def run_id(strategy: str, partition: str, seed: int, place: tuple[str, str] = ("digits", "mlp")) -> str:
    return f"run-{partition}-{seed}-{digest_of((strategy, partition, seed, place))[:8]}"


def all_runs(strategies=STRATEGIES, partitions=PARTITIONS, seeds=SEEDS, **more) -> list[RunRecord]:
    return [
        run_record(strategy, partition, seed, **more)
        for partition, seed, strategy in product(partitions, seeds, strategies)
    ]


def planned(record: RunRecord) -> PlannedRun:
    fields = {name: getattr(record, name) for name in ("id", "strategy", "dataset", "model", "partition", "seed")}
    return PlannedRun(**fields, stages=tuple((cycle, "measure") for cycle in range(CYCLES)))


def write_results(
    results: Path, records: list[RunRecord], plan: list[RunRecord] | None = None, name: str = "tiny"
) -> Path:
    """Write what the runner writes: the plan, the runs' records and the fingerprint."""
    runs = results / name / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    protocol = {"name": name, "strategy": sorted({each.strategy for each in plan or records}), "seed": [1, 2]}
    whole = PlanRecord(
        experiment=name, runs=tuple(planned(each) for each in plan or records), cycles=CYCLES, protocol=protocol
    )
    (results / name / "plan.json").write_text(whole.text())
    for record in records:
        (runs / f"{record.id}.json").write_text(record.text())
    versions = dict.fromkeys(("python", "torch", "numpy", "optuna", "pillow", "torchal"), "1") | {"cuda": None}
    one = Fingerprint(**versions, device="a processor", threads=1, exact=True)
    (results / "fingerprint.json").write_text(FingerprintFile(accepted=(one,)).text())
    (results / COMMITS).write_text(CommitsFile(commits=("abc",)).text())
    return results


def page_of(results: Path, *parts: str, name: str = "tiny") -> str:
    """Return the text of a page that holds some of its parts alone, by their names in ``sections``."""
    found = findings(results, name)
    made = (getattr(sections, part)(found) for part in parts)
    return page.html(found, [part for part in made if part is not None])


def trial(number: int, lr: float, optimizer: str = "sgd", state: str = "complete", value: float | None = None):
    """Return a trial whose accuracy falls with the distance of its rate from 0.01, whatever its optimizer."""
    reached = 0.9 - 0.1 * abs(math.log10(lr) + 2) if value is None else value
    epoch = EpochRecord(epoch=0, loss=1.0, lr=lr, validation=scores(reached))
    return TrialRecord(
        number=number,
        proposal={"lr": lr, "optimizer": optimizer},
        state=state,
        history=(epoch,),
        value=None if state == "failed" else reached,
        epochs=1,
        effort=Effort(epochs=1, images=10, evaluated=5, flops=100),
    )


def with_search(results: Path, record: RunRecord, cycle: int, trials: list[TrialRecord], name: str) -> RunRecord:
    """Write a search into the store, and return the record of a run whose cycle has its recipe from it."""
    best = max((each for each in trials if each.state == "complete"), key=lambda each: each.value)
    key, found = digest_of(name), TuneRecord(trials=tuple(trials), chosen=best.number, recipe={})
    place = results / "store" / "tune" / key
    place.mkdir(parents=True, exist_ok=True)
    (place / "tune.json").write_text(found.text())
    space = {
        "lr": {"when": {}, "low": 1e-4, "high": 1.0, "log": True, "integer": False, "points": None},
        "optimizer": {"when": {}, "choices": ["sgd", "adam"]},
    }
    (place / "inputs.json").write_text(json.dumps({"tuning": {"space": space}}))
    cycles = list(record.cycles)
    cycles[cycle] = cycles[cycle].model_copy(update={"keys": cycles[cycle].keys | {"tune": key}})
    return record.model_copy(update={"cycles": tuple(cycles)})


def table(values: dict[Key, float], place: tuple[str, str] = ("digits", "mlp")) -> pd.DataFrame:
    """Return a tidy table of test accuracies, as if the runs had been read."""
    rows = [
        {"strategy": strategy, "partition": partition, "seed": seed, "cycle": cycle, "labelled": 20 + 10 * cycle}
        | {"in_use": 20 + 10 * cycle, "value": value, "run": run_id(strategy, partition, seed, place)}
        for (strategy, partition, seed, cycle), value in values.items()
    ]
    fixed = {
        "experiment": "tiny",
        "dataset": place[0],
        "model": place[1],
        "source": "",
        "condition": "",
        "side": "test",
        "metric": "accuracy",
        "key": "",
    }
    return pd.DataFrame(rows).assign(**fixed)[list(COLUMNS)]
