"""What bit-exactness depends on beside the spec, and the rule that one results folder has one of it."""

import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import optuna
import PIL
import torch

from torchal import __version__
from torchal.records import COMMITS, CommitsFile, Fingerprint, FingerprintFile
from torchal.store import Store
from torchal.training.world import World


def fingerprint(device: str, threads: int) -> Fingerprint:
    """Return the fingerprint of this process."""
    return Fingerprint(
        python=platform.python_version(),
        torch=torch.__version__,
        numpy=np.__version__,
        optuna=optuna.__version__,
        pillow=PIL.__version__,
        torchal=__version__,
        cuda=torch.version.cuda,
        device=_device_name(device),
        threads=threads,
        exact=torch.are_deterministic_algorithms_enabled(),
        processes=World.here().size,
    )


def changes(first: Fingerprint, current: Fingerprint) -> list[str]:
    """Return in which points two fingerprints differ, in words."""
    before, now = first.model_dump(), current.model_dump()
    return [f"{name} was {before[name]} and is {now[name]}" for name in before if before[name] != now[name]]


def accept(store: Store, results: Path, device: str, threads: int, *, mixed: bool) -> None:
    """Record this process's fingerprint in a results folder, or refuse to mix it with another.

    Raises:
        ValueError: naming what differs, unless ``mixed`` says that it may.
    """
    path, current = results / "fingerprint.json", fingerprint(device, threads)
    known = FingerprintFile.read(path) if path.is_file() else FingerprintFile(accepted=(current,))
    if current not in known.accepted:
        if not mixed:
            raise ValueError(_refusal(results, known.accepted[0], current))
        known = known.model_copy(update={"accepted": (*known.accepted, current)})
    store.write(path, known.text())
    _note_commit(store, results / COMMITS)


def _note_commit(store: Store, path: Path) -> None:
    known = CommitsFile.read(path) if path.is_file() else CommitsFile()
    commit = running_commit()
    if commit is not None and commit not in known.commits:
        store.write(path, CommitsFile(commits=(*known.commits, commit)).text())


def _refusal(results: Path, first: Fingerprint, current: Fingerprint) -> str:
    changed = ", ".join(changes(first, current))
    return (
        f"{results} was computed under another fingerprint ({changed}), so new results would not be comparable bit for "
        "bit; use another --results folder, or accept and record the mixture with --mixed"
    )


def _device_name(device: str) -> str:
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{_processor()} ({capability})"


def _processor() -> str:
    """Return the processor's name and model number; one name covers generations that round sums otherwise."""
    facts = Path("/proc/cpuinfo")
    if not facts.is_file():  # Linux alone has it
        return platform.processor() or platform.machine()
    lines = (line.partition(":") for line in facts.read_text().split("\n\n")[0].splitlines())
    known = {name.strip(): value.strip() for name, _, value in lines}
    names = ("model name", "cpu family", "model", "stepping")
    return " ".join(known[name] for name in names if name in known) or platform.machine()


def running_commit() -> str | None:
    """Return the commit torchal runs from, with ``+dirty`` if files differ from it; None outside a checkout."""
    folder = Path(__file__).parents[2]
    git = shutil.which("git")
    if git is None or not (folder / ".git").exists():
        return None
    head = _git(git, folder, "rev-parse", "HEAD")
    if not head:  # a checkout without a commit
        return None
    return head + ("+dirty" if _git(git, folder, "status", "--porcelain", "src") else "")


def _git(program: str, folder: Path, *words: str) -> str:
    command = [program, "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - fixed words
