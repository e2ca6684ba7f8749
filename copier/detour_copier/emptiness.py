"""Whether an existing destination is empty: nothing is written to it, whatever is found.

A volume with a file system is empty if there is nothing in its root but ``lost+found``, which
mkfs makes, and an image that reads as zeroes from end to end. A device is empty if all of it reads
as zeroes. Signatures and samples would be quicker and can miss what matters, so every byte counts;
holes are not read (``SEEK_DATA``), and the first byte that is not zero ends it.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from detour_copier.devices import NOT_OPENED
from detour_copier.errors import CopyError
from detour_crds import names

READ_BYTES = 1 << 20
ZEROES = bytes(READ_BYTES)
LOST_AND_FOUND = "lost+found"
NEXT_STEP = (
    "name an empty claim in spec.destination.claimName of a new VolumeMigration, or have this one"
    " written over with spec.destination.overwrite: true"
)
Tell = Callable[[int, int], None]
"""Takes the bytes that were seen to be zero, of how many."""


def check_folder(folder: Path, tell: Tell) -> None:
    """See that a file system holds no data.

    Raises:
        CopyError: it does, or that cannot be told.
    """
    try:
        found = sorted(os.listdir(folder))
    except OSError as error:
        raise _unreadable(folder, error) from error
    others = [name for name in found if name not in (LOST_AND_FOUND, names.IMAGE_NAME)]
    if others:
        more = f" and {len(others) - 1} more" if others[1:] else ""
        raise _not_empty(f"it has {others[0]!r}{more}")
    if names.IMAGE_NAME not in found:
        return
    image = folder / names.IMAGE_NAME
    try:
        regular = stat.S_ISREG(image.lstat().st_mode)
    except OSError as error:
        raise _unreadable(image, error) from error
    if not regular:
        raise _not_empty(f"its {names.IMAGE_NAME} is no regular file")
    _check_zero(image, f"its {names.IMAGE_NAME}", "", tell)


def check_device(path: Path, tell: Tell) -> None:
    """See that a block device holds no data.

    Raises:
        CopyError: it does, or that cannot be told.
    """
    try:
        block = stat.S_ISBLK(path.lstat().st_mode)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not block:
        raise CopyError("DestinationNotAnImage", f"{path} is not a block device", final=True)
    _check_zero(path, "the device", NOT_OPENED, tell)


def _check_zero(path: Path, what: str, hint: str, tell: Tell) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            at = _first_data(descriptor, tell)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unreadable(path, error, hint) from error
    if at is not None:
        raise _not_empty(f"{what} holds data, first between the bytes {at} and {at + READ_BYTES}")


def _first_data(descriptor: int, tell: Tell) -> int | None:
    """Where the first piece begins that is not zero."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    for at in _pieces(descriptor, size):
        read = os.pread(descriptor, READ_BYTES, at)
        if read != ZEROES[: len(read)]:
            return at
        # What was read once is of no use to the guests, whose page cache it would take.
        os.posix_fadvise(descriptor, at, READ_BYTES, os.POSIX_FADV_DONTNEED)
        tell(min(at + READ_BYTES, size), size)
    return None


def _pieces(descriptor: int, size: int) -> Iterator[int]:
    """The offsets to read from, one for each piece that is not a hole altogether."""
    at = 0
    while at < size:
        try:
            at = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return  # nothing but a hole from here on
            if error.errno != errno.EINVAL:  # a device does not know its holes
                raise
        yield at
        at += READ_BYTES


def _not_empty(what: str) -> CopyError:
    message = f"the destination claim is not empty: {what}; {NEXT_STEP}"
    return CopyError("DestinationNotEmpty", message, final=True)


def _unreadable(path: Path, error: OSError, hint: str = "") -> CopyError:
    """What cannot be looked at is not taken for empty."""
    denied = isinstance(error, PermissionError)
    message = f"{path} cannot be seen to be empty: {error.strerror}{hint if denied else ''}"
    return CopyError("DestinationNotReadable", message, final=denied)
