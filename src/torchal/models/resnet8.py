"""ResNet-8 for small images: three stages of one basic block.

He, Zhang, Ren & Sun 2016, "Deep Residual Learning for Image Recognition", their CIFAR design with n = 1.
"""

from pydantic import Field

from torchal.models import Classifier
from torchal.models._resnet import ResidualModel, residual_network


class Resnet8(ResidualModel):
    """A small residual network that trains on a processor."""

    width: int = Field(16, ge=1)
    """Channels of the first stage; every further stage has twice as many."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network."""
        return residual_network(self, shape, classes, (1, 1, 1))
