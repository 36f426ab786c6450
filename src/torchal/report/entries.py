"""Where what a record names lies in the store."""

import re
from pathlib import Path

_KEY = re.compile("[0-9a-f]{64}")


def entry(results: Path, stage: str, key: str, *files: str) -> Path | None:
    """Return the folder of an entry; None if it lacks one of some files, or if that is no key, as in crafted files."""
    folder = results / "store" / stage / key
    return folder if _KEY.fullmatch(key) and all((folder / name).is_file() for name in files) else None
