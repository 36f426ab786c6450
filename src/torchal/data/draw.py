"""How a first partition is asked for: drawn afresh, as published, or imported from index files."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from jaxtyping import Int64
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError
from torch import Tensor

from torchal.data.index_files import read
from torchal.data.order import shuffled, stratified
from torchal.data.partition import Partition
from torchal.data.published import USUAL, published
from torchal.data.size import Size, count
from torchal.spec import Spec, nearest

__all__ = ["AnyPartition", "Drawn", "Imported", "Published", "Size", "count", "expand"]


class Drawn(Spec):
    """A random draw that is the same on every machine.

    One order of all rows belongs to the number of the draw. The labelled rows are its beginning and the validation rows
    its end, so either set can grow and keep the rows it had, without a change in the other.
    """

    drawn: int = Field(ge=1)
    """Number of the draw: another number is another random partition."""

    labelled: Size
    """Rows labelled at the start: a count, or per cent of the training side."""

    validation: Size
    """Rows that validate: a count, or per cent of the training side."""

    stratified: bool = False
    """Whether both sets have the class shares of the training side, within one example of each class."""

    @property
    def id(self) -> str:
        """The draw's name, such as ``drawn-3``, which is the address of its randomness."""
        return f"drawn-{self.drawn}"

    def rows(self, labels: Int64[Tensor, " n"], classes: int) -> Partition:
        """Return the partition of a training side with these labels.

        Raises:
            ValueError: if the sizes do not fit.
        """
        n = len(labels)
        first, last = count(self.labelled, n), count(self.validation, n)
        if first + last > n:
            raise ValueError(
                f"partition {self.id}: {first} labelled and {last} validation rows do not fit in the {n} rows of the "
                "training side; lower labelled or validation."
            )
        address = ("partition", self.id)
        order = stratified(labels, classes, *address) if self.stratified else shuffled(n, *address)
        return Partition(order[:first], order[first : n - last], order[n - last :])


class Published(Spec):
    """A partition that TorchAL published, of CIFAR-10, CIFAR-100 or ImageNet."""

    published: int = Field(ge=1, le=5)
    """Its number, 1 to 5; ImageNet has only the first."""

    validation: Literal[1000, 2500, 5000] = USUAL
    """Rows that validate, of CIFAR; what a smaller set leaves joins the pool. Not to be given for ImageNet."""

    @property
    def id(self) -> str:
        """The partition's name: ``published-3``, or ``published-3-val1000`` with fewer validation rows."""
        return f"published-{self.published}" + ("" if self.validation == USUAL else f"-val{self.validation}")

    def rows(self, labels: Int64[Tensor, " n"], classes: int) -> Partition:  # noqa: ARG002 - as all partitions are asked
        """Return the published partition of a training side of that many rows.

        Raises:
            ValueError: if none was published.
        """
        return published(self.published, self.validation, len(labels))


class Imported(Spec):
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

    def rows(self, labels: Int64[Tensor, " n"], classes: int) -> Partition:  # noqa: ARG002 - as all partitions are asked
        """Return the partition in the files.

        Raises:
            ValueError: if a file is missing or wrong, or holds rows that the training side lacks.
        """
        partition = read(self.imported)
        partition.check(len(labels))
        return partition


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

AnyPartition = Annotated[Drawn | Published | Imported, BeforeValidator(_described)]
"""Any of the three, told apart by their first key."""


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
