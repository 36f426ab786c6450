"""CIFAR-100: small colour photographs in a hundred fine classes.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", technical report, University of Toronto, 2009.
"""

from typing import Any, ClassVar

from torchal.data.sources.hub import Hub, Title


class Cifar100(Hub):
    """CIFAR-100: 50,000 + 10,000 colour images of 32 x 32 pixels in 100 fine classes."""

    pixels: ClassVar[int | None] = 32
    classes: ClassVar[int | None] = 100
    augment: ClassVar[dict[str, Any]] = {"crop": 4, "flip": True}

    repo: str | None = "uoft-cs/cifar100"
    """Name on the hub."""

    title: Title = "cifar100"
    """What the data set is called."""

    image_column: str = "img"
    """Column of the images."""

    label_column: str = "fine_label"
    """Column of the labels; ``coarse_label`` holds the 20 superclasses, which this preset refuses."""
