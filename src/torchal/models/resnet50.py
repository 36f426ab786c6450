"""ResNet-50, by default with a stem for small images.

He, Zhang, Ren & Sun 2016, "Deep Residual Learning for Image Recognition". A block that halves the size does so
in its 3x3 convolution, as torchvision does, and not in the 1x1 convolution before it.
"""

from torchal.models import Classifier
from torchal.models._resnet import ResidualModel, bottleneck, residual_network


class Resnet50(ResidualModel):
    """Four stages of 3, 4, 6 and 3 bottlenecks: 23.5 million parameters at width 64."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network."""
        return residual_network(self, shape, classes, (3, 4, 6, 3), bottleneck, expansion=4)
