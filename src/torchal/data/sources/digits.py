"""Handwritten digits of 8 x 8 pixels, which come with scikit-learn and need no download.

Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998: its test set of
1,797 examples, of which scikit-learn keeps a copy.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from pydantic import Field

from torchal.data.contents import Contents
from torchal.data.dataset import Dataset, Source
from torchal.data.order import held_out
from torchal.data.size import Size, count

_CLASSES = tuple("0123456789")


class Digits(Source):
    """Handwritten digits of 8 x 8 grey pixels, bundled with scikit-learn: 1,797 examples."""

    test: Size = Field("20%", validate_default=True)
    """Examples held out as the test side, stratified and always the same: a count, or per cent of all."""

    def load(self) -> Dataset:
        """Return the digits, their grey values 0 to 16 stretched to 0 to 255.

        Raises:
            ValueError: if one of the sides has too few examples.
        """
        table = _bundled()
        values = torch.from_numpy(np.rint(table[:, :64] * (255 / 16)).astype(np.uint8)).reshape(-1, 1, 8, 8)
        labels = torch.from_numpy(table[:, 64].astype(np.int64))
        kept, tested = held_out(labels, len(_CLASSES), count(self.test, len(labels)), "digits", "test")
        contents = Contents(values[kept], labels[kept], values[tested], labels[tested], _CLASSES)
        return contents.checked("digits").dataset("digits")


def _bundled() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Read scikit-learn's file of 64 grey values and a label a row. Importing scikit-learn would take a second more."""
    package = find_spec("sklearn")
    assert package is not None
    assert package.submodule_search_locations is not None
    file = Path(package.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    return np.loadtxt(file, delimiter=",")
