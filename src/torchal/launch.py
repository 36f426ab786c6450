"""Carry out an experiment: have whatever is ready computed, and write down how far each run has come.

Records are written here alone, from what the store holds.
"""

import json
import shutil
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchal import together
from torchal.energy import Joules
from torchal.engines import Engine, usual
from torchal.estimate import by_axis, by_stage, missing
from torchal.experiment import ExperimentSpec
from torchal.faults import disk_fault
from torchal.fingerprint import accept
from torchal.host import Host, Progress, Watch, prepare
from torchal.plan import Chain, chains, plan_record, replaced
from torchal.records import PlanRecord, StageName
from torchal.schedule import Part, Schedule
from torchal.store import Event, ReadOnlyStore, Store
from torchal.training.world import World

_OUTDATED = (
    "had results that rest on other data, on another version of a stage or on entries that are gone or damaged; those "
    "are computed anew"
)
_LEFT_OUT = (
    "before, no longer asked for; what was computed is kept, and reports tell of it again once the experiment "
    "names them again, or --with their file"
)


@dataclass(frozen=True)
class Failure:
    """A run that stopped, and why."""

    run: str
    cycle: int
    stage: StageName
    error: str
    traceback: str


def run_experiment(
    experiment: ExperimentSpec, host: Host, watch: Watch = lambda _: None, engine: Engine | None = None
) -> list[Failure]:
    """Compute whatever an experiment lacks, write its records, and return the runs that failed.

    Args:
        experiment: what to compute.
        host: where and how.
        watch: hears how it goes.
        engine: who computes; by default this process, or a pool of ``host.jobs`` processes.

    Raises:
        ValueError: if the experiment asks for what cannot be, or the results folder has another fingerprint or
            lies where no folder can be renamed in one step.
        OSError: if results cannot be written, saying why.
        ChildProcessError: if a worker process was ended from outside.
    """
    host = prepare(host)
    opened = together.store(host.results / "store", watch, host.checkpoint_every, Joules(host.device))
    with _explained(host.results), opened as store:
        store.prove()
        for device in host.devices or (host.device,):
            accept(store, host.results, device, host.threads, mixed=host.mixed)
        found = chains(experiment, store, host.device)
        folder = host.results / experiment.name
        store.write(folder / "spec.yaml", experiment.text())
        before = _plan_before(folder / "plan.json", watch)
        plan = plan_record(experiment, found, host.device, before)
        if before is not None and not host.mixed:
            _refuse_other_data(before, plan, folder)
        if gone := _left_out(before, plan):
            watch(Event("left out", "plan", "", f"{folder} had {gone} {_LEFT_OUT}"))
        store.write(folder / "plan.json", plan.text())
        World.here().barrier()  # the first has written what the others now read
        shutil.rmtree(folder / "failures", ignore_errors=True)
        if outdated := sum(_outdated(chain, folder) for chain in found):
            watch(Event("outdated", "runs", "", f"{outdated} {_OUTDATED}"))
        for chain in found:
            _write_record(chain, store, folder)
        try:
            return _carry_out(found, store, host, engine or usual(host), folder, watch)
        finally:
            store.sweep()
            together.leave()


@contextmanager
def _explained(results: Path) -> Iterator[None]:
    """Say what a person can do where workers died or results cannot be written."""
    try:
        yield
    except BrokenExecutor as error:
        raise ChildProcessError(
            "a worker process was ended from outside, perhaps for want of memory; everything finished is kept: run "
            "the same command again, perhaps with fewer --jobs"
        ) from error
    except OSError as error:
        fault = disk_fault(error, results)
        if fault is None:
            raise
        raise OSError(
            f"{results}: {fault}; everything finished is kept: mend that and run the same command again"
        ) from error


def _left_out(before: PlanRecord | None, plan: PlanRecord) -> str:
    """Return the strategies that an experiment was last asked for and now is not, which its report then lacks."""
    now = {run.strategy for run in plan.runs}
    return ", ".join(dict.fromkeys(run.strategy for run in (before.runs if before else ()) if run.strategy not in now))


def _plan_before(file: Path, watch: Watch) -> PlanRecord | None:
    """Return what the experiment was last asked to do; a record that is damaged is told of, and written anew."""
    try:
        return PlanRecord.read(file) if file.is_file() else None
    except ValueError:
        watch(Event("corrupt", "plan", "", f"{file} is damaged, and written anew"))
        return None


