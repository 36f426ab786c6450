"""Signatures as people read them: a class of fields is made from the fields below it, and long types have a name."""

import inspect
import re
from typing import Any

from numpy.typing import ArrayLike
from pydantic import BaseModel
from sphinx.application import Sphinx
from sphinx.util.typing import stringify_annotation

_ARRAY_LIKE = [stringify_annotation(ArrayLike, mode) for mode in ("smart", "fully-qualified-except-typing")]
_FUNCTION = re.compile(r"<function [\w.]*(?:<lambda>)?>")


def setup(app: Sphinx) -> dict[str, bool]:
    """Have signatures shortened."""
    app.connect("autodoc-process-signature", _shortened)
    return {"parallel_read_safe": True}


def _shortened(*about: Any) -> tuple[str | None, str | None]:
    *_, thing, _, arguments, returned = about
    if inspect.isclass(thing) and issubclass(thing, BaseModel):
        return "", returned
    return _short(arguments), _short(returned)


def _short(text: str | None) -> str | None:
    if text is None:
        return None
    for each in _ARRAY_LIKE:
        text = text.replace(each, "ArrayLike")
    return _FUNCTION.sub("...", text)
