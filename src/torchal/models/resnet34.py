"""ResNet-34, by default with a stem for small images.

He, Zhang, Ren & Sun 2016, "Deep Residual Learning for Image Recognition".
"""

from torchal.models import Classifier
from torchal.models._resnet import ResidualModel, residual_network


class Resnet34(ResidualModel):
    """Four stages of 3, 4, 6 and 3 basic blocks: 21.3 million parameters at width 64."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network."""
        return residual_network(self, shape, classes, (3, 4, 6, 3))
