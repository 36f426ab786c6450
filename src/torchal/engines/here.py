"""This process, one part after the other."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

from torchal.engines import Engine, Submit
from torchal.engines._walks import Walks, order
from torchal.host import Host, Watch
from torchal.schedule import Part
from torchal.store import Store


class Here(Engine):
    """Compute in this process."""

    def slots(self, host: Host) -> int:  # noqa: ARG002 - the engine's signature
        """Return 1."""
        return 1

    @contextmanager
    def working(self, host: Host, store: Store, watch: Watch) -> Iterator[Submit]:  # noqa: ARG002 - the store watches
        """Compute parts when they are given."""
        walks = Walks(store, host.device)

        def submit(parts: Sequence[Part]) -> list[Future[None]]:
            return [_at_once(walks, part) for part in parts]

        yield submit


def _at_once(walks: Walks, part: Part) -> Future[None]:
    future: Future[None] = Future()
    try:
        walks.reach(*order(part))
        future.set_result(None)
    except Exception as error:  # noqa: BLE001 - handed to whoever asks the future, as a pool does
        future.set_exception(error)
    return future
