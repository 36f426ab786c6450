"""JSON values as short text: canonical JSON, compressed by bzip2, in base64. Nothing that is unpacked is executed.

Of what a card holds much of, bzip2 makes less than zlib and xz do, and its bytes are the same everywhere.
"""

import base64
import bz2
import json
from typing import Any, NoReturn

from torchal.digest import canonical


def packed(value: Any) -> str:
    """Return a JSON value as text."""
    return base64.b64encode(bz2.compress(canonical(value).encode())).decode()


def unpacked(text: str, most: int) -> Any:
    """Return the JSON value that a text holds.

    Args:
        text: what :func:`packed` returned.
        most: bytes of JSON to read at most; a small text may claim to hold any number.

    Raises:
        ValueError: if it is no such text, or holds more.
    """
    reader = bz2.BZ2Decompressor()
    try:
        data = reader.decompress(base64.b64decode(text, validate=True), most)
    except OSError as error:
        raise ValueError(f"its packed part is damaged: {error}") from error
    if not reader.eof or reader.unused_data:
        raise ValueError(f"its packed part is cut short, or holds more than {most:,} bytes")
    return parsed(data)


def parsed(data: bytes) -> Any:
    """Return the value of a JSON text, in which a number is a number.

    Raises:
        ValueError: if it is no JSON, is nested too deeply, or holds NaN or an infinity.
    """
    try:
        return json.loads(data, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is no JSON")
