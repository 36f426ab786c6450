"""A manifest of index sets: which rows each cycle of each run was trained on, whoever chose them.

``torchal export index`` writes one. For sets that came about elsewhere it is written by hand, in YAML or JSON, in the
folder that holds the files.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Int64
from pydantic import Field, ValidationError
from torch import Tensor

from torchal import __version__
from torchal.data.draw import First
from torchal.data.index_files import read_rows
from torchal.data.partition import Partition
from torchal.digest import digest_of, digest_of_file
from torchal.records import Record
from torchal.spec_file import SpecError, read_yaml

NAME = "manifest.json"
"""Name of the file that ``torchal export index`` writes."""


class Cycle(Record):
    """The files of one cycle, by their path from the manifest's folder."""

    labelled: str
    """Labelled rows, in the order of acquisition: a ``.npy`` file."""
    pool: str | None = None
    """Rows whose labels may be bought. Nothing is trained on them."""
    validation: str | None = None
    """Rows that validate."""
    queried: str | None = None
    """Rows that were asked for after it."""
    digests: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each of these files, by its kind; those not given are not checked."""

    def files(self) -> list[str]:
        """Return the files that are given."""
        kinds = (self.labelled, self.pool, self.validation, self.queried)
        return [file for file in kinds if file is not None]


class Sets(Record):
    """The sets of one run."""

    strategy: str
    """What chose them, as the report is to call it; ``random`` is what others are compared with."""
    partition: str
    """Name of the first partition, which is the address of a training's random numbers."""
    seed: int = 1
    """Replication of the training."""
    model: str = ""
    """The network by which they were chosen, if known."""
    run: str = ""
    """Id of the run that wrote them."""
    dataset: str = ""
    """SHA-256 of the data set whose rows they are, if known."""
    cycles: tuple[Cycle, ...] = Field(min_length=1)


class Manifest(Record):
    """Index sets of runs, and how networks are trained on them."""

    format: Literal[1] = 1
    torchal: str = __version__
    """Version that wrote it."""
    experiment: dict[str, Any]
    """The fields of an experiment but those that say who chose: ``name``, ``dataset``, ``model``, ``recipe``,
    ``tuning``, ``pool`` and ``oracle``."""
    runs: tuple[Sets, ...] = Field(min_length=1)

    @classmethod
    def load(cls, path: Path, overrides: tuple[str, ...] = ()) -> "Manifest":
        """Read a manifest from JSON or YAML, with ``a.b=c`` overrides of its experiment.

        Raises:
            SpecError: naming each field that is wrong, its value and the remedy.
        """
        document = read_yaml(path, tuple(f"experiment.{each}" for each in overrides))
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise SpecError.of(str(path), error) from None


class Told(First):
    """The rows of every cycle of a run, read from files."""

    locations = frozenset({"folder", "others"})

    folder: Path
    """Folder of the manifest, out of which no path may lead."""
    name: str
    """Name of the first partition."""
    cycles: tuple[Cycle, ...]
    """Its files."""
    others: tuple[Sets, ...] = ()
    """All sets of the manifest, among which are those of runs that search for others' recipes."""

    @property
    def id(self) -> str:
        """The name of the first partition."""
        return self.name

    def of(self, strategy: str, seed: int) -> "Told":
        """Return the sets of another strategy and seed.

        Raises:
            ValueError: if the manifest has none.
        """
        for sets in self.others:
            if (sets.strategy, sets.partition, sets.seed) == (strategy, self.name, seed):
                return self.model_copy(update={"cycles": sets.cycles})
        raise ValueError(
            f"tuning.scope: the recipes of {self.name} would come from {strategy} with seed {seed}, whose sets the "
            "manifest lacks; set tuning.scope to every_run, first_cycle or fixed"
        )

    def heading(self) -> dict[str, Any]:
        """Return the digest of the rows, which is this partition's identity."""
        return {"content": digest_of([self._partition(cycle).digest for cycle in range(len(self.cycles))])}

    def rows(self, labels: Int64[Tensor, " n"], classes: int, bought: int | None) -> Partition:  # noqa: ARG002 - as all partitions are asked
        """Return the rows of the first cycle.

        Raises:
            ValueError: if a file is missing or wrong, or holds rows that the training side lacks or that have no class.
        """
        for cycle in range(len(self.cycles)):
            rows = self._partition(cycle)
            rows.check(len(labels))
            strange = [int(row) for each in (rows.labelled, rows.validation) for row in each[labels[each] < 0][:1]]
            if strange:
                raise ValueError(f"{self.name}, cycle {cycle}: row {strange[0]} belongs to none of the classes")
            if not len(rows.labelled):
                raise ValueError(f"{self.name}, cycle {cycle}: nothing is labelled, so there is nothing to train on")
        return self._partition(0)

    @property
    def told(self) -> bool:
        """Whether it says the rows of every cycle: it does."""
        return True

    def later(self, cycle: int) -> Partition:
        """Return the rows of a cycle."""
        return self._partition(cycle)

    def labelled(self) -> tuple[int, ...]:
        """Return how many rows are labelled in each cycle."""
        return tuple(len(self._partition(cycle).labelled) for cycle in range(len(self.cycles)))

    def _partition(self, cycle: int) -> Partition:
        files = self.cycles[cycle]
        try:
            return Partition(*(self._read(files, kind) for kind in ("labelled", "pool", "validation")))
        except ValueError as error:
            raise ValueError(f"{self.name}, cycle {cycle}: {error}") from error

    def _read(self, files: Cycle, kind: str) -> Int64[Tensor, " rows"]:
        name = getattr(files, kind)
        if name is None:
            return torch.arange(0)
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()) or not path.is_file():
            raise ValueError(f"{name}: is no file below the manifest's folder; put it there")
        return _rows(path, path.stat().st_mtime_ns, files.digests.get(kind))


@lru_cache(maxsize=256)
def _rows(path: Path, stamp: int, digest: str | None) -> Int64[Tensor, " rows"]:  # noqa: ARG001 - another time of change is another content
    """Return the rows in a file, read once: every stage of a run asks for them.

    Raises:
        ValueError: if it is no index file, or not the one that the manifest means.
    """
    if digest is not None and digest_of_file(path) != digest:
        raise ValueError(f"{path.name}: is not the file that was written, by its digest; fetch it again")
    return torch.from_numpy(read_rows(path))
