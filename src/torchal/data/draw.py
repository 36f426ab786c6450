"""How a first partition is asked for: drawn afresh, as published, or imported from index files."""

import math
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from jaxtyping import Int64
from pydantic import BeforeValidator, Field, SerializeAsAny, TypeAdapter
from pydantic_core import PydanticCustomError
from torch import Tensor

from torchal.data.imbalance import AnyImbalance, firsts
from torchal.data.index_files import read
from torchal.data.order import shuffled, stratified
from torchal.data.partition import Partition
from torchal.data.published import USUAL, published
from torchal.data.size import Size, count
from torchal.spec import Spec, nearest

__all__ = ["AnyPartition", "Drawn", "Imported", "Published", "Size", "count", "expand"]


class Scale(Spec):
    """A validation set that grows with the labelled one."""

    scale: float = Field(gt=0)
    """Validation rows for each labelled one, rounded to the nearest row and halves up."""

    def of(self, labelled: int) -> int:
        """Return how many rows validate beside so many labelled ones."""
        return math.floor(self.scale * labelled + 0.5)


def _validation(value: Any) -> Any:
    if isinstance(value, dict | Scale):
        return Scale.model_validate(value)
    return TypeAdapter(Size).validate_python(0 if value == "none" else value)


class First(Spec):
    """A first partition, as it is asked for."""

    @property
    @abstractmethod
    def id(self) -> str:
        """Its name, which is the address of all randomness that belongs to it."""

    @abstractmethod
    def rows(self, labels: Int64[Tensor, " n"], classes: int, bought: int | None) -> Partition:
        """Return the partition of a training side.

        Args:
            labels: of its rows; -1 for rows that belong to no class, which can only be in the pool.
            classes: how many there are.
            bought: the most labels that a run will buy; None for as many as there are.

        Raises:
            ValueError: if the sizes do not fit.
        """

    def validating(self, kept: Int64[Tensor, " kept"], labelled: int) -> Int64[Tensor, " some"]:  # noqa: ARG002 - for those that grow
        """Return which of the rows kept for validation validate beside so many labelled ones."""
        return kept

    def sizes(self) -> Spec:
        """Return what is the same in all replications."""
        return Spec()

    @property
    def told(self) -> bool:
        """Whether it says the rows of every cycle, so that no strategy is asked."""
        return False

    def of(self, strategy: str, seed: int) -> "First":  # noqa: ARG002 - for those that say every cycle's rows
        """Return the partition of another strategy and seed that began alike."""
        return self

    def later(self, cycle: int) -> Partition:
        """Return the rows of a cycle after the first, if it says them."""
        raise NotImplementedError


class Drawn(First):
    """A random draw that is the same on every machine.

    One order of all rows belongs to the number of the draw. The labelled rows are its beginning and the validation rows
    its end, so either set can grow and keep the rows it had, without a change in the other.
    """

    drawn: int = Field(ge=1)
    """Number of the draw: another number is another random partition."""

    labelled: Size
    """Rows labelled at the start: a count, or per cent of the training side."""

    validation: Annotated[int | str | Scale, BeforeValidator(_validation)]
    """Rows that validate: a count, per cent of the training side, ``none``, or ``{scale: 0.25}``: a quarter as many as
    are labelled, in every cycle. What they will be at most is kept out of the pool from the beginning."""

    stratified: bool = False
    """Whether both sets have the class shares of the training side, within one example of each class."""

    imbalance: AnyImbalance = None
    """Class counts of the labelled rows: ``{long_tail: 100}``, ``{step: 10, minority: 50%}``, or ``torchal`` for the
    published curve."""

    @property
    def id(self) -> str:
        """The draw's name, such as ``drawn-3``, which is the address of its randomness."""
        return f"drawn-{self.drawn}"

    def sizes(self) -> Spec:
        """Return what is the same in all replications: all but the number."""
        return self.model_copy(update={"drawn": 1})

    def rows(self, labels: Int64[Tensor, " n"], classes: int, bought: int | None = 0) -> Partition:
        """Return the partition of a training side with these labels.

        Raises:
            ValueError: if the sizes do not fit.
        """
        familiar, strange = (labels >= 0).nonzero().squeeze(1), (labels < 0).nonzero().squeeze(1)
        order, n = familiar[self._order(labels[familiar], classes)], len(familiar)
        first = count(self.labelled, len(labels))
        last = self._reserved(first, len(labels), n, bought)
        if first + last > n:
            raise ValueError(
                f"partition {self.id}: {first} labelled and {last} validation rows do not fit in the {n} rows of the "
                "training side; lower labelled or validation."
            )
        labelled, pool = self._first(order[: n - last], labels, classes, first)
        return Partition(labelled, torch.cat([pool, strange]), order[n - last :])

    def _order(self, labels: Int64[Tensor, " n"], classes: int) -> Int64[Tensor, " n"]:
        address = ("partition", self.id)
        return stratified(labels, classes, *address) if self.stratified else shuffled(len(labels), *address)

    def _reserved(self, first: int, whole: int, n: int, bought: int | None) -> int:
        """Return how many rows are kept for validation."""
        if not isinstance(self.validation, Scale):
            return count(self.validation, whole)
        if bought is None:
            return math.floor(n * self.validation.scale / (1 + self.validation.scale))
        return self.validation.of(first + bought)

    def _first(self, order: Tensor, labels: Tensor, classes: int, size: int) -> tuple[Tensor, Tensor]:
        if self.imbalance is None:
            return order[:size], order[size:]
        try:
            return firsts(order, labels, self.imbalance.counts(size, classes))
        except ValueError as error:
            raise ValueError(f"partition {self.id}: {error}; lower labelled, or make it milder") from error

    def validating(self, kept: Int64[Tensor, " kept"], labelled: int) -> Int64[Tensor, " some"]:
        """Return which of the rows kept for validation validate: the last, so that none ever goes."""
        if not isinstance(self.validation, Scale):
            return kept
        return kept[max(0, len(kept) - self.validation.of(labelled)) :]


