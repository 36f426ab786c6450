"""Carry out an experiment: pick what is ready, in this process or in a pool of them.

A chain's next step is ready once nobody else is at work on the same identity. A step that several runs share belongs to
the first of them; the others wait. Records are written here alone, from what the store holds.
"""

import multiprocessing
import os
import shutil
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from typing import Any

import torch

from torchal import together
from torchal.allocator import keep_freed_memory
from torchal.experiment import ExperimentSpec, RunSpec
from torchal.fingerprint import accept
from torchal.loop import Done, stages
from torchal.plan import Chain, Step, chains, summary
from torchal.records import StageName
from torchal.rng import exact
from torchal.spec import load_file
from torchal.store import Event, Store
from torchal.training.world import World


@dataclass(frozen=True)
class Host:
    """Where and how to compute. Nothing here enters a result's key; device and threads enter the fingerprint."""

    results: Path
    jobs: int = 1
    """Processes that compute side by side."""
    threads: int = 1
    """Threads of each process. It does not follow ``jobs``, since sums over other threads round otherwise."""
    device: str = "cpu"
    files: tuple[Path, ...] = ()
    """Files with plug-ins, to be loaded in every process."""
    mixed: bool = False
    """Accept, and record, a fingerprint that differs from the results folder's."""
    checkpoint_every: int = 25
    """Epochs between two checkpoints of a training that is not finished; 0 for none."""


@dataclass(frozen=True)
class Failure:
    """A run that stopped, and why."""

    run: str
    cycle: int
    stage: StageName
    error: str
    traceback: str


@dataclass(frozen=True)
class Progress:
    """How far the experiment is, for whoever shows it."""

    finished: int
    total: int
    at_work: tuple[str, ...]
    """What is being computed, in words."""


Watch = Callable[[Progress | Event], None]


def run_experiment(experiment: ExperimentSpec, host: Host, watch: Watch = lambda _: None) -> list[Failure]:
    """Compute whatever an experiment lacks, write its records, and return the runs that failed.

    Raises:
        ValueError: if the experiment asks for what cannot be, or the results folder has another fingerprint.
        ChildProcessError: if a worker process was ended from outside.
    """
    host = prepare(host)
    with together.store(host.results / "store", watch, host.checkpoint_every) as store:
        accept(store, host.results, host.device, host.threads, mixed=host.mixed)
        found = chains(experiment, store, host.device)
        folder = host.results / experiment.name
        store.write(folder / "spec.yaml", experiment.text())
        store.write(folder / "plan.json", experiment.record().text())
        World.here().barrier()  # the first has written what the others now read
        shutil.rmtree(folder / "failures", ignore_errors=True)
        for chain in found:
            _write_record(chain, store, folder)
        try:
            return _carry_out(found, store, host, folder, watch)
        except BrokenExecutor as error:
            raise ChildProcessError(
                "a worker process was ended from outside, perhaps for want of memory; everything finished is kept: run "
                "the same command again, perhaps with fewer --jobs"
            ) from error
        finally:
            store.sweep()
            together.leave()


def planned(experiment: ExperimentSpec, host: Host) -> dict[str, Any]:
    """Return what running an experiment would do, as JSON values: its axes, runs, stages and cost.

    Raises:
        ValueError: for whatever running it would refuse.
    """
    host = prepare(host)
    found = chains(experiment, Store(host.results / "store"), host.device)
    axes = ("dataset", "model", "strategy", "partition", "seed")
    plan = experiment.record()
    return {
        "experiment": experiment.name,
        "axes": {axis: list(dict.fromkeys(getattr(run, axis) for run in plan.runs)) for axis in axes},
        "runs": [{"id": chain.spec.id, "finished": len(chain.finished), "stages": len(chain.steps)} for chain in found],
        **summary(found, host.device),
    }


