"""New plug-ins, for people to change."""

import re
from pathlib import Path

TEMPLATE = '''"""{title}: say in a line what it is.

Say where it comes from (authors, year, title), or that it is your own. Then say what differs from that source.
"""

from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from torchal.query import QueryContext, Strategy


class {cls}(Strategy):
    """Prefer the points whose two likeliest classes are closest. Say here what yours prefers."""

    temperature: float = Field(1.0, gt=0)
    """Divides the logits; 1 leaves them as they are. An example of a parameter: YAML checks it and reports name it."""

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return ``ctx.budget`` distinct positions in the pool."""
        return ctx.top(-self.margins(ctx.logits))

    def margins(self, logits: Float[Tensor, "pool classes"]) -> Float[Tensor, " pool"]:
        """Return the difference of the two highest probabilities of each point."""
        highest = (logits.double() / self.temperature).softmax(1).topk(2, dim=1).values
        return highest[:, 0] - highest[:, 1]
'''


def write_new(kind: str, name: str, folder: Path) -> Path:
    """Write a plug-in of a kind and return its file.

    Raises:
        ValueError: if the kind is unknown, the name is no name for a file of Python, or the file exists.
    """
    if kind != "strategy":
        raise ValueError(f"new {kind}: only a strategy can be written; say torchal new strategy NAME.")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"new strategy {name}: the name must be lower-case letters, digits and underscores.")
    place = folder / f"{name}.py"
    title = name.replace("_", " ").capitalize()
    cls = "".join(part.capitalize() for part in name.split("_"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with place.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE.format(title=title, cls=cls))
    except FileExistsError:
        raise ValueError(f"{place} exists already; choose another name, or another folder with --to.") from None
    return place
