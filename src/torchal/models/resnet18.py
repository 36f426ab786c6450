"""ResNet-18 with a stem for small images.

He, Zhang, Ren & Sun 2016, "Deep Residual Learning for Image Recognition"; as in TorchAL, the stem is one 3x3
convolution without pooling.
"""

from pydantic import Field

from torchal.models import Classifier, Model
from torchal.models._resnet import residual_network


class Resnet18(Model):
    """Four stages of two basic blocks: 11.2 million parameters at width 64."""

    width: int = Field(64, ge=1)
    """Channels of the first stage; each further stage has twice as many."""

    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of features dropped before the head in training; above 0 for Monte-Carlo dropout."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network for images of any size."""
        widths = tuple(self.width * 2**stage for stage in range(4))
        return residual_network(shape, classes, widths, 2, self.dropout, "resnet18")
