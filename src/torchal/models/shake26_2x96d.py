"""Shake-shake network of 26 layers with two branches of 96 channels.

Gastaldi 2017, "Shake-Shake regularization". As in the author's code, the stem has 16 channels.
"""

from pydantic import Field

from torchal.models import Classifier
from torchal.models._image import ImageModel
from torchal.models._shake import shake_network


class Shake26x96(ImageModel):
    """Three stages of four blocks, whose two branches are mixed at random in training: 26.2 million parameters."""

    width: int = Field(96, ge=2)
    """Channels of the first stage; every further stage has twice as many, and the stem keeps its own."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network."""
        return shake_network(self, shape, classes, stem=16)
