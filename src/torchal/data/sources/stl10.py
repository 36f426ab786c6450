"""STL-10: photographs of animals and vehicles, few of them labelled.

Coates, Ng & Lee, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning", AISTATS 2011. Its images
without labels are not used.
"""

from typing import Any, ClassVar

from torchal.data.sources.hub import Hub, Title


class Stl10(Hub):
    """STL-10: 5,000 + 8,000 colour images of 96 x 96 pixels in 10 classes."""

    pixels: ClassVar[int | None] = 96
    classes: ClassVar[int | None] = 10
    augment: ClassVar[dict[str, Any]] = {"crop": 12, "flip": True}

    repo: str | None = "tanganke/stl10"
    """Name on the hub."""

    title: Title = "stl10"
    """What the data set is called."""