def prepare(host: Host) -> Host:
    """Bring this process into the state in which results are computed, and return what is its own to do.

    Raises:
        ValueError: if processes that train together are each asked to work on several stages.
    """
    torch.set_num_threads(host.threads)
    keep_freed_memory()
    exact()
    for file in host.files:
        load_file(file)
    host = replace(host, device=together.join(host.device))
    if World.here().size > 1 and host.jobs > 1:
        raise ValueError(f"--jobs {host.jobs}: processes of torchrun train one network at a time; say --jobs 1.")
    return host


# --- choosing what is next --------------------------------------------------------------------------------------------


def _carry_out(found: list[Chain], store: Store, host: Host, folder: Path, watch: Watch) -> list[Failure]:
    owner = _owners(found)
    total = len(owner)  # as many as there are identities
    done = {step.identity for chain in found for step in chain.steps[: len(chain.finished)]}
    failures: dict[str, Failure] = {}
    running: dict[Future[None], tuple[Chain, Step]] = {}
    if all(chain.next is None for chain in found):
        return []
    with _workers(host, store, watch) as submit:
        while True:
            for chain, step in _ready(found, owner, running, failures)[: host.jobs - len(running)]:
                watch(_progress(done, total, running, (chain, step)))
                running[submit(chain.spec, step)] = (chain, step)
            watch(_progress(done, total, running))
            if not running:
                break
            for future in wait(running, timeout=0.5, return_when=FIRST_COMPLETED).done:
                chain, step = running.pop(future)
                error = future.exception()
                if isinstance(error, BrokenExecutor):
                    raise error
                if error is not None:
                    failures[chain.spec.id] = _fail(chain, step, error, store, folder)
                    continue
                done.add(step.identity)
                _advance(found, done, store, host, folder)
    waiting = [chain for chain in found if chain.next is not None and chain.spec.id not in failures]
    return [*failures.values(), *(_kept_waiting(chain, owner) for chain in waiting)]


def _progress(
    done: set[str], total: int, running: dict[Future[None], tuple[Chain, Step]], *starting: tuple[Chain, Step]
) -> Progress:
    at_work = (
        f"{step.stage} {chain.spec.id.rpartition('-')[0]} cycle {step.cycle}"
        for chain, step in [*running.values(), *starting]
    )
    return Progress(len(done), total, tuple(at_work))


def _owners(found: list[Chain]) -> dict[str, str]:
    """Return, for each identity, the run that computes it: the first that has it in its own chain."""
    owner: dict[str, str] = {}
    for chain in found:
        for step in chain.steps:
            owner.setdefault(step.identity, chain.spec.id)
    return owner


def _ready(
    found: list[Chain],
    owner: dict[str, str],
    running: dict[Future[None], tuple[Chain, Step]],
    failures: dict[str, Failure],
) -> list[tuple[Chain, Step]]:
    """Return the steps that can start, those with the longest way to go first."""
    busy = {chain.spec.id for chain, _ in running.values()}
    able = [
        (chain, chain.next)
        for chain in found
        if chain.next is not None
        and owner[chain.next.identity] == chain.spec.id
        and chain.spec.id not in busy
        and chain.spec.id not in failures
    ]
    return sorted(able, key=lambda each: len(each[0].finished))


def _advance(found: list[Chain], done: set[str], store: Store, host: Host, folder: Path) -> None:
    """Let every run that waited for a finished stage pass it, and what it then finds done, and write its record."""
    while waiting := [chain for chain in found if chain.next is not None and chain.next.identity in done]:
        for chain in waiting:
            before = len(chain.finished)
            chain.look(store, host.device)
            if len(chain.finished) <= before:
                step = chain.steps[before]
                raise RuntimeError(
                    f"{step.stage} of {chain.spec.id}, cycle {step.cycle}, was computed and is not in the store under "
                    "the key expected here: did the code or the data change while this ran? Run it again."
                )
            done.update(step.identity for step in chain.steps[before : len(chain.finished)])
            _write_record(chain, store, folder)


