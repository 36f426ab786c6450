"""Fashion-MNIST: articles of clothing.

Xiao, Rasul & Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms", 2017.
"""

from typing import ClassVar

from torchal.data.sources.hub import Hub, Title


class FashionMnist(Hub):
    """Fashion-MNIST: 60,000 + 10,000 grey images of clothing of 28 x 28 pixels in 10 classes."""

    pixels: ClassVar[int | None] = 28
    classes: ClassVar[int | None] = 10

    repo: str | None = "zalando-datasets/fashion_mnist"
    """Name on the hub."""

    title: Title = "fashion_mnist"
    """What the data set is called."""

    grey: bool = True
    """Whether images are one channel of brightness."""
