"""ResNeXt-50 (32x4d), by default with a stem for small images.

Xie, Girshick, Dollár, Tu & He 2017, "Aggregated Residual Transformations for Deep Neural Networks". The 32 groups are
those of width 64: another width keeps four channels in each group of the first stage, and so changes their number.
"""

from functools import partial

from pydantic import Field

from torchal.models import Classifier
from torchal.models._resnet import ResidualModel, bottleneck, residual_network


class Resnext50(ResidualModel):
    """Four stages of 3, 4, 6 and 3 bottlenecks in groups: 23.0 million parameters at width 64."""

    width: int = Field(64, ge=2, multiple_of=2)
    """Channels of the first stage, an even number; every further stage has twice as many."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network."""
        grouped = partial(bottleneck, narrowing=2, groups=self.width // 2)
        return residual_network(self, shape, classes, (3, 4, 6, 3), grouped, expansion=4)
