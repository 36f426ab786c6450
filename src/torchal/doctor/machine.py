"""What computes: versions, cores, memory, and what the processor has for it."""

import os
import platform
from pathlib import Path

import torch

from torchal import __version__
from torchal.doctor.finding import Finding, ok, warn
from torchal.doctor.limits import Grant, granted
from torchal.fingerprint import running_commit
from torchal.host import cores
from torchal.show import size

_PROCESS = 1 << 30
"""Bytes that one process of torchal run should find free: half a GiB for torch and its like, and some for the data."""
_FACTS = Path("/proc/cpuinfo")
_MEMORY = Path("/proc/meminfo")


def looks() -> list[Finding]:
    """Look at versions, cores, memory and arithmetic."""
    grant = granted()
    return [
        ok("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ok("torchal", f"{__version__}, {_origin()}"),
        ok("torch", f"{torch.__version__}, {_build()}"),
        processors(cores(), grant),
        memory(_free(), grant, processes(cores(), grant)),
        ok("arithmetic", _libraries()),
        bfloat16(_FACTS.read_text() if _FACTS.is_file() else ""),
    ]


def processes(shown: int, grant: Grant) -> int:
    """Return how many processes keep busy what is granted."""
    return shown if grant.cores is None else max(1, min(shown, int(grant.cores)))


def processors(shown: int, grant: Grant) -> Finding:
    """Look at the cores that are shown to this process, which a control group may grant but a part of."""
    said = f"{shown}; torchal run starts as many processes of one thread each"
    if processes(shown, grant) == shown:
        return ok("cores", said)
    remedy = f"torchal run --jobs {processes(shown, grant)}"
    return warn("cores", f"{shown} are shown, and the work of {grant.cores:g} is granted", remedy)


def memory(free: int | None, grant: Grant, jobs: int) -> Finding:
    """Look at the memory that is free and granted."""
    known = [each for each in (free, grant.bytes) if each is not None]
    if not known:
        return ok("memory", "the system does not tell how much is free")
    most = max(1, min(known) // _PROCESS)
    limit = f", of {size(grant.bytes)} granted" if grant.bytes is not None else ""
    said = f"{size(min(known))} free{limit}"
    if most >= jobs:
        return ok("memory", said)
    return warn("memory", f"{said}, which is little for {jobs} processes", f"torchal run --jobs {most}")


def bfloat16(facts: str) -> Finding:
    """Look at what computes in bf16, as Linux tells of a processor."""
    own = [flag for flag in ("amx_bf16", "avx512_bf16", "bf16") if flag in facts.split()]
    if own:
        return ok("bf16", f"the processor has it ({', '.join(own)}): recipe.precision: bf16 may be faster")
    return ok("bf16", "the processor does not tell that it has it: there recipe.precision: fp32 is faster")


def _origin() -> str:
    commit, _, changed = (running_commit() or "").partition("+")
    return f"commit {commit[:12]}{' and changes' * bool(changed)}" if commit else f"from {Path(__file__).parents[2]}"


def _build() -> str:
    if torch.version.hip:
        return f"built for ROCm {torch.version.hip}"
    return f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built for the processor alone"


def _libraries() -> str:
    found = {"MKL": torch.backends.mkl.is_available(), "oneDNN": torch.backends.mkldnn.is_available()}
    named = [name for name, there in found.items() if there] or ["torch's own loops"]
    return f"{' and '.join(named)}, vectors of {torch.backends.cpu.get_cpu_capability()}"


def _free() -> int | None:
    """Return the bytes that programs can still have."""
    if _MEMORY.is_file():
        lines = (line.partition(":") for line in _MEMORY.read_text().splitlines())
        return next(int(value.split()[0]) << 10 for name, _, value in lines if name == "MemAvailable")
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
