"""Recipes that have a name.

``plain`` is what Munjal et al. 2022, "Towards Robust and Reproducible Active Learning Using Neural Networks", call
training without strong regularisation, as their code runs it: a constant rate, 150 epochs, the data set's usual crop
and flip. ``strong`` adds their strong regularisation: RandAugment, and 50 epochs of stochastic weight averaging. Rate,
decay, batch, optimizer and the two numbers of RandAugment are what they search for in every cycle.
"""

from typing import Any

_STRONG = {"operations": 1, "magnitude": 5}

PRESETS: dict[str, dict[str, Any]] = {
    "plain": {"augment": {"standard": True}},
    "strong": {
        "augment": {"standard": True, "randaugment": _STRONG},
        "swa": {"epochs": 50, "lr": 5e-4, "every": 50},
    },
}


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return nested fields with some of them replaced."""
    result = dict(base)
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if both else value
    return result
