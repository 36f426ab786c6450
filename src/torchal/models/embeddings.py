"""A head on feature vectors that were computed elsewhere.

With no hidden layer this is a linear probe: Alain & Bengio 2016, "Understanding intermediate layers using linear
classifier probes". The rows stay those of the data set, whose labels and partitions are used as they are.
"""

from pathlib import Path

from torch import Tensor

from torchal.data.dataset import Dataset, Split
from torchal.digest import digest_of
from torchal.models import Classifier
from torchal.models._arrays import array_files, matrices
from torchal.models._representation import Representation, with_vectors

_NAMES = ("train", "test")


class Embeddings(Representation):
    """A linear layer or a perceptron on feature vectors from a file, one for each row of the data set."""

    path: Path
    """File (.npz, .safetensors) or folder (of .npy) with ``train`` and ``test``: a vector a row, in the rows' order."""

    @classmethod
    def files(cls, path: Path) -> list[Path]:
        """Return the file, or the two files of the folder."""
        return array_files(path, _NAMES)

    def prepare(self, data: Dataset) -> Dataset:
        """Return the data set with the vectors in the place of its inputs.

        Raises:
            ValueError: if the file does not hold a finite vector for each row.
        """
        train, test = matrices(self.path, _NAMES)
        self._check("train", data, data.train, train)
        self._check("test", data, data.test, test)
        if train.shape[1] != test.shape[1]:
            raise ValueError(
                f"{self.path}: train has vectors of {train.shape[1]} numbers and test of {test.shape[1]}; compute both "
                "with one network."
            )
        return with_vectors(data, train, test, digest_of([data.digest, self.digest]))

    def _check(self, name: str, data: Dataset, side: Split, vectors: Tensor) -> None:
        if len(vectors) != len(side):
            raise ValueError(
                f"{self.path}: {name} has {len(vectors)} vectors, and the {name} side of {data.name} has {len(side)} "
                "rows; give one vector for each row, in the order of the rows."
            )

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the head."""
        return self.head(shape, classes)
