"""MNIST: handwritten digits.

LeCun, Bottou, Bengio & Haffner, "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 86(11), 1998.
"""

from typing import ClassVar

from torchal.data.sources.hub import Hub, Title


class Mnist(Hub):
    """MNIST: 60,000 + 10,000 grey handwritten digits of 28 x 28 pixels."""

    pixels: ClassVar[int | None] = 28
    classes: ClassVar[int | None] = 10

    repo: str | None = "ylecun/mnist"
    """Name on the hub."""

    title: Title = "mnist"
    """What the data set is called."""

    grey: bool = True
    """Whether images are one channel of brightness."""