def _familiar(partition: Partition, labels: Int64[Tensor, " n"]) -> Partition:
    """Return a partition whose labelled and validation rows all belong to a class; the others join the pool."""
    if not (labels < 0).any():
        return partition
    sets = (partition.labelled, partition.validation)
    strange = torch.cat([rows[labels[rows] < 0] for rows in sets])
    labelled, validation = (rows[labels[rows] >= 0] for rows in sets)
    return Partition(labelled, torch.cat([partition.pool, strange]), validation)


class Published(First):
    """A partition that TorchAL published, of CIFAR-10, CIFAR-100 or ImageNet."""

    published: int = Field(ge=1, le=5)
    """Its number, 1 to 5; ImageNet has only the first."""

    validation: Literal[1000, 2500, 5000] = USUAL
    """Rows that validate, of CIFAR; what a smaller set leaves joins the pool. Not to be given for ImageNet."""

    @property
    def id(self) -> str:
        """The partition's name: ``published-3``, or ``published-3-val1000`` with fewer validation rows."""
        return f"published-{self.published}" + ("" if self.validation == USUAL else f"-val{self.validation}")

    def sizes(self) -> Spec:
        """Return what is the same in all replications: all but the number."""
        return self.model_copy(update={"published": 1})

    def rows(self, labels: Int64[Tensor, " n"], classes: int, bought: int | None = 0) -> Partition:  # noqa: ARG002 - as all partitions are asked
        """Return the published partition of a training side of that many rows.

        Raises:
            ValueError: if none was published.
        """
        return _familiar(published(self.published, self.validation, len(labels)), labels)


class Imported(First):
    """A partition read from index files ``lSet*.npy``, ``uSet*.npy`` and ``valSet*.npy``."""

    locations: ClassVar[frozenset[str]] = frozenset({"imported"})

    imported: Path
    """Folder that holds one file of each kind. Its content is what counts, not where it lies."""

    @property
    def id(self) -> str:
        """The partition's name: ``imported-`` and the start of the digest of its rows."""
        return f"imported-{read(self.imported).digest[:8]}"

    def heading(self) -> dict[str, Any]:
        """Return the digest of the rows, which is this partition's identity."""
        return {"content": read(self.imported).digest}

    def rows(self, labels: Int64[Tensor, " n"], classes: int, bought: int | None = 0) -> Partition:  # noqa: ARG002 - as all partitions are asked
        """Return the partition in the files.

        Raises:
            ValueError: if a file is missing or wrong, or holds rows that the training side lacks.
        """
        partition = read(self.imported)
        partition.check(len(labels))
        return _familiar(partition, labels)


_KINDS: dict[str, type[Drawn | Published | Imported]] = {
    "drawn": Drawn,
    "published": Published,
    "imported": Imported,
}


def _kind(value: dict[str, Any]) -> str:
    """Return the one key of a mapping that says what kind of partition it describes."""
    found = [key for key in value if key in _KINDS]
    if len(found) == 1:
        return found[0]
    if found:
        raise PydanticCustomError(
            "many_kinds", "a partition is one of {found}, not several; keep one", {"found": " and ".join(found)}
        )
    hints = (nearest(str(key), _KINDS) for key in value)
    hint = next((each for each in hints if "did you mean" in each), "")
    raise PydanticCustomError("no_kind", "a partition needs one of drawn, published or imported{hint}", {"hint": hint})


def _described(value: Any) -> Any:
    """Turn a mapping into the partition that its key means."""
    if isinstance(value, Spec):
        return value
    if not isinstance(value, dict):
        raise PydanticCustomError("no_mapping", "a partition is a mapping such as {example}", {"example": _EXAMPLE})
    kind, fields = _KINDS[_kind(value)], dict(value)
    content = fields.pop("content", None) if kind is Imported else None
    partition = kind.model_validate(fields)
    if content is not None and content != partition.heading()["content"]:
        raise ValueError("the index files changed since this was written; remove its 'content' to accept that.")
    return partition


_EXAMPLE = "{drawn: 1, labelled: 100, validation: 10%}"

AnyPartition = Annotated[First, BeforeValidator(_described), SerializeAsAny()]
"""Any of the three, told apart by their first key; or another first partition, from Python."""


def expand(value: Any) -> Any:
    """Write out the shorthand ``{published: [1, 2, 3]}``: one mapping for each number, in a list with all others."""
    each: Callable[[Any], list[Any]] = _expanded
    values = value if isinstance(value, list | tuple) else [value]
    return [single for some in values for single in each(some)]


def _expanded(value: Any) -> list[Any]:
    many = [key for key in _KINDS if isinstance(value, dict) and isinstance(value.get(key), list) and value[key]]
    if len(many) != 1:
        return [value]
    return [{**value, many[0]: single} for single in value[many[0]]]
