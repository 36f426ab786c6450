"""ResNet-18, by default with a stem for small images.

He, Zhang, Ren & Sun 2016, "Deep Residual Learning for Image Recognition"; as in TorchAL, the stem is one 3x3
convolution without pooling, unless another is asked for.
"""

from torchal.models import Classifier
from torchal.models._resnet import ResidualModel, residual_network


class Resnet18(ResidualModel):
    """Four stages of two basic blocks: 11.2 million parameters at width 64."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network."""
        return residual_network(self, shape, classes, (2, 2, 2, 2))