def _refuse_other_data(before: PlanRecord, now: PlanRecord, folder: Path) -> None:
    if names := replaced(before, now):
        raise ValueError(
            f"dataset {', '.join(names)}: its content is not what {folder} was computed from; put that back, use "
            "another name or --results folder, or say --mixed, which computes anew what rests on it and records that"
        )


def _outdated(chain: Chain, folder: Path) -> bool:
    """Return whether a run's record names results that are no longer found as its own."""
    try:
        cycles = json.loads((folder / "runs" / f"{chain.id}.json").read_bytes())["cycles"]
        named = {key for cycle in cycles for key in cycle["keys"].values()}
    except (OSError, ValueError, LookupError, TypeError):  # none, or damaged: it is written anew
        return False
    return not named <= {done.entry.key for done in chain.finished}


def planned(experiment: ExperimentSpec, host: Host) -> dict[str, Any]:
    """Return what running an experiment would do, as JSON values: its axes, runs, stages and cost.

    Raises:
        ValueError: for whatever running it would refuse.
    """
    host = prepare(host)
    found = chains(experiment, Store(host.results / "store"), host.device)
    plan = plan_record(experiment, found, host.device)
    costs = missing(found, host.device)
    return {
        "experiment": experiment.name,
        "about": experiment.about.document() if experiment.about else None,
        "axes": by_axis(found, plan, costs),
        "runs": [{"id": chain.id, "finished": len(chain.finished), "stages": len(chain.steps)} for chain in found],
        "warnings": list(plan.warnings),
        "stages": by_stage(found, costs),
        "flops": sum(cost.work.flops for cost in costs.values()),
        "seconds": round(sum(cost.seconds for cost in costs.values()), 3),
    }


# --- carrying it out --------------------------------------------------------------------------------------------------


def _carry_out(
    found: list[Chain], store: Store, host: Host, engine: Engine, folder: Path, watch: Watch
) -> list[Failure]:
    slots = engine.slots(host)
    schedule, known = Schedule(found, apart=slots > 1), ReadOnlyStore(store.root)
    failures: list[Failure] = []
    running: dict[Future[None], Part] = {}
    watch(_progress(schedule, ()))
    if all(chain.next is None for chain in found):
        return []
    with engine.working(host, store, watch) as submit:
        while True:
            _advance(schedule, store, known, host, folder)
            ready = schedule.take(slots - len(running))
            watch(_progress(schedule, [*running.values(), *ready]))
            running.update(zip(submit(ready) if ready else [], ready, strict=True))
            watch(_progress(schedule, running.values()))
            if not running:
                break
            for future in wait(running, timeout=0.5, return_when=FIRST_COMPLETED).done:
                part, error = running.pop(future), future.exception()
                if isinstance(error, BrokenExecutor):
                    raise error
                if error is not None and disk_fault(error, host.results):
                    raise OSError(str(error)) from error  # no other run could be written either
                if error is None:
                    schedule.done(part)
                elif schedule.failed(part):
                    failures.append(_fail(part, error, store, folder))
    return [*failures, *(_kept_waiting(chain, owner) for chain, owner in schedule.waiting())]


def _progress(schedule: Schedule, parts: Iterable[Part]) -> Progress:
    return Progress(schedule.finished, schedule.total, tuple(part.said for part in parts))


def _advance(schedule: Schedule, store: Store, known: ReadOnlyStore, host: Host, folder: Path) -> None:
    """Let every run that waited for a finished stage pass it, and what it then finds done, and write its record."""
    while waiting := schedule.passed():
        for chain in waiting:
            before = len(chain.finished)
            chain.look(known, host.device)
            if len(chain.finished) <= before:
                step = chain.steps[before]
                raise RuntimeError(
                    f"{step.stage} of {chain.id}, cycle {step.cycle}, was computed and is not in the store under "
                    "the key expected here: did the code or the data change while this ran? Run it again."
                )
            schedule.moved(chain, before)
            _write_record(chain, store, folder)


def _write_record(chain: Chain, store: Store, folder: Path) -> None:
    store.write(folder / "runs" / f"{chain.id}.json", chain.record().text())


def _kept_waiting(chain: Chain, owner: str) -> Failure:
    step = chain.next
    assert step is not None
    return Failure(chain.id, step.cycle, step.stage, f"waits for {owner}, which failed", "")


def _fail(part: Part, error: BaseException, store: Store, folder: Path) -> Failure:
    text = "".join(traceback.format_exception(error))
    run, step = part.chain.id, part.step
    failure = Failure(run, step.cycle, step.stage, f"{type(error).__name__}: {error}", text)
    store.write(folder / "failures" / f"{run}.txt", f"cycle {step.cycle}, {step.stage}\n{text}")
    return failure
