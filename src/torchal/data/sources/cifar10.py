"""CIFAR-10: small colour photographs of animals and vehicles.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", technical report, University of Toronto, 2009.
"""

from typing import Any, ClassVar

from torchal.data.sources.hub import Hub, Title


class Cifar10(Hub):
    """CIFAR-10: 50,000 + 10,000 colour images of 32 x 32 pixels in 10 classes."""

    pixels: ClassVar[int | None] = 32
    classes: ClassVar[int | None] = 10
    augment: ClassVar[dict[str, Any]] = {"flip": True}

    repo: str | None = "uoft-cs/cifar10"
    """Name on the hub."""

    title: Title = "cifar10"
    """What the data set is called."""

    image_column: str = "img"
    """Column of the images."""
