"""What network: features and a linear head on them, built by a plug-in named after its file."""

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

from jaxtyping import Float
from torch import Tensor, nn

from torchal.data.dataset import Dataset
from torchal.spec import ByName, Plugin


class Classifier(nn.Module):
    """A network in two parts: a body that computes features, step by step, and a linear head on them.

    The body is a sequence, so that Monte-Carlo dropout can rerun only what follows the first active dropout.
    """

    def __init__(self, body: nn.Sequential, head: nn.Linear) -> None:
        super().__init__()
        self.body = body
        self.head = head

    def features(self, x: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch width"]:
        """Return what the head sees: the penultimate representation."""
        features: Tensor = self.body(x)
        return features

    def forward(self, x: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch classes"]:
        """Return the logits."""
        logits: Tensor = self.head(self.features(x))
        return logits


class Model(Plugin):
    """An architecture and its options. A subclass says how to build it, in a file of ``torchal/models``."""

    room: ClassVar[str] = "torchal.models"

    @property
    def family(self) -> Literal["scratch", "head", "finetuned"]:
        """What is learnt: a whole network from scratch, a head on fixed features, or a pretrained network."""
        return "scratch"

    def prepare(self, data: Dataset) -> Dataset:
        """Return the data set as this network takes it in: the same rows and labels, on the same device.

        Raises:
            ValueError: if the network cannot learn from these data.
        """
        return data

    @abstractmethod
    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return a freshly initialised network, drawn from the global stream (callers seed it).

        Args:
            shape: of one prepared example: ``(channels, height, width)`` or ``(width,)``.
            classes: how many logits.

        Raises:
            ValueError: if the architecture cannot take that shape.
        """


AnyModel = Annotated[Model, *ByName.of(Model)]
