"""ResNet-8 for small images: three stages of one basic block.

He, Zhang, Ren & Sun 2016, "Deep Residual Learning for Image Recognition", their CIFAR design with n = 1.
"""

from pydantic import Field

from torchal.models import Classifier, Model
from torchal.models._resnet import residual_network


class Resnet8(Model):
    """A small residual network that trains on a processor."""

    width: int = Field(16, ge=1)
    """Channels of the first stage; each further stage has twice as many."""

    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of features dropped before the head in training; above 0 for Monte-Carlo dropout."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network for images of any size."""
        widths = (self.width, 2 * self.width, 4 * self.width)
        return residual_network(shape, classes, widths, 1, self.dropout, "resnet8")
