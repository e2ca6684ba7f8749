"""Block devices as source or destination: checked before the copy, made durable after it.

A device may be larger than the guest's disk. What is behind its end on the destination becomes
zero: KubeVirt grows the disk to the whole device, and the guest must not find old data there.
"""

import fcntl
import os
import stat
import struct
from pathlib import Path

from detour_copier.errors import CopyError, not_written

DRIVER = "host_device"
"""QEMU's block driver."""
BLKGETSIZE64 = 0x80081272
BLKZEROOUT = 0x127F
"""``linux/fs.h``; the kernel writes zeroes where the device cannot."""
ZEROED_AT_ONCE = 1 << 30
NOT_OPENED = (
    "; the container runtime has to give devices to the user of the container"
    " (device_ownership_from_security_context), or to the group disk (6)"
)


def size_of(path: Path) -> int:
    """Bytes of the device of a guest that is stopped.

    Raises:
        CopyError: it is no device.
    """
    return _size(path, os.O_RDONLY, "SourceMissing", "SourceNotAnImage", "ReadError")


def check_source(path: Path, size: int) -> None:
    """See that the source is a block device with at least that many bytes.

    Raises:
        CopyError: it is not.
    """
    found = size_of(path)
    if found < size:
        message = f"{path} has {found} bytes, the guest's disk has {size}"
        raise CopyError("SourceTooSmall", message, final=True)


def prepare_destination(path: Path, size: int) -> None:
    """See that the destination is a block device with at least that many bytes.

    Raises:
        CopyError: it is not.
    """
    unusable = "DestinationNotWritable"
    found = _size(path, os.O_RDWR, unusable, "DestinationNotAnImage", unusable)
    if found < size:
        message = f"{path} has {found} bytes, the guest's disk has {size}"
        raise CopyError("DestinationTooSmall", message, final=True)


def make_durable(path: Path, size: int) -> None:
    """Zero what is behind the disk's end, and have it all survive a power failure.

    Raises:
        CopyError: the copy counts for nothing.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            _zero(descriptor, size, _bytes(descriptor))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise not_written(path, error) from error


def _size(path: Path, flags: int, missing: str, unfit: str, unusable: str) -> int:
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise CopyError(missing, f"{path} is not there", final=True) from error
    except PermissionError as error:
        message = f"{path}: {error.strerror}{NOT_OPENED}"
        raise CopyError(unusable, message, final=True) from error
    except OSError as error:
        raise CopyError(unusable, f"{path}: {error.strerror}", final=False) from error
    try:
        if not stat.S_ISBLK(os.fstat(descriptor).st_mode):
            raise CopyError(unfit, f"{path} is not a block device", final=True)
        return _bytes(descriptor)
    except OSError as error:
        raise CopyError(unusable, f"{path}: {error.strerror}", final=False) from error
    finally:
        os.close(descriptor)


def _bytes(descriptor: int) -> int:
    answer = fcntl.ioctl(descriptor, BLKGETSIZE64, bytes(8))
    return int(struct.unpack("=Q", answer)[0])


def _zero(descriptor: int, start: int, end: int) -> None:
    for at in range(start, end, ZEROED_AT_ONCE):
        length = min(ZEROED_AT_ONCE, end - at)
        fcntl.ioctl(descriptor, BLKZEROOUT, struct.pack("=QQ", at, length))
