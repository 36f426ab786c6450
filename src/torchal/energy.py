"""How many joules a device has used so far, as its hardware counts them; None where nothing tells.

For an NVIDIA accelerator that is NVML's counter of the whole board, if the module ``pynvml`` (package
``nvidia-ml-py``) is installed. For a processor it is the RAPL counters of its packages, without memory, as Linux shows
them below ``/sys/class/powercap``; many systems let only an administrator read them.

A counter counts whatever uses the device. Processes that compute side by side on one are charged an equal part each.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path

import torch

POWERCAP = Path("/sys/class/powercap")

Count = Callable[[], float | None]


@dataclass(frozen=True)
class Joules:
    """The counter of a device, found when it is first read."""

    device: str
    """``cpu``, ``cuda`` or ``cuda:1``."""
    processes: int = 1
    """How many compute on the device side by side."""

    def __call__(self) -> float | None:
        """Return the joules that this process's part of the device has used so far."""
        joules = self._count()
        return None if joules is None else joules / self.processes

    @cached_property
    def _count(self) -> Count:
        return _board(self.device) if torch.device(self.device).type == "cuda" else _packages(POWERCAP)


def _board(device: str) -> Count:
    try:
        nvml = import_module("pynvml")
    except ImportError:
        return _unknown
    try:
        nvml.nvmlInit()
        # by its own name, since NVML numbers the boards of the machine and torch those it is shown
        board = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
    except nvml.NVMLError:
        return _unknown

    def count() -> float | None:
        try:
            return float(nvml.nvmlDeviceGetTotalEnergyConsumption(board)) / 1e3
        except nvml.NVMLError:  # older boards, and parts of one
            return None

    return count


def _packages(powercap: Path) -> Count:
    # intel-rapl:0 and its like are whole packages, or the platform around them; intel-rapl:0:0 is a part of one
    zones = sorted(zone for zone in powercap.glob("intel-rapl:*") if zone.name.count(":") == 1)
    try:
        found = [_Package(zone) for zone in zones if (zone / "name").read_text().startswith("package")]
    except OSError:
        return _unknown

    def count() -> float | None:
        try:
            return sum(package.read() for package in found) / 1e6
        except OSError:  # not for everybody to read
            return None

    return count if found else _unknown


@dataclass
class _Package:
    """A counter that starts over at its end, as one that goes on. It must be read at least once a turn."""

    zone: Path
    _end: int = field(init=False)
    _last: int | None = None
    _sum: int = 0

    def __post_init__(self) -> None:
        self._end = int((self.zone / "max_energy_range_uj").read_text())

    def read(self) -> int:
        """Return the microjoules since the first reading."""
        now = int((self.zone / "energy_uj").read_text())
        self._sum += 0 if self._last is None else (now - self._last) % self._end
        self._last = now
        return self._sum


def _unknown() -> None:
    return None
