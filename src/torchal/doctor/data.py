"""Which data are at hand without a network: those in ``$TORCHAL_DATA``, and what was decoded into the cache."""

import os
from pathlib import Path

from torchal.data.cache import home
from torchal.doctor.finding import Finding, ok, warn
from torchal.show import size


def looks() -> list[Finding]:
    """Look at the folder of data sets and at the cache."""
    return [_data(os.environ.get("TORCHAL_DATA")), _cache(home())]


def _data(named: str | None) -> Finding:
    if not named:
        how = "put a data set into a folder and set TORCHAL_DATA to the folder around it"
        return ok("data", "TORCHAL_DATA is not set, so presets without a path are read from the hub", f"offline: {how}")
    if not Path(named).is_dir():
        return warn("data", f"TORCHAL_DATA is {named}, which is no folder", "set it to the folder that holds data sets")
    there = sorted(each.name for each in Path(named).iterdir() if each.is_dir())
    return ok("data", f"{named} holds {', '.join(there) or 'nothing'}")


def _cache(folder: Path) -> Finding:
    ground = next(each for each in (folder, *folder.resolve().parents) if each.is_dir())
    if not os.access(ground, os.W_OK):
        return warn("cache", f"{folder} cannot be written", "set TORCHAL_CACHE to another folder")
    entries = [each for each in (folder / "decoded").glob("*/") if (each / "meta.json").is_file()]
    taken = sum(file.stat().st_size for entry in entries for file in entry.iterdir())
    return ok("cache", f"{folder} holds {len(entries)} decoded data sets, {size(taken)}")
