"""Numbers as the page's sentences write them."""

import pandas as pd


def p_value(p: float) -> str:
    """Return a p-value with its sign, such as ``p = 0.031`` and ``p < 0.001``; one of NaN is not defined."""
    return "p is not defined" if pd.isna(p) else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def counted(count: int, thing: str) -> str:
    """Return a count with its thing, such as ``1 seed`` and ``2 seeds``."""
    return f"{count} {thing}{'s' * (count != 1)}"
