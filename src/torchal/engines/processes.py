"""A pool of processes on this machine, which live as long as the experiment is carried out."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle, islice
from math import ceil
from multiprocessing.connection import wait as wait_for_end
from typing import Any

from torchal.energy import Joules
from torchal.engines import Engine, Submit
from torchal.engines._walks import Order, Walks, order
from torchal.host import Host, Watch, prepare
from torchal.schedule import Part
from torchal.store import Store


class Processes(Engine):
    """Compute in ``--jobs`` processes of this machine."""

    def slots(self, host: Host) -> int:
        """Return as many as there are processes."""
        return host.jobs

    @contextmanager
    def working(self, host: Host, store: Store, watch: Watch) -> Iterator[Submit]:  # noqa: ARG002 - each has its own
        """Start the processes, and end them."""
        context = multiprocessing.get_context("spawn")
        events, devices = context.SimpleQueue(), context.SimpleQueue()
        for device in islice(cycle(host.devices or (host.device,)), host.jobs):
            devices.put(device)
        pool = ProcessPoolExecutor(host.jobs, context, initializer=_start, initargs=(host, events, devices))
        listener = threading.Thread(target=_listen, args=(events, watch), daemon=True)
        listener.start()

        def submit(parts: Sequence[Part]) -> list[Future[None]]:
            return [pool.submit(_work, order(part)) for part in parts]

        try:
            yield submit
            pool.shutdown()
        except BaseException:
            # The listener is left to end with this process: a worker that was killed as it spoke still holds the queue.
            pool.kill_workers() if hasattr(pool, "kill_workers") else _kill(pool)
            raise
        events.put(None)
        listener.join()


def _listen(events: Any, watch: Watch) -> None:
    while (event := events.get()) is not None:
        watch(event)


def _kill(pool: ProcessPoolExecutor) -> None:
    """End a pool's processes at once: what they were at is a draft, and the next call computes it."""
    for process in list((pool._processes or {}).values()):  # noqa: SLF001 - public from Python 3.14
        process.kill()
    pool.shutdown(wait=False, cancel_futures=True)


# --- in a process of the pool -----------------------------------------------------------------------------------------

_worker: list[Walks] = []
"""What a process of the pool keeps between two parts."""


def _start(host: Host, events: Any, devices: Any) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    host = prepare(replace(host, device=devices.get()))
    meter = Joules(host.device, processes=ceil(host.jobs / max(1, len(host.devices))))
    store = Store(host.results / "store", events.put, host.checkpoint_every, meter)
    _worker.append(Walks(store, host.device))


def _end_with(sentinel: int) -> None:
    """End this process when its parent is gone, however that ended."""
    wait_for_end([sentinel])
    os._exit(1)


def _work(todo: Order) -> None:
    _worker[0].reach(*todo)