def _write_record(chain: Chain, store: Store, folder: Path) -> None:
    store.write(folder / "runs" / f"{chain.spec.id}.json", chain.record().text())


def _kept_waiting(chain: Chain, owner: dict[str, str]) -> Failure:
    step = chain.next
    assert step is not None
    reason = f"waits for {owner[step.identity]}, which failed"
    return Failure(chain.spec.id, step.cycle, step.stage, reason, "")


def _fail(chain: Chain, step: Step, error: BaseException, store: Store, folder: Path) -> Failure:
    text = "".join(traceback.format_exception(error))
    failure = Failure(chain.spec.id, step.cycle, step.stage, f"{type(error).__name__}: {error}", text)
    store.write(folder / "failures" / f"{failure.run}.txt", f"cycle {step.cycle}, {step.stage}\n{text}")
    return failure


# --- doing it ---------------------------------------------------------------------------------------------------------

Submit = Callable[[RunSpec, Step], Future[None]]


@contextmanager
def _workers(host: Host, store: Store, watch: Watch) -> Iterator[Submit]:
    """Give a way to have steps computed: at once in this process, or by a pool."""
    if host.jobs == 1:
        walks: dict[str, Iterator[Done]] = {}
        yield lambda spec, step: _at_once(spec, step, store, host.device, walks)
        return
    context = multiprocessing.get_context("spawn")
    events = context.SimpleQueue()
    pool = ProcessPoolExecutor(host.jobs, context, initializer=_start_worker, initargs=(host, events))
    listener = threading.Thread(target=_listen, args=(events, watch), daemon=True)
    listener.start()
    try:
        yield lambda spec, step: pool.submit(_work_in_pool, spec, step)
        pool.shutdown()
    except BaseException:
        pool.kill_workers() if hasattr(pool, "kill_workers") else _kill(pool)
        raise
    finally:
        events.put(None)
        listener.join()


def _kill(pool: ProcessPoolExecutor) -> None:
    """End a pool's processes at once: what they were at is a draft, and the next call computes it."""
    for process in list((pool._processes or {}).values()):  # noqa: SLF001 - public from Python 3.14
        process.kill()
    pool.shutdown(wait=False, cancel_futures=True)


def _listen(events: Any, watch: Watch) -> None:
    while (event := events.get()) is not None:
        watch(event)


def _at_once(spec: RunSpec, step: Step, store: Store, device: str, walks: dict[str, Iterator[Done]]) -> Future[None]:
    future: Future[None] = Future()
    try:
        _reach(spec, step, store, device, walks)
        future.set_result(None)
    except Exception as error:  # noqa: BLE001 - handed to whoever asks the future, as a pool does
        future.set_exception(error)
    return future


def _reach(spec: RunSpec, step: Step, store: Store, device: str, walks: dict[str, Iterator[Done]]) -> None:
    """Walk a run up to a step, going on where an earlier call left it if this process knows."""
    walk = walks.pop(spec.id, None) or stages(spec, store, device)
    for done in walk:
        if (done.cycle, done.stage) == (step.cycle, step.stage):
            walks[spec.id] = walk
            break
    while len(walks) > _KEPT_WALKS:
        walks.pop(next(iter(walks)))


_KEPT_WALKS = 64
_worker: dict[str, Any] = {}
"""What a process of the pool keeps between two steps."""


def _start_worker(host: Host, events: Any) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    prepare(host)
    store = Store(host.results / "store", events.put, host.checkpoint_every)
    _worker.update(store=store, device=host.device, walks={})


def _end_with(sentinel: int) -> None:
    """End this process when its parent is gone, however that ended."""
    wait_for_end([sentinel])
    os._exit(1)


def _work_in_pool(spec: RunSpec, step: Step) -> None:
    _reach(spec, step, _worker["store"], _worker["device"], _worker["walks"])
