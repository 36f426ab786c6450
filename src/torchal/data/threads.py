"""The threads that decode images, as many as there are processors and the same for the whole process."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache


def threads() -> ThreadPoolExecutor:
    """Return this process's threads, started when needed. Pillow decodes without holding the interpreter's lock."""
    return _started(os.getpid())


@lru_cache(maxsize=1)  # a forked process has a number of its own, and none of its parent's threads
def _started(process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), f"torchal-{process}-decoding")
