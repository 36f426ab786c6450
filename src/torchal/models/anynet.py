"""AnyNet: four stages, or any number, of grouped bottlenecks, of which every number is free.

Radosavovic, Kosaraju, Girshick, He & Dollar 2020, "Designing Network Design Spaces", their AnyNetX with squeeze-and-
excitation by choice (AnyNetXE). Deviation: the stem for small images keeps the size.
"""

from pydantic import Field, model_validator
from torch import nn

from torchal.models import Classifier
from torchal.models._designed import Stage, Stem, stem_of
from torchal.models._image import ImageModel, least_side


class Anynet(ImageModel):
    """Stages of residual bottlenecks with grouped convolutions."""

    width: int = Field(32, ge=1)
    """Channels of the first convolution."""

    depths: tuple[int, ...] = Field((1, 2, 7, 12), min_length=1)
    """Blocks of each stage."""

    widths: tuple[int, ...] = Field((32, 64, 160, 400), min_length=1)
    """Channels of each stage."""

    strides: tuple[int, ...] = Field((2, 2, 2, 2), min_length=1)
    """By what each stage divides the size."""

    group_widths: tuple[int, ...] = Field((16, 16, 16, 16), min_length=1)
    """Channels in a group of each stage's 3x3 convolutions."""

    bottlenecks: tuple[float, ...] = Field((1.0, 1.0, 1.0, 1.0), min_length=1)
    """Channels of each stage's 3x3 convolutions as a share of its width."""

    squeeze: float = Field(0.0, ge=0, le=1)
    """Squeeze-and-excitation's inner channels as a share of a block's incoming ones; 0 for none."""

    stem: Stem = "cifar"
    """Whether the first convolution keeps the size ("cifar") or halves it ("imagenet")."""

    @model_validator(mode="after")
    def _fits(self) -> "Anynet":
        lists = ("widths", "strides", "group_widths", "bottlenecks")
        for name in lists:
            if len(getattr(self, name)) != len(self.depths):
                raise ValueError(f"{name}: {len(getattr(self, name))} values for {len(self.depths)} stages of depths")
        for stage, (width, group, share) in enumerate(
            zip(self.widths, self.group_widths, self.bottlenecks, strict=True)
        ):
            inner = round(width * share)
            if inner < 1 or inner % min(group, inner):
                raise ValueError(f"group_widths[{stage}]: {group} does not divide the {inner} channels; change one")
        return self

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network.

        Raises:
            ValueError: if the inputs are not images, or too small to be halved so often.
        """
        self.check(shape, least_side(sum(each > 1 for each in self.strides) + (self.stem == "imagenet")))
        return assembled(self, self._stages(), self.stem, self.width, shape[0], classes)

    def _stages(self) -> list[Stage]:
        numbers = zip(self.depths, self.widths, self.strides, self.group_widths, self.bottlenecks, strict=True)
        return [Stage(*each, squeeze=self.squeeze) for each in numbers]


def assembled(
    model: ImageModel, stages: list[Stage], stem: Stem, width: int, channels: int, classes: int
) -> Classifier:
    """Return the network of some stages."""
    steps = stem_of(stem, channels, width, nn.ReLU)
    for stage in stages:
        steps += stage.blocks(width)
        width = stage.width
    return model.pooled(steps, width, classes)
