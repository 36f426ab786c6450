"""A process that another machine or program started, and that is given parts one at a time.

Specs travel as bytes that are unpickled only after plug-ins from files are known here. They come from the program that
started this process and from nobody else.
"""

import pickle  # noqa: TID251 - between the processes of one experiment
from functools import cache

from torchal.energy import Joules
from torchal.engines._walks import Order, Walks
from torchal.host import Host, prepare
from torchal.store import Store


def packed(todo: Order) -> bytes:
    """Return an order as bytes."""
    return pickle.dumps(todo)


def compute(host: Host, todo: bytes) -> None:
    """Compute a part in this process, which keeps what the next one may need."""
    walks = _walks(host)
    walks.reach(*pickle.loads(todo))  # noqa: S301 - from the program that started this process


@cache
def _walks(host: Host) -> Walks:
    host = prepare(host)
    return Walks(Store(host.results / "store", lambda _: None, host.checkpoint_every, Joules(host.device)), host.device)
