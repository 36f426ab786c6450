"""Slurm, by submitit: parts that are ready together are one job array."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Event, Thread
from typing import Any, Literal

from pydantic import Field

from torchal.engines import Engine, Submit
from torchal.engines._far import compute, packed
from torchal.engines._walks import order
from torchal.host import Host, Watch
from torchal.schedule import Part
from torchal.store import Store

LOGS = "logs/slurm"
"""Where the scripts, results and outputs of jobs lie, below the folder of results."""

_UNANSWERED = (
    "ended without an answer, perhaps for want of time or memory (--on '{name: slurm, minutes: ..., memory: ...}')"
)


class Slurm(Engine):
    """Compute in jobs of Slurm. The results folder must be one that all nodes see."""

    partition: str | None = None
    """Slurm's partition, which is a queue and has nothing to do with partitions of data."""
    minutes: int = Field(60, ge=1)
    """The longest that one stage may take."""
    cpus: int = Field(1, ge=1)
    """Processors of a job."""
    gpus: int | None = Field(None, ge=0)
    """Accelerators of a job; by default one if ``--device`` is cuda."""
    memory: float = Field(8, gt=0)
    """GiB of a job."""
    account: str | None = None
    """Who is charged."""
    ahead: int = Field(256, ge=1)
    """Jobs at work or in the queue at a time."""
    poll: float = Field(5, gt=0)
    """Seconds between two looks at the queue."""
    patience: float = Field(60, ge=0)
    """Seconds after which a job is given up that is in the queue no more and left no answer."""
    cluster: Literal["slurm", "local"] = "slurm"
    """``local`` starts the same jobs as processes of this machine, without Slurm."""

    def slots(self, host: Host) -> int:  # noqa: ARG002 - the engine's signature
        """Return how many jobs there are at a time."""
        return self.ahead

    @contextmanager
    def working(self, host: Host, store: Store, watch: Watch) -> Iterator[Submit]:  # noqa: ARG002 - each job has its own
        """Submit jobs; those that are not finished when the context ends are cancelled."""
        far = replace(host, results=host.results.resolve(), jobs=1, devices=())
        executor, waiting, over = self._executor(far), dict[Any, Future[None]](), Event()

        def submit(parts: Sequence[Part]) -> list[Future[None]]:
            with executor.batch():
                jobs = [executor.submit(compute, far, packed(order(part))) for part in parts]
            futures = [Future[None]() for _ in jobs]
            waiting.update(zip(jobs, futures, strict=True))
            return futures

        queued = _queued if self.cluster == "slurm" else lambda: None
        looker = Thread(target=_Looker(waiting, queued, self.patience).look, args=(over, self.poll), daemon=True)
        looker.start()
        try:
            yield submit
        finally:
            over.set()
            looker.join()
            for job in waiting:
                job.cancel(check=False)

    def _executor(self, host: Host) -> Any:
        try:
            import submitit  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ValueError("--on slurm: submitit is not installed; say pip install 'torchal[slurm]'.") from error
        gpus = int(host.device.startswith("cuda")) if self.gpus is None else self.gpus
        executor = submitit.AutoExecutor(folder=host.results / LOGS, cluster=self.cluster)
        executor.update_parameters(
            name="torchal", timeout_min=self.minutes, cpus_per_task=self.cpus, mem_gb=self.memory, gpus_per_node=gpus
        )
        if self.cluster == "slurm":
            given: dict[str, Any] = {"slurm_partition": self.partition, "slurm_account": self.account}
            given |= {"slurm_array_parallelism": self.ahead}
            executor.update_parameters(**{name: value for name, value in given.items() if value is not None})
        return executor


@dataclass(frozen=True)
class _Looker:
    """Tells futures what became of their jobs."""

    waiting: dict[Any, Future[None]]
    queued: Callable[[], set[str] | None]
    """The ids of the jobs that are in the queue or at work; None if nobody knows."""
    patience: float
    seen: dict[str, float] = field(default_factory=dict)
    """When a job was last in the queue, or first looked for."""

    def look(self, over: Event, poll: float) -> None:
        """Look every so many seconds until it is over."""
        while not over.wait(poll):
            known, now = self.queued(), time.monotonic()
            for job, future in list(self.waiting.items()):
                if self._answered(job, future, known, now):
                    del self.waiting[job]

    def _answered(self, job: Any, future: Future[None], known: set[str] | None, now: float) -> bool:
        """Return whether a future could be told what became of its job."""
        try:
            if job.done():
                _tell(job, future)
                return True
        except Exception as error:  # noqa: BLE001 - of whatever kind, it is this job's, and the others are looked at
            future.set_exception(error)
            return True
        if known is None or job.job_id in known:
            self.seen[job.job_id] = now
        elif now - self.seen.setdefault(job.job_id, now) > self.patience:
            future.set_exception(RuntimeError(f"Slurm's job {job.job_id} {_UNANSWERED}"))
            return True
        return False


def _queued() -> set[str] | None:
    """Return the jobs that Slurm has in its queue, which it tells where accounting is switched off too."""
    command = ["squeue", "--noheader", "--array", "--me", "--format", "%i"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - fixed words
    except (OSError, subprocess.SubprocessError):
        return None
    return set(found.stdout.split())


def _tell(job: Any, future: Future[None]) -> None:
    from submitit.core.utils import FailedJobError, UncompletedJobError  # noqa: PLC0415 - an extra

    try:
        error = job.exception()
    except UncompletedJobError as gone:
        error = RuntimeError(f"Slurm's job {job.job_id} {_UNANSWERED}: {gone}")
    if isinstance(error, FailedJobError):
        error = RuntimeError(str(error))
    future.set_exception(error) if error else future.set_result(None)
