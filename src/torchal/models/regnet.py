"""RegNet: widths that grow along a line, quantised into stages.

Radosavovic, Kosaraju, Girshick, He & Dollar 2020, "Designing Network Design Spaces": the linear parameterisation of
section 3.3, with the design parameters of their RegNetX and RegNetY models. Deviation: the stem for small images keeps
the size.
"""

from itertools import groupby
from math import log
from typing import Literal, NamedTuple

from pydantic import Field

from torchal.models import Classifier
from torchal.models._designed import Stage, Stem
from torchal.models._image import ImageModel, least_side
from torchal.models.anynet import assembled


class Design(NamedTuple):
    """Depth, first width, slope, quantisation factor, group width and squeeze share."""

    depth: int
    first: int
    slope: float
    factor: float
    group: int
    squeeze: float


DESIGNS = {
    "x-200mf": Design(13, 24, 36.44, 2.49, 8, 0.0),
    "x-400mf": Design(22, 24, 24.48, 2.54, 16, 0.0),
    "x-800mf": Design(16, 56, 35.73, 2.28, 16, 0.0),
    "y-200mf": Design(13, 24, 36.44, 2.49, 8, 0.25),
    "y-400mf": Design(16, 48, 27.89, 2.09, 8, 0.25),
    "y-800mf": Design(14, 56, 38.84, 2.4, 16, 0.25),
}
"""Published designs by name."""


class Regnet(ImageModel):
    """RegNetX, or with squeeze-and-excitation RegNetY: 0.2 to 0.8 billion multiplications on ImageNet."""

    width: int = Field(0, ge=0)
    """Channels of the first stage, with which all others scale; 0 for the design's own."""

    design: Literal["x-200mf", "x-400mf", "x-800mf", "y-200mf", "y-400mf", "y-800mf"] = "x-200mf"
    """The published design."""

    stem: Stem = "cifar"
    """Whether the first convolution keeps the size ("cifar") or halves it ("imagenet")."""

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the network.

        Raises:
            ValueError: if the inputs are not images, or too small to be halved so often.
        """
        self.check(shape, least_side(4 + (self.stem == "imagenet")))
        design = DESIGNS[self.design]
        stages = [
            Stage(depth, _divisible(self._scaled(width), design.group), 2, design.group, 1.0, design.squeeze)
            for width, depth in stages_of(design)
        ]
        return assembled(self, stages, self.stem, self._scaled(32), shape[0], classes)

    def _scaled(self, width: int) -> int:
        own = stages_of(DESIGNS[self.design])[0][0]
        return max(1, round(width * self.width / own)) if self.width else width


def stages_of(design: Design) -> list[tuple[int, int]]:
    """Return width and depth of each stage.

    Widths lie on a line and are rounded to powers of the factor, to multiples of 8, and to whole groups.
    """
    widths = []
    for block in range(design.depth):
        wanted = design.first + design.slope * block
        power = round(log(wanted / design.first) / log(design.factor))
        widths.append(round(design.first * design.factor**power / 8) * 8)
    return [(_divisible(width, design.group), len(list(blocks))) for width, blocks in groupby(widths)]


def _divisible(width: int, group: int) -> int:
    """Return the nearest width that whole groups fill."""
    return width if width <= group else int(width / group + 0.5) * group
