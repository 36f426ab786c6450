"""Who computes: this process, or a pool of processes that live as long as the experiment is carried out."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle, islice
from math import ceil
from multiprocessing.connection import wait as wait_for_end
from typing import Any

from torchal.energy import Joules
from torchal.host import Host, Watch, prepare
from torchal.loop import Done, Due, walk
from torchal.plan import Step
from torchal.runspec import RunSpec
from torchal.schedule import Part
from torchal.store import Store

Submit = Callable[[Part], Future[None]]


@contextmanager
def workers(host: Host, store: Store, watch: Watch) -> Iterator[Submit]:
    """Give a way to have parts computed: at once in this process, or by a pool."""
    if host.jobs == 1:
        walks = _Walks(store, host.device)
        yield lambda part: _at_once(walks, part)
        return
    context = multiprocessing.get_context("spawn")
    events, devices = context.SimpleQueue(), context.SimpleQueue()
    for device in islice(cycle(host.devices or (host.device,)), host.jobs):
        devices.put(device)
    pool = ProcessPoolExecutor(host.jobs, context, initializer=_start_worker, initargs=(host, events, devices))
    listener = threading.Thread(target=_listen, args=(events, watch), daemon=True)
    listener.start()
    try:
        yield lambda part: pool.submit(_work_in_pool, part.chain.spec, part.step, part.trial)
        pool.shutdown()
    except BaseException:
        # The listener is left to end with this process: a worker that was killed as it spoke still holds the queue.
        pool.kill_workers() if hasattr(pool, "kill_workers") else _kill(pool)
        raise
    events.put(None)
    listener.join()


class _Walks:
    """The runs that a process is on its way through."""

    _KEPT = 64

    def __init__(self, store: Store, device: str) -> None:
        self._store, self._device = store, device
        self._runs: dict[str, tuple[Iterator[Due | Done], Due | Done]] = {}

    def _begun(self, spec: RunSpec) -> tuple[Iterator[Due | Done], Due | Done]:
        steps = walk(spec, self._store, self._device)
        return steps, next(steps)

    def reach(self, spec: RunSpec, step: Step, trial: int | None) -> None:
        """Compute a step, or one trial of it, going on where an earlier call left the run."""
        steps, met = self._runs.pop(spec.id) if spec.id in self._runs else self._begun(spec)
        wanted = Done if trial is None else Due
        while not (isinstance(met, wanted) and (met.cycle, met.stage) == (step.cycle, step.stage)):
            met = next(steps)
        if isinstance(met, Due) and trial is not None:
            met.search.trial(trial)
        self._runs[spec.id] = steps, met
        while len(self._runs) > self._KEPT:
            self._runs.pop(next(iter(self._runs)))


def _at_once(walks: _Walks, part: Part) -> Future[None]:
    future: Future[None] = Future()
    try:
        walks.reach(part.chain.spec, part.step, part.trial)
        future.set_result(None)
    except Exception as error:  # noqa: BLE001 - handed to whoever asks the future, as a pool does
        future.set_exception(error)
    return future


# --- processes of a pool ----------------------------------------------------------------------------------------------

_worker: list[_Walks] = []
"""What a process of the pool keeps between two parts."""


def _start_worker(host: Host, events: Any, devices: Any) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    host = prepare(replace(host, device=devices.get()))
    meter = Joules(host.device, processes=ceil(host.jobs / max(1, len(host.devices))))
    store = Store(host.results / "store", events.put, host.checkpoint_every, meter)
    _worker.append(_Walks(store, host.device))


def _end_with(sentinel: int) -> None:
    """End this process when its parent is gone, however that ended."""
    wait_for_end([sentinel])
    os._exit(1)


def _work_in_pool(spec: RunSpec, step: Step, trial: int | None) -> None:
    _worker[0].reach(spec, step, trial)


def _listen(events: Any, watch: Watch) -> None:
    while (event := events.get()) is not None:
        watch(event)


def _kill(pool: ProcessPoolExecutor) -> None:
    """End a pool's processes at once: what they were at is a draft, and the next call computes it."""
    for process in list((pool._processes or {}).values()):  # noqa: SLF001 - public from Python 3.14
        process.kill()
    pool.shutdown(wait=False, cancel_futures=True)
