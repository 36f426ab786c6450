"""Whether a folder still holds the files that were committed in it, by their digests."""

import json
from pathlib import Path
from typing import Any

from torchal.digest import digest_of_file


class Corrupt(ValueError):
    """An entry's files are not those that were committed."""


def content(path: Path, name: str) -> Any:
    """Return what a JSON file of an entry holds.

    Raises:
        Corrupt: if it is missing or not readable.
    """
    try:
        return json.loads((path / name).read_bytes())
    except (OSError, ValueError) as error:
        raise Corrupt(f"{path} is not readable: {error}") from error


def unaltered(path: Path) -> None:
    """Compare an entry's files with their digests.

    Raises:
        Corrupt: naming the file that is missing, changed or not readable.
    """
    recorded = content(path, "digests.json")
    if not isinstance(recorded, dict):
        raise Corrupt(f"{path}/digests.json is not a list of digests")
    found = digests(path)
    for name in sorted(recorded.keys() | found.keys()):
        if recorded.get(name) != found.get(name):
            raise Corrupt(f"{path}/{name} is not what was committed")


def digests(folder: Path) -> dict[str, str]:
    """Return anew the digest of every file of an entry but its sidecars and the list of digests itself."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != "digests.json")
    return {str(file.relative_to(folder)): digest_of_file(file) for file in files if "timing" not in file.name}
