"""Has the file system share the blocks of two files, so that none has to be copied.

The mounts of the two claims may be different ones of one file system: Linux 5.18 and later clone
across them, and an older one says EXDEV.
"""

import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import BinaryIO

from detour_copier.errors import CopyError

FICLONE = 0x40049409
"""``linux/fs.h``; see ioctl_ficlonerange(2)."""
CANNOT = frozenset(
    {
        errno.EXDEV,
        errno.EOPNOTSUPP,
        errno.EINVAL,
        errno.ENOTTY,
        errno.ENOSYS,
        errno.ETXTBSY,
        errno.EPERM,
    }
)
"""Not here, or not these two files: they are copied."""


OFD_GETLK = 36
"""``asm-generic/fcntl.h``: whether a lock could be had, without taking it."""
LOCK = "hhqqi4x"
"""``struct flock``: type, whence, start, length, pid."""
WRITERS_BYTE = 101
"""Whoever writes to an image with QEMU has this byte of the file locked (``block/file-posix.c``:
``RAW_LOCK_PERM_BASE`` and ``BLK_PERM_WRITE``). ``qemu-img convert`` asks so."""


def clone(source: Path, destination: Path) -> bool:
    """Make the destination, which has the source's size, share all of its blocks; whether it does.

    Raises:
        CopyError: QEMU writes to the source, or it was tried and failed, as on a full file system.
    """
    try:
        with _opened(source, os.O_RDONLY) as read, _opened(destination, os.O_RDWR) as written:
            if os.fstat(read.fileno()).st_dev != os.fstat(written.fileno()).st_dev:
                return False
            _check_writers(read, source)
            fcntl.ioctl(written, FICLONE, read.fileno())
    except OSError as error:
        if error.errno in CANNOT:
            return False
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "NoSpaceLeft" if full else "WriteError"
        message = f"{destination}: sharing the source's blocks: {error.strerror}"
        raise CopyError(reason, message, final=full) from error
    return True


def _check_writers(file: BinaryIO, path: Path) -> None:
    wanted = struct.pack(LOCK, fcntl.F_WRLCK, os.SEEK_SET, WRITERS_BYTE, 1, 0)
    found, *_ = struct.unpack(LOCK, fcntl.fcntl(file, OFD_GETLK, wanted))
    if found != fcntl.F_UNLCK:
        raise CopyError("ImageInUse", f"another process writes to {path}", final=False)


def _opened(path: Path, flags: int) -> BinaryIO:
    return os.fdopen(os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
