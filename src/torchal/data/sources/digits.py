"""Handwritten digits of 8 x 8 pixels, which come with scikit-learn and need no download.

Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998: its test set of
1,797 examples, of which scikit-learn keeps a copy.
"""

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
        from sklearn.datasets import load_digits  # noqa: PLC0415 - takes a second that other sources need not spend

        raw = load_digits()
        values = torch.from_numpy(np.rint(raw.images * (255 / 16)).astype(np.uint8))[:, None]
        labels = torch.from_numpy(raw.target.astype(np.int64))
        kept, tested = held_out(labels, len(_CLASSES), count(self.test, len(labels)), "digits", "test")
        contents = Contents(values[kept], labels[kept], values[tested], labels[tested], _CLASSES)
        return contents.checked("digits").dataset("digits")
