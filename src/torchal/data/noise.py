"""Wrong labels: which label an annotator gives to each row.

Symmetric noise gives, at the rate asked for, one of the other classes, each as likely (Angluin & Laird 1988, "Learning
from Noisy Examples", for more than two classes). With ``as_torchal`` the class is drawn from all, the right one too, as
TorchAL's code draws it, so that a rate of 10 % makes 9 % of ten classes wrong. TorchAL forgets the noise of all but the
newest batch; here a row keeps the label that it was given.
"""

from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Float64, Int64
from pydantic import BeforeValidator, Field, field_validator
from torch import Tensor

from torchal.data.size import Share
from torchal.rng import Address, generator
from torchal.spec import Spec, nearest

Place = Literal["initial", "queried", "validation", "test"]


class Noise(Spec):
    """How labels go wrong, and where."""

    touches: tuple[Place, ...] = Field(("initial", "queried"), min_length=1)
    """Which labels may be wrong: those of the ``initial`` labelled set, of ``queried`` rows, of ``validation`` and of
    ``test``. TorchAL's are wrong where they were ``queried``."""

    @abstractmethod
    def matrix(self, names: tuple[str, ...]) -> Float64[Tensor, "classes classes"]:
        """Return how likely each class (a row) is given each label (a column).

        Raises:
            ValueError: if it does not fit these classes.
        """

    def given(self, truth: Int64[Tensor, " n"], names: tuple[str, ...], where: Address) -> Int64[Tensor, " n"]:
        """Return a label for each row, drawn from an address; what belongs to no class (-1) stays so."""
        drawn = torch.rand(len(truth), generator=generator(*where, "noise"), dtype=torch.float64).to(truth.device)
        limits, classes = self.matrix(names).to(truth.device).cumsum(1), len(names)
        limits[:, -1] = 1  # the sum of a row may round to less
        true = truth.clamp_min(0)
        in_one_line = (limits + torch.arange(classes, device=truth.device)[:, None]).flatten()
        answers = torch.searchsorted(in_one_line, drawn + true, right=True) - true * classes
        return torch.where(truth < 0, truth, answers.clamp_max(classes - 1))


class Symmetric(Noise):
    """Every wrong class as likely."""

    symmetric: Share
    """Share of wrong labels."""

    as_torchal: bool = False
    """Whether a drawn class may be the right one, as in TorchAL: then fewer labels are wrong than the rate says."""

    def matrix(self, names: tuple[str, ...]) -> Float64[Tensor, "classes classes"]:
        """Return how likely each class is given each label."""
        classes = len(names)
        wrong = self.symmetric / (classes if self.as_torchal else classes - 1)
        chances = torch.full((classes, classes), wrong, dtype=torch.float64)
        return chances.fill_diagonal_(1 - self.symmetric + (wrong if self.as_torchal else 0))


class Flip(Noise):
    """Some classes are taken for certain others, as in Patrini et al. 2017 on neural networks robust to label noise."""

    flip: dict[str, str] = Field(min_length=1)
    """For each class that is mistaken, by name, the class it is taken for."""

    rate: Share
    """Share of these classes' rows that are."""

    @field_validator("flip", mode="before")
    @classmethod
    def _as_names(cls, value: Any) -> Any:
        return {str(a): str(b) for a, b in value.items()} if isinstance(value, dict) else value

    def matrix(self, names: tuple[str, ...]) -> Float64[Tensor, "classes classes"]:
        """Return how likely each class is given each label."""
        chances = torch.eye(len(names), dtype=torch.float64)
        for true, taken in self.flip.items():
            a, b = position(true, names, "oracle.noise.flip"), position(taken, names, "oracle.noise.flip")
            chances[a, a] -= self.rate
            chances[a, b] += self.rate
        return chances


class Confusion(Noise):
    """Labels drawn by a confusion matrix."""

    confusion: tuple[tuple[float, ...], ...]
    """A row for each true class and a column for each label given: how likely, each row with the sum 1. It may be given
    as the path of a ``.npy`` or ``.csv`` file, whose numbers then stand here."""

    @field_validator("confusion", mode="before")
    @classmethod
    def _from_file(cls, value: Any) -> Any:
        return _read(Path(value)) if isinstance(value, str | Path) else value

    @field_validator("confusion")
    @classmethod
    def _chances(cls, value: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
        for number, row in enumerate(value):
            if len(row) != len(value) or min(row, default=-1) < 0 or abs(sum(row) - 1) > 1e-6:
                raise ValueError(
                    f"row {number} must hold {len(value)} numbers of at least 0 with the sum 1, one for each class"
                )
        return value

    def matrix(self, names: tuple[str, ...]) -> Float64[Tensor, "classes classes"]:
        """Return how likely each class is given each label."""
        if len(self.confusion) != len(names):
            raise ValueError(
                f"oracle.noise.confusion: has {len(self.confusion)} rows, and there are {len(names)} classes; "
                "give a row and a column for each"
            )
        return torch.tensor(self.confusion, dtype=torch.float64)


def _read(path: Path) -> Any:
    try:
        loaded = (
            np.loadtxt(path, delimiter=",", ndmin=2) if path.suffix == ".csv" else np.load(path, allow_pickle=False)
        )
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path}: is no readable .npy or .csv file of numbers ({error})") from error
    if loaded.ndim != 2:
        raise ValueError(f"{path}: holds an array of {loaded.ndim} dimensions; give a row for each class")
    return loaded.tolist()


def position(name: str, names: tuple[str, ...], field: str) -> int:
    """Return the number of a class.

    Raises:
        ValueError: naming the field and the nearest class.
    """
    if name not in names:
        raise ValueError(f"{field}: there is no class '{name}'{nearest(name, names)}")
    return names.index(name)


def _described(value: Any) -> Any:
    if value is None or isinstance(value, Noise):
        return value
    kinds: dict[str, type[Noise]] = {"symmetric": Symmetric, "flip": Flip, "confusion": Confusion}
    found = [kind for kind in kinds if isinstance(value, dict) and kind in value]
    if len(found) != 1:
        raise ValueError("is no noise; give {symmetric: 10%}, {flip: {cat: dog}, rate: 40%} or {confusion: FILE.csv}")
    return kinds[found[0]].model_validate(value)


AnyNoise = Annotated[Symmetric | Flip | Confusion | None, BeforeValidator(_described)]
"""One of the three, told apart by their key, or none."""
