"""The runs that one process is on its way through."""

import gc
from collections.abc import Iterator

import torch

from torchal.faults import out_of_memory
from torchal.inference import smaller_chunks
from torchal.loop import Done, Due, walk
from torchal.plan import Step
from torchal.runspec import RunSpec
from torchal.schedule import Part
from torchal.store import Store


class Walks:
    """Goes on with a run where an earlier call left it, so that data sets and networks are not read again."""

    _KEPT = 64

    def __init__(self, store: Store, device: str) -> None:
        """Begin with none.

        Args:
            store: where entries are kept.
            device: where to compute.
        """
        self._store, self._device = store, device
        self._runs: dict[str, tuple[Iterator[Due | Done], Due | Done]] = {}

    def reach(self, spec: RunSpec, step: Step, number: int | None) -> None:
        """Compute a step of a run, or one piece of it; where memory is short, once more in smaller chunks.

        Raises:
            MemoryError: if that is not enough.
        """
        try:
            self._reach(spec, step, number)
        except Exception as error:
            if not out_of_memory(error):
                raise
            self._store.retry(step.stage, f"out of memory ({error}); tried once more in smaller chunks")
        else:
            return
        self._runs.clear()
        gc.collect()
        torch.cuda.empty_cache()
        try:
            with smaller_chunks():
                self._reach(spec, step, number)
        except Exception as error:
            if not out_of_memory(error):
                raise
            raise MemoryError(
                f"{step.stage}: memory is short even in smaller chunks; take fewer --jobs, a smaller recipe.batch with "
                "recipe.accumulate, or a smaller network"
            ) from error

    def _reach(self, spec: RunSpec, step: Step, number: int | None) -> None:
        """Go on where an earlier call left the run."""
        steps, met = self._runs.pop(spec.id) if spec.id in self._runs else self._begun(spec)
        wanted = Done if number is None else Due
        while not (isinstance(met, wanted) and (met.cycle, met.stage) == (step.cycle, step.stage)):
            met = next(steps)
        if isinstance(met, Due) and number is not None:
            met.part(number)
        self._runs[spec.id] = steps, met
        while len(self._runs) > self._KEPT:
            self._runs.pop(next(iter(self._runs)))

    def _begun(self, spec: RunSpec) -> tuple[Iterator[Due | Done], Due | Done]:
        steps = walk(spec, self._store, self._device)
        return steps, next(steps)


Order = tuple[RunSpec, Step, int | None]
"""What of a part another process needs to know: a run, a step of it, and perhaps the number of a piece of that."""


def order(part: Part) -> Order:
    """Return what another process needs to know of a part."""
    return part.chain.spec, part.step, part.number
