"""Image files as source or destination: checked and made ready before a copy, durable after it."""

import os
import stat
from pathlib import Path

from detour_copier.errors import CopyError, is_full, not_written

MODE = 0o660
DRIVER = "file"
"""QEMU's block driver."""


def size_of(path: Path) -> int:
    """Bytes of the image of a guest that is stopped.

    Raises:
        CopyError: there is no image, or an empty one.
    """
    found = _found(path).st_size
    if not found:
        raise CopyError("SourceNotAnImage", f"{path} is empty", final=True)
    return found


def check_source(path: Path, size: int) -> None:
    """See that the source is a regular file of exactly that many bytes.

    Raises:
        CopyError: it is not.
    """
    found = _found(path)
    if found.st_size != size:
        reason = "SourceTooSmall" if found.st_size < size else "SourceTooLarge"
        message = f"{path} has {found.st_size} bytes, the guest's disk has {size}"
        raise CopyError(reason, message, final=True)


def _found(path: Path) -> os.stat_result:
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError as error:
        message = (
            f"{path} is not there: KubeVirt makes the image of an empty claim when the virtual"
            " machine is first started from it, which perhaps it never was: start it once"
        )
        raise CopyError("SourceMissing", message, final=True) from error
    except OSError as error:
        raise CopyError("ReadError", f"{path}: {error.strerror}", final=False) from error
    if not stat.S_ISREG(found.st_mode):
        raise CopyError("SourceNotAnImage", f"{path} is not a regular file", final=True)
    return found


def check_room(path: Path, size: int) -> None:
    """See that the destination's file system could hold that many bytes, were they all data.

    Of a claim that has been made for an image that is so; the copy of a device takes as much as
    the device sooner or later, and file systems take their part of what was asked for. What other
    files have of it is not counted: a file system that many share may be promised several times.

    Raises:
        CopyError: it could not.
    """
    try:
        found = os.statvfs(path.parent)
    except OSError as error:
        message = f"{path.parent}: {error.strerror}"
        raise CopyError("DestinationNotWritable", message, final=False) from error
    room = (found.f_blocks - found.f_bfree + found.f_bavail) * found.f_frsize
    if room < size:
        message = (
            f"the file system at {path.parent} can hold {room} bytes, the guest's disk has {size}:"
            " use a larger claim (spec.destination.claimTemplate.size)"
        )
        raise CopyError("DestinationTooSmall", message, final=True)


def prepare_destination(path: Path, size: int) -> None:
    """Have a regular file of exactly that many bytes, readable and writable by QEMU's group.

    Raises:
        CopyError: the file cannot be made so.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, MODE)
    except OSError as error:
        if is_full(error):
            raise not_written(path, error) from error
        message = f"{path}: {error.strerror}"
        raise CopyError("DestinationNotWritable", message, final=True) from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise CopyError("DestinationNotAnImage", f"{path} is not a regular file", final=True)
        if found.st_uid == os.geteuid():
            os.fchmod(descriptor, MODE)  # the umask does not decide
        os.ftruncate(descriptor, size)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        os.close(descriptor)


def make_durable(path: Path, size: int) -> None:
    """See that the destination has its size, and have it and its name survive a power failure.

    Raises:
        CopyError: it has another size, or cannot be synchronised: the copy counts for nothing.
    """
    try:
        _sync(path, os.O_RDONLY)
        _sync(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        found = path.stat().st_size
    except OSError as error:
        raise not_written(path, error) from error
    if found != size:
        message = f"{path} has {found} bytes after the copy, not {size}"
        raise CopyError("DestinationSizeWrong", message, final=False)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
