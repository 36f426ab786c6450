"""Whether a file system does what a store rests on: it renames a folder in one step, and its locks exclude.

A copy in place of a rename is told by the folder's number (inode), which a rename keeps and a copy cannot. Object
stores that are mounted as folders may keep up that appearance towards one machine while they copy file by file behind
it; they are known by their kind alone.
"""

import errno
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

MOUNTS = Path("/proc/self/mounts")
"""Where Linux tells what is mounted."""

_OBJECT_STORES = {
    "blobfuse",
    "blobfuse2",
    "cosfs",
    "gcsfuse",
    "geesefs",
    "goofys",
    "mountpoint-s3",
    "obsfs",
    "ossfs",
    "rclone",
    "s3fs",
}
_FILES = {Path("first"): b"1", Path("inner/second"): b"2"}
_ROOM = {errno.ENOSPC, errno.EDQUOT}
"""These say nothing about renaming."""


@dataclass(frozen=True)
class Mount:
    """A file system as it is mounted."""

    folder: Path
    kind: str
    """Such as ``ext4``, ``nfs4`` or ``fuse.s3fs``."""
    source: str

    @property
    def copies(self) -> bool:
        """Whether it is an object store, in which a folder is renamed by copying every file of it."""
        return bool({self.kind.removeprefix("fuse."), self.source} & _OBJECT_STORES)


def mount_of(folder: Path, table: Path = MOUNTS) -> Mount | None:
    """Return what a folder lies on; None where the system does not tell."""
    if not table.is_file():
        return None
    fields = (line.split(" ") for line in table.read_text(encoding="utf-8", errors="replace").splitlines())
    mounts = [Mount(Path(_plain(place)), kind, _plain(source)) for source, place, kind, *_ in fields]
    around = [mount for mount in mounts if folder.resolve().is_relative_to(mount.folder)]
    # of those mounted on one folder the last hides the others
    return max(reversed(around), key=lambda mount: len(mount.folder.parts), default=None)


def rename_fault(folder: Path) -> str | None:
    """Rename a folder within an empty one that is given; return in words what goes wrong, None if nothing does.

    Raises:
        OSError: if files cannot be written.
    """
    draft, place = folder / "drafts" / "entry", folder / "entries" / "entry"
    _fill(draft)
    place.parent.mkdir()
    before = draft.stat()
    try:
        draft.rename(place)
    except OSError as error:
        if error.errno in _ROOM:
            raise
        return f"a folder cannot be renamed ({error.strerror or error})"
    if draft.exists() or _read(place) != _FILES:
        return "a renamed folder is not what it was"
    if not os.path.samestat(before, place.stat()):
        return "a renamed folder is copied file by file"
    return _replaced(draft, place)


def lock_fault(folder: Path) -> str | None:
    """Lock a file twice within a folder; return in words what goes wrong, None if the second lock is refused."""
    first, second = FileLock(folder / "lock"), FileLock(folder / "lock", timeout=0)
    try:
        with first:
            if isinstance(first, SoftFileLock):
                return "files cannot be locked, so the lock of a process that died stays"
            with second:
                return "two can hold one lock"
    except Timeout:
        return None
    except (OSError, NotImplementedError) as error:  # older releases of filelock say the latter
        return f"a file cannot be locked ({error})"


def _replaced(draft: Path, place: Path) -> str | None:
    """Try whether a folder with files can be lost to a rename: of two processes the second must be refused."""
    _fill(draft)
    (draft / "more").write_bytes(b"3")
    with suppress(OSError):
        draft.rename(place)
    return None if _read(place) == _FILES else "a renamed folder replaces one that is there"


def _fill(folder: Path) -> None:
    for name, data in _FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def _read(folder: Path) -> dict[Path, bytes]:
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _plain(text: str) -> str:
    """Undo what the table does to blanks and backslashes."""
    for code in ("040", "011", "012", "134"):
        text = text.replace(f"\\{code}", chr(int(code, 8)))
    return text
