"""How many rows: a count, or per cent of the training side."""

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s?%", re.ASCII)
_REMEDY = "give a count of rows such as 500, or per cent such as 5%"


def _size(value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise ValueError(f"must not be negative; {_REMEDY}")
        return value
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"is no size; {_REMEDY}")
    percent = Decimal(found[1])
    if percent > 100:
        raise ValueError("is more than 100%; give per cent of the training side, 0% to 100%")
    return f"{percent.normalize():f}%"


Size = Annotated[int | str, BeforeValidator(_size)]
"""A count of rows, or per cent of the training side written ``5%``."""


def _share(value: Any) -> Any:
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(Decimal(found[1]) / 100) if found else value


Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]
"""A share of something, 0 to 1, which may be written ``10%``."""


def count(size: int | str, n: int) -> int:
    """Return how many of n rows a size is, per cent rounded to the nearest row and halves up.

    Raises:
        ValueError: if it is no size.
    """
    valid = _size(size)
    if isinstance(valid, int):
        return valid
    return int((Decimal(valid.removesuffix("%")) * n / 100).to_integral_value(ROUND_HALF_UP))
