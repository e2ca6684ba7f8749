"""Notices what the page cache could not write back while somebody else had the destination open.

Linux tells such an error once to each descriptor that was open when it happened, and to a later
one only if nobody has heard of it yet (``errseq_t``). ``qemu-img convert`` hears of it when it
closes the image, and says nothing (measured with QEMU 7.2): a descriptor that was opened before
it was started hears of it all the same.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from detour_copier.errors import not_written


@contextlib.contextmanager
def noticed(path: Path) -> Iterator[None]:
    """Have everything that was written in this block be on the volume, whoever wrote it.

    Raises:
        CopyError: it is not.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise not_written(path, error) from error
    try:
        yield
        try:
            os.fsync(descriptor)
        except OSError as error:
            raise not_written(path, error) from error
    finally:
        os.close(descriptor)
