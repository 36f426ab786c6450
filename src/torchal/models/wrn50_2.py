"""WRN-50-2: ResNet-50 with bottlenecks twice as wide, by default with a stem for small images.

Zagoruyko & Komodakis 2016, "Wide Residual Networks". A block that halves the size does so in its 3x3 convolution, as
torchvision does. TorchAL's form has the stem "imagenet".
"""

from functools import partial

from torchal.models import Classifier
from torchal.models._resnet import ResidualModel, bottleneck, residual_network


class Wrn50x2(ResidualModel):
    """Four stages of 3, 4, 6 and 3 wide bottlenecks: 66.8 million parameters at width 64."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network."""
        wide = partial(bottleneck, narrowing=2)
        return residual_network(self, shape, classes, (3, 4, 6, 3), wide, expansion=4)
