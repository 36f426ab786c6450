"""Tiny ImageNet: two hundred classes of ImageNet, made small.

Le & Yang, "Tiny ImageNet Visual Recognition Challenge", Stanford CS 231N, 2015. The labels of its test images were
never published, so its validation images are the test side, as is usual.
"""

from typing import Any, ClassVar

from torchal.data.sources.hub import Hub, Split, Title


class TinyImagenet(Hub):
    """Tiny ImageNet: 100,000 + 10,000 colour images of 64 x 64 pixels in 200 classes."""

    pixels: ClassVar[int | None] = 64
    classes: ClassVar[int | None] = 200
    augment: ClassVar[dict[str, Any]] = {"crop": 8, "flip": True}

    repo: str | None = "zh-plus/tiny-imagenet"
    """Name on the hub."""

    title: Title = "tiny_imagenet"
    """What the data set is called."""

    test: Split = "valid"
    """Name of the test split."""
