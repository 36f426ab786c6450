"""What goes wrong outside of torchal, told apart: a disk that is full or cannot be written, memory that is short."""

import errno
from collections.abc import Iterator
from pathlib import Path

import torch

_FULL = {
    errno.ENOSPC: "there is no space left",
    errno.EDQUOT: "the quota is used up",
    errno.EROFS: "it can only be read",
}
_REFUSED = {
    errno.EACCES: "it may not be written to",
    errno.EPERM: "it may not be written to",
    errno.EIO: "reading or writing failed",
    errno.ENOTDIR: "there is a file where a folder should be",
}
"""These may have to do with other files too."""
_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


def disk_fault(error: BaseException, folder: Path) -> str | None:
    """Return what keeps files of a folder from being written, in words; None if an error is of another kind."""
    for each in _chain(error):
        if isinstance(each, OSError) and each.errno in _FULL:
            return _FULL[each.errno]
        if isinstance(each, OSError) and each.errno in _REFUSED and _inside(each, folder):
            return _REFUSED[each.errno]
        if f"os error {errno.ENOSPC}" in str(each):  # as libraries that are not Python's say it
            return _FULL[errno.ENOSPC]
    return None


def _inside(error: OSError, folder: Path) -> bool:
    named = (Path(each) for each in (error.filename, error.filename2) if isinstance(each, str))
    return any(path.absolute().is_relative_to(folder.absolute()) for path in named)


def out_of_memory(error: BaseException) -> bool:
    """Return whether memory was short, on the processor or an accelerator."""
    short = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return short or (isinstance(error, RuntimeError) and any(words in str(error) for words in _MEMORY))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
