"""What networks for images have in common: two options, the size they need, their stages and the way to the head."""

from collections.abc import Callable, Iterable

from pydantic import Field
from torch import nn

from torchal.models import Classifier, Model

Block = Callable[[int, int, int], nn.Module]
"""Makes a block of its channels in, its channels out and its stride."""


class ImageModel(Model):
    """A network for images."""

    width: int = Field(64, ge=1)
    """Channels of the first stage; every further stage has twice as many."""

    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of features dropped before the head in training; above 0 for Monte-Carlo dropout."""

    def check(self, shape: tuple[int, ...], side: int, remedy: str = "choose mlp") -> None:
        """Refuse what is not an image of at least ``side`` pixels a side.

        Raises:
            ValueError: naming the model, the shape and the remedy.
        """
        if len(shape) != 3 or min(shape[1:]) < side:
            raise ValueError(
                f"model {self.plugin_name()}: takes images (channels, height, width) of at least {side}x{side} pixels, "
                f"not shape {shape}; {remedy}."
            )

    def pooled(self, steps: Iterable[nn.Module], features: int, classes: int) -> Classifier:
        """Return the network whose features are the averages of the maps that the steps end in."""
        dropout = [nn.Dropout(self.dropout)] if self.dropout else []
        body = nn.Sequential(*steps, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *dropout)
        return Classifier(body, nn.Linear(features, classes))


def least_side(halvings: int) -> int:
    """Return the least size that so many halvings, each rounded up, bring to 1 and none of which begins at 1."""
    return (1 << halvings) // 2 + 1


def stages(width_in: int, width: int, depths: tuple[int, ...], block: Block) -> list[nn.Module]:
    """Return so many blocks for each stage; every stage but the first doubles the width and halves the size."""
    steps: list[nn.Module] = []
    for stage, depth in enumerate(depths):
        for place in range(depth):
            steps.append(block(width_in, width * 2**stage, 2 if stage and place == 0 else 1))
            width_in = width * 2**stage
    return steps
