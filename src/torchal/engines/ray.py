"""Ray: the processors and accelerators of every machine of a cluster that shares the results folder.

Retries, placement and growing the cluster are Ray's: a part whose machine died is given to another.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pydantic import Field

from torchal.engines import Engine, Submit
from torchal.engines._far import compute, packed
from torchal.engines._walks import order
from torchal.host import Host, Watch
from torchal.schedule import Part
from torchal.store import Store


class Ray(Engine):
    """Compute on the Ray cluster of ``address`` or ``$RAY_ADDRESS``, or on one that is started on this machine."""

    address: str | None = None
    """Of a cluster that runs, such as ``auto`` or ``ray://head:10001``."""
    cpus: float = Field(1, ge=0)
    """Processors that a part takes."""
    gpus: float | None = Field(None, ge=0)
    """Accelerators that a part takes; a fraction has several share one. By default one if ``--device`` is cuda."""
    retries: int = Field(10, ge=-1)
    """How often a part is tried again whose process or machine died, before its run fails; -1: without end."""
    ahead: int = Field(512, ge=1)
    """Parts at work or in Ray's queue at a time: a cluster grows by what waits in it."""

    def slots(self, host: Host) -> int:  # noqa: ARG002 - the engine's signature
        """Return how many parts Ray is given at a time."""
        return self.ahead

    @contextmanager
    def working(self, host: Host, store: Store, watch: Watch) -> Iterator[Submit]:  # noqa: ARG002 - each process has its own
        """Join the cluster, and leave it."""
        ray = _library()
        started = not ray.is_initialized()
        if started:
            ray.init(address=self.address, include_dashboard=False, log_to_driver=False, logging_level="warning")
        far = replace(host, results=host.results.resolve(), jobs=1, devices=())
        gpus = float(host.device.startswith("cuda")) if self.gpus is None else self.gpus
        remote = ray.remote(num_cpus=self.cpus, num_gpus=gpus, max_retries=self.retries)(compute)

        def submit(parts: Sequence[Part]) -> list[Future[None]]:
            return [remote.remote(far, packed(order(part))).future() for part in parts]

        try:
            yield submit
        finally:
            if started:
                ray.shutdown()


def _library() -> Any:
    try:
        import ray  # noqa: PLC0415 - an extra, which takes a second to load
    except ImportError as error:
        raise ValueError("--on ray: Ray is not installed; say pip install 'torchal[ray]'.") from error
    return ray
