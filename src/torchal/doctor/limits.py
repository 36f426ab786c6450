"""How much of the machine this process may use: what containers and batch systems grant by control groups."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_NO_LIMIT = 1 << 60
"""More bytes than there are: how the first version of control groups says that there is no limit."""


@dataclass(frozen=True)
class Grant:
    """What control groups grant; None where they set no limit, or there are none."""

    cores: float | None
    bytes: int | None


def granted(own: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> Grant:
    """Return the tightest limits of the groups that this process is in, of either version."""
    if not own.is_file():  # Linux alone has them
        return Grant(None, None)
    groups: dict[str, tuple[str, str]] = {}
    for line in own.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        groups |= dict.fromkeys(controllers.split(","), (controllers, path))
    cores = _least(_values(groups, root, "cpu", _quota, _first_quota))
    size = _least(_values(groups, root, "memory", _memory, _first_memory))
    return Grant(cores, None if size is None else int(size))


Read = Callable[[Path], float | None]


def _values(
    groups: dict[str, tuple[str, str]], root: Path, name: str, second: Read, first: Read
) -> Iterator[float | None]:
    """Yield the limit of each group that this process is in, from its own outwards."""
    for key, folder, read in ((name, root / groups.get(name, (name, ""))[0], first), ("", root, second)):
        if key in groups:
            inner = folder / groups[key][1].lstrip("/")
            yield from (read(group) for group in (inner, *inner.parents) if group.is_relative_to(folder))


def _least(values: Iterator[float | None]) -> float | None:
    return min((each for each in values if each is not None), default=None)


def _quota(group: Path) -> float | None:
    quota, period = (_text(group / "cpu.max") or "max 1").split()
    return None if quota == "max" else int(quota) / int(period)


def _memory(group: Path) -> float | None:
    text = _text(group / "memory.max") or "max"
    return None if text == "max" else int(text)


def _first_quota(group: Path) -> float | None:
    quota, period = (int(_text(group / f"cpu.cfs_{name}_us") or -1) for name in ("quota", "period"))
    return quota / period if quota > 0 else None


def _first_memory(group: Path) -> float | None:
    size = int(_text(group / "memory.limit_in_bytes") or _NO_LIMIT)
    return size if size < _NO_LIMIT else None


def _text(file: Path) -> str:
    return file.read_text().strip() if file.is_file() else ""
