"""VGG-16 with batch normalisation, in TorchAL's form.

Simonyan & Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition". As in TorchAL, the
maps are averaged to 7x7 and the classifier is 25088-4096-512-classes with one dropout layer.
"""

from torchal.models import Classifier
from torchal.models._vgg import VggModel, vgg_network


class Vgg16(VggModel):
    """Thirteen convolutions and a large classifier: 119.6 million parameters at width 64."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network."""
        return vgg_network(self, shape, classes, (2, 2, 3, 3, 3))
