"""How this process keeps memory that torch gave back.

A step of training takes and frees the same large blocks again and again. The C library returns such blocks to the
system at once and is given them back page by page, filled with zeros; on a processor that costs a tenth of a training
and more.
"""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Parameters of ``mallopt``, from malloc.h."""
_KEPT = 2**30
"""Bytes of free memory that are kept; more than that goes back to the system."""


def keep_freed_memory() -> None:
    """Ask the C library to keep freed blocks for the next step, where it is one that can be asked (glibc)."""
    if not sys.platform.startswith("linux"):
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_MMAP_MAX, 0)
        library.mallopt(_TRIM_THRESHOLD, _KEPT)
