"""Whether the page cache, which is the guests', can be passed by."""

import os
from pathlib import Path

DIRECT_BYTES = 4096
"""Sizes that direct I/O can write exactly, whatever the sectors and blocks underneath."""


def offers_direct_io(path: Path, size: int) -> bool:
    """Whether an image of that size can be read and written past the page cache."""
    if size % DIRECT_BYTES:
        return False
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC))
    except OSError:
        return False
    return True
