"""What the folder of results is like: its file system, what is in it, and under which fingerprint it was computed."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from torchal.doctor.finding import Finding, fail, ok, warn
from torchal.filesystem import MOUNTS, Mount, lock_fault, mount_of, rename_fault
from torchal.fingerprint import changes, fingerprint
from torchal.host import device_names
from torchal.records import Fingerprint, FingerprintFile
from torchal.show import size

_ROOM = 1 << 30
"""Bytes below which it is worth to say so: an experiment on small networks takes some hundred MiB."""


def looks(results: Path) -> list[Finding]:
    """Look at a folder of results, or, if it is not there yet, at the one that it would be made in."""
    ground = next(each for each in (results, *results.resolve().parents) if each.is_dir())
    return [_there(results), *file_system(ground), room(ground), _fingerprint(results)]


def file_system(folder: Path, table: Path = MOUNTS) -> list[Finding]:
    """Try in a folder what a store rests on."""
    mount = mount_of(folder, table)
    try:
        with tempfile.TemporaryDirectory(prefix=".torchal-doctor-", dir=folder) as draft:
            renaming, locking = rename_fault(Path(draft)), lock_fault(Path(draft))
    except OSError as error:
        return [fail("writing", f"{folder}: {error.strerror or error}", "mend that, or name another --results folder")]
    return [_renames(renaming, mount), _locks(locking)]


def room(folder: Path) -> Finding:
    """Look at the space that is free."""
    free = shutil.disk_usage(folder).free
    if free >= _ROOM:
        return ok("space", f"{size(free)} free")
    return warn("space", f"{size(free)} free", "make room (torchal gc lists what is unused), or name another folder")


def compared(known: Iterable[Fingerprint], here: Iterable[str]) -> list[str]:
    """Return in which points the fingerprint of results differs from that of the device here that is nearest to it."""
    pairs = [(each, _like(each, device)) for each in known for device in here]
    return min((changes(*pair) for pair in pairs), key=len, default=[])


def _there(results: Path) -> Finding:
    store = results / "store"
    if not store.is_dir():
        return ok("results", f"nothing is in {results} yet", "torchal run SPEC computes something")
    stages = [each for each in store.iterdir() if each.is_dir() and each.name not in {"drafts", "unfinished", "failed"}]
    entries, experiments = sum(len(list(each.iterdir())) for each in stages), len(list(results.glob("*/plan.json")))
    said = f"{entries} entries, {experiments} experiments in {results}"
    return ok("results", said, "torchal store check reads every byte of them")


def _renames(fault: str | None, mount: Mount | None) -> Finding:
    kind = f" ({mount.kind})" if mount else ""
    remedy = "name another --results folder, on a disk, and copy it here when everything is finished"
    if fault:
        return fail("renaming", f"{fault}{kind}", remedy)
    if mount and mount.copies:
        return warn("renaming", f"an object store{kind} copies file by file behind what one machine sees", remedy)
    if mount and mount.kind == "fuse":
        said = "works here; what is behind this mount (fuse) is not known"
        return warn("renaming", said, f"if it is an object store, {remedy}")
    return ok("renaming", f"a folder appears in one step{kind}")


def _locks(fault: str | None) -> Finding:
    if fault:
        return warn("locks", fault, "have one process compute at a time: torchal run --jobs 1")
    return ok("locks", "a second one is refused")


def _fingerprint(results: Path) -> Finding:
    file = results / "fingerprint.json"
    if not file.is_file():
        return ok("fingerprint", "the results have none yet, so they will have that of the machine that computes first")
    try:
        differences = compared(FingerprintFile.read(file).accepted, device_names())
    except ValueError as error:
        return fail("fingerprint", str(error), "remove the file, or name another --results folder")
    if not differences:
        return ok("fingerprint", "the results were computed under one that can be had here")
    remedy = "another --results folder, the versions and machine of before, or --mixed"
    return warn("fingerprint", f"the results were computed under another: {', '.join(differences)}", remedy)


def _like(known: Fingerprint, device: str) -> Fingerprint:
    """Return the fingerprint of a device here with what a person chooses when calling torchal run."""
    return fingerprint(device, known.threads).model_copy(update={"processes": known.processes})
