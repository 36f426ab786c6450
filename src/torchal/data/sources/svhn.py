"""SVHN: house numbers seen from the street, cropped to one digit.

Netzer, Wang, Coates, Bissacco, Wu & Ng, "Reading Digits in Natural Images with Unsupervised Feature Learning", NIPS
workshop on deep learning and unsupervised feature learning, 2011. The additional training images are not used.
"""

from typing import Any, ClassVar

from torchal.data.sources.hub import Hub, Title


class Svhn(Hub):
    """SVHN: 73,257 + 26,032 colour images of 32 x 32 pixels, each of one digit."""

    pixels: ClassVar[int | None] = 32
    classes: ClassVar[int | None] = 10
    augment: ClassVar[dict[str, Any]] = {"crop": 4}

    repo: str | None = "ufldl-stanford/svhn"
    """Name on the hub."""

    title: Title = "svhn"
    """What the data set is called."""

    config: str | None = "cropped_digits"
    """Configuration on the hub: images cropped to one digit."""
