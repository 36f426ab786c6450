"""Slurm, by submitit: parts that are ready together are one job array."""

from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future
from contextlib import contextmanager
from dataclasses import replace
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

        looker = Thread(target=_look, args=(waiting, over, self.poll), daemon=True)
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


def _look(waiting: dict[Any, Future[None]], over: Event, poll: float) -> None:
    """Tell futures what became of their jobs, until it is over."""
    while not over.wait(poll):
        for job, future in list(waiting.items()):
            if job.done():
                _tell(job, future)
                del waiting[job]


def _tell(job: Any, future: Future[None]) -> None:
    from submitit.core.utils import FailedJobError, UncompletedJobError  # noqa: PLC0415 - an extra

    try:
        error = job.exception()
    except UncompletedJobError as gone:
        error = BrokenExecutor(f"Slurm's job {job.job_id} ended without an answer: {gone}")
    if isinstance(error, FailedJobError):
        error = RuntimeError(str(error))
    future.set_exception(error) if error else future.set_result(None)
