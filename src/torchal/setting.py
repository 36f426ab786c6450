"""How many labels are bought, how often, and how the first are chosen where there are none."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, TypeAdapter, model_validator

from torchal.data.size import Size
from torchal.digest import digest_of_file
from torchal.query import AnyStrategy
from torchal.spec import Spec


class Money(Spec):
    """A budget in cost, for labels whose prices ``oracle.price`` says."""

    cost: float = Field(gt=0)
    """What one query may spend. Labels are bought in the order of choice until the next cannot be paid, and what is
    left is added to the next query's."""


def _budget(value: Any) -> Any:
    kind: Any = Money if isinstance(value, Money | dict) else Size
    return TypeAdapter(kind).validate_python(value)


Budget = Annotated[int | str | Money, BeforeValidator(_budget)]
"""A count of rows, per cent of the training side, or ``{cost: 50}``."""


class Start(Spec):
    """The first query of a run that begins without labels: rows are chosen by embeddings, since there is no network."""

    locations: ClassVar[frozenset[str]] = frozenset({"embeddings"})

    budget: Size
    """Labels bought before the first training."""

    strategy: AnyStrategy | None = None
    """Who chooses them, such as ``typiclust``, ``probcover``, ``maxherding`` or ``random``. By default each run's own
    strategy, which must then need nothing but embeddings."""

    embeddings: Path | None = None
    """A ``.npy`` file with a row of numbers for each row of the training side. By default the examples themselves, as
    the network is given them: pixels, or the embeddings of a frozen network."""

    def heading(self) -> dict[str, Any]:
        """Return the digest of the embeddings, which counts and not where they lie."""
        return (
            {} if self.embeddings is None else {"content": _digest(self.embeddings, self.embeddings.stat().st_mtime_ns)}
        )

    @model_validator(mode="before")
    @classmethod
    def _content_goes(cls, value: Any) -> Any:
        return {name: each for name, each in value.items() if name != "content"} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _there(self) -> "Start":
        if self.embeddings is not None and not self.embeddings.is_file():
            raise ValueError(f"embeddings: there is no file {self.embeddings}; give a .npy file")
        return self

    def table(self) -> NDArray[np.floating[Any]] | None:
        """Return the embeddings of the file, not read before they are used.

        Raises:
            ValueError: if it is no table of numbers.
        """
        if self.embeddings is None:
            return None
        try:
            found: NDArray[np.floating[Any]] = np.load(self.embeddings, allow_pickle=False, mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(
                f"{self.embeddings}: is not a readable .npy file ({error}); save it by numpy.save."
            ) from error
        if found.ndim != 2 or found.dtype.kind != "f":
            raise ValueError(f"{self.embeddings}: holds {found.dtype} of shape {found.shape}; give n x width numbers.")
        return found


@lru_cache(maxsize=8)
def _digest(path: Path, stamp: int) -> str:  # noqa: ARG001 - another time of change is another content
    return digest_of_file(path)


class Setting(Spec):
    """How many labels are bought, and how often."""

    cycles: int | Literal["all"] = Field(4)
    """Trainings in a run, or ``all``: until the pool is exhausted. Between two of them lies a query. With a list of
    budgets it may be left out."""

    budget: Budget | tuple[Budget, ...]
    """Labels bought by one query: a count, per cent of the training side, ``{cost: 50}``; or a list, one for each."""

    start: Start | None = None
    """How the first rows are chosen if the partition has none labelled."""

    @model_validator(mode="before")
    @classmethod
    def _counted(cls, value: Any) -> Any:
        if isinstance(value, dict) and "cycles" not in value and isinstance(value.get("budget"), list | tuple):
            return {**value, "cycles": len(value["budget"]) + 1}
        return value

    @model_validator(mode="after")
    def _agree(self) -> "Setting":
        if isinstance(self.cycles, int) and self.cycles < 1:
            raise ValueError(f"cycles: {self.cycles} is below 1; a run has at least one training")
        if isinstance(self.budget, tuple) and self.cycles != len(self.budget) + 1:
            raise ValueError(
                f"budget: lists {len(self.budget)} budgets, and {self.cycles} cycles have "
                f"{'as many as it takes' if self.cycles == 'all' else self.cycles - 1}; leave cycles out"
            )
        if self.cycles == "all" and isinstance(self.budget, Money):
            raise ValueError(
                "cycles: all needs a budget in rows, since a cost does not say how many it buys; count them"
            )
        kinds = {isinstance(each, Money) for each in self.budgets(1)}
        if len(kinds) > 1:
            raise ValueError("budget: mixes counts and costs; give either")
        return self

    @property
    def in_money(self) -> bool:
        """Whether budgets are costs."""
        return any(isinstance(each, Money) for each in self.budgets(1))

    def budgets(self, queries: int) -> tuple[int | str | Money, ...]:
        """Return the budget of each query, however many there are if one serves for all."""
        return self.budget if isinstance(self.budget, tuple) else (self.budget,) * queries
