"""Compressed images in a table on disk, of which only the rows that are asked for are read."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchal.data.encoded import from_table


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a memory-mapped table that hold images."""

    title: str
    digest: str
    images: pa.ChunkedArray
    numbers: NDArray[np.int64]
    """Which rows of the table these are."""
    classes: tuple[str, ...] | None

    @classmethod
    def of(
        cls, table: pa.Table, columns: tuple[str, str], classes: tuple[str, ...] | None, title: str, digest: str
    ) -> "Table":
        """Return the rows of a table that has images in the first of two columns, and labels in the second.

        Raises:
            ValueError: if there is no row, or a column is missing or of the wrong type.
        """
        if table.num_rows == 0:
            raise ValueError(f"{title}: has no row; give it at least one image.")
        from_table(table.slice(0, 1), *columns, classes, lambda _: title)  # says what is wrong with the columns
        images = table.column(columns[0])
        if pa.types.is_struct(images.type):
            place = images.type.get_field_index("bytes")
            images = pa.chunked_array([chunk.field(place) for chunk in images.chunks])
        return cls(title, digest, images, np.arange(table.num_rows), classes)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, row: int) -> bytes:
        """Return the bytes of an image.

        Raises:
            ValueError: naming the row, if it is empty.
        """
        data = self.images[int(self.numbers[row])].as_py()
        if data is None:
            raise ValueError(f"{self.where(row)}: has no image; fill the row or leave it out.")
        return bytes(data)

    def name(self, row: int) -> str:
        """Return what a row is called within the table."""
        return f"row {self.numbers[row]}"

    def where(self, row: int) -> str:
        """Say where a row comes from."""
        return f"{self.name(row)} of {self.title}"

    def only(self, rows: list[int]) -> "Table":
        """Return some of the rows, and all classes."""
        return replace(self, numbers=self.numbers[rows])


def labels_in(table: pa.Table, column: str, title: str) -> NDArray[Any]:
    """Return the labels of a table's rows. No method of the images, since strategies can reach those of the pool.

    Raises:
        ValueError: if a row has none.
    """
    labels = table.column(column)
    if labels.null_count:
        raise ValueError(
            f"{title}: column '{column}' is empty in {labels.null_count} rows; fill them or leave them out."
        )
    return np.array(labels.to_pylist(), dtype=np.int64 if pa.types.is_integer(labels.type) else np.str_)
