"""Some rows of other inputs, in an order of their own and perhaps more than once, without a copy of their values."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from torchal.data.dataset import Inputs, Windows


@dataclass(frozen=True)
class Selected(Inputs):
    """Inputs of which row i is row ``rows[i]`` of others."""

    base: Inputs
    rows: Int64[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]  # that of its base
        """The shape of one example."""
        return self.base.shape

    @property
    def mean(self) -> Float[Tensor, " channels"] | None:  # type: ignore[override]  # likewise
        """Per channel, of images scaled to 0..1; subtracted if given."""
        return self.base.mean

    @property
    def std(self) -> Float[Tensor, " channels"] | None:  # type: ignore[override]  # likewise
        """Per channel, of images scaled to 0..1; divided by if given."""
        return self.base.std

    @property
    def home(self) -> torch.device:  # type: ignore[override]  # likewise
        """Where the numbers of rows are looked up."""
        return self.base.home

    def raw(self, rows: Int64[Tensor, " batch"], windows: Windows | None = None) -> Shaped[Tensor, "batch ..."]:
        """Return examples as they are stored."""
        return self.base.raw(self._there(rows), windows)

    def seen(self, raw: Shaped[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """Return stored examples as a network sees them."""
        return self.base.seen(raw)

    def raws(self, parts: Iterable[tuple[Tensor, Windows | None]]) -> Iterator[Shaped[Tensor, "_ ..."]]:
        """Yield :meth:`raw` of one part after the other."""
        return self.base.raws((self._there(rows), windows) for rows, windows in parts)

    def to(self, device: torch.device | str) -> "Selected":
        """Return the same inputs, to be used on a device."""
        base = self.base.to(device)
        return Selected(base, self.rows.to(base.home))

    def _there(self, rows: Tensor) -> Tensor:
        return self.rows[rows.to(self.rows.device)]
