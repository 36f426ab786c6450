"""Who computes what is ready. One small adapter a file: they hold no schedule and know no order."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import ClassVar

import yaml
from pydantic import ValidationError

from torchal.host import Host, Watch
from torchal.schedule import Part
from torchal.spec import Plugin, build
from torchal.spec_file import SpecError
from torchal.store import Store

Submit = Callable[[Sequence[Part]], list[Future[None]]]
"""Has parts computed that are ready; a future for each, in their order."""


class Engine(Plugin):
    """What computes the stages of an experiment, wherever the results folder can be written."""

    room: ClassVar[str] = "torchal.engines"

    @abstractmethod
    def slots(self, host: Host) -> int:
        """Return how many parts may be at work or in a queue at a time."""

    @abstractmethod
    def working(self, host: Host, store: Store, watch: Watch) -> AbstractContextManager[Submit]:
        """Give, as long as the context lasts, a way to have parts computed.

        A future that cannot be had since whoever was at work on it is gone for good ends in a
        :class:`concurrent.futures.BrokenExecutor`.
        """


def named(text: str) -> Engine:
    """Return the engine that a text asks for: its name, or YAML such as ``{name: slurm, minutes: 90}``.

    Raises:
        ValueError: naming the field and the remedy.
    """
    try:
        engine: Engine = build(Engine, yaml.safe_load(text))
    except ValidationError as error:
        raise SpecError.of("--on", error) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"--on {text}: {error}") from error
    if not isinstance(engine, Engine):
        raise ValueError(f"--on {text}: give a name, or YAML such as {{name: slurm, minutes: 90}}")
    return engine


def usual(host: Host) -> Engine:
    """Return this process for one job, and a pool of processes for several."""
    from torchal.engines.here import Here  # noqa: PLC0415 - a file of this room, which knows this one
    from torchal.engines.processes import Processes  # noqa: PLC0415 - likewise

    return Here() if host.jobs == 1 else Processes()
