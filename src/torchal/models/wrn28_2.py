"""WRN-28-2: a wide residual network of 28 layers, in TorchAL's form.

Zagoruyko & Komodakis 2016, "Wide Residual Networks". As in TorchAL, convolutions have biases and the activation is a
leaky ReLU of slope 0.2.
"""

from pydantic import Field

from torchal.models import Classifier
from torchal.models._wide import WideModel, wide_network


class Wrn28x2(WideModel):
    """Three stages of four blocks, 2 times as wide as a ResNet's: 1.5 million parameters."""

    width: int = Field(32, ge=1)
    """Channels of the first stage, 16 for each unit of widening; every further stage has twice as many."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network."""
        return wide_network(self, shape, classes, (4, 4, 4))
