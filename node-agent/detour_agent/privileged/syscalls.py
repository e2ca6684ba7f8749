"""System calls that Python has no function for.

The numbers of the newer calls are the same on every architecture.
"""

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

OPEN_TREE: Final = 428
MOVE_MOUNT: Final = 429
OPENAT2: Final = 437

OPEN_TREE_CLONE: Final = 1
OPEN_TREE_CLOEXEC: Final = os.O_CLOEXEC
AT_EMPTY_PATH: Final = 0x1000
AT_FDCWD: Final = -100
RENAME_EXCHANGE: Final = 2
MOVE_MOUNT_F_EMPTY_PATH: Final = 0x4
MOVE_MOUNT_T_EMPTY_PATH: Final = 0x40
CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
MNT_DETACH: Final = 2
UMOUNT_NOFOLLOW: Final = 8
RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_NO_SYMLINKS: Final = 0x04
RESOLVE_BENEATH: Final = 0x08
RESOLVE_IN_ROOT: Final = 0x10
TRIES: Final = 10
"""Under renames without a pause one look-up in 130 was disturbed (measured with Linux 6.18)."""

_C = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    """``struct open_how`` (openat2(2))."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def open_beneath(folder: int, path: str, flags: int, resolve: int) -> int:
    """``openat2``: a path relative to a directory, with limits on how it is resolved.

    Whatever is renamed or mounted anywhere on the node while it follows a ``..`` disturbs it
    (EAGAIN, openat2(2)), and ``/var/run`` is a link to ``../run`` in some launchers.

    Raises:
        OSError: it is not there, the limits forbid it (ELOOP, EXDEV), or it was always disturbed.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, 0, resolve)
    size = ctypes.sizeof(how)
    name = path.encode()

    def look() -> int:
        return _checked(_C.syscall(OPENAT2, folder, name, ctypes.byref(how), size), path)

    return undisturbed(look)


def undisturbed(attempt: Callable[[], int]) -> int:
    """Repeat a call that has done nothing where it was disturbed; never one that changes things.

    Raises:
        OSError: it failed, or was disturbed each time.
    """
    for _ in range(TRIES - 1):
        with contextlib.suppress(BlockingIOError, InterruptedError):
            return attempt()
    return attempt()


@contextmanager
def files_as(user: int) -> Iterator[None]:
    """This thread opens files with a user's rights, and with no more (setfsuid(2))."""
    own = os.getegid(), os.geteuid()
    _C.setfsgid(user)
    _C.setfsuid(user)
    try:
        yield
    finally:
        _C.setfsuid(own[1])
        _C.setfsgid(own[0])


def clone_mount(folder: int) -> int:
    """A detached copy of the mount below an open directory (``open_tree``)."""
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH
    return _checked(_C.syscall(OPEN_TREE, folder, b"", flags), "open_tree")


def attach_mount(mount: int, folder: int) -> None:
    """Put a detached mount over an open directory (``move_mount``)."""
    flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    _checked(_C.syscall(MOVE_MOUNT, mount, b"", folder, b"", flags), "move_mount")


def call(number: int, what: str, *arguments: Any) -> int:
    """Any other system call, by its number.

    Raises:
        OSError: it failed.
    """
    return _checked(_C.syscall(number, *arguments), what)


def enter_control_group_namespace(namespace: int) -> None:
    """Enter a control group namespace: paths in ``/proc/<pid>/cgroup`` are then its own."""
    _checked(_C.setns(namespace, CLONE_NEWCGROUP), "setns")


def enter_mount_namespace(namespace: int) -> None:
    """Enter a mount namespace; the process's root becomes that namespace's."""
    _checked(_C.setns(namespace, CLONE_NEWNS), "setns")


def exchange_names(one: str, other: str) -> None:
    """Have two files change places in one step (``renameat2``).

    Raises:
        OSError: one is not there, or the file system cannot (EINVAL).
    """
    names = (AT_FDCWD, one.encode(), AT_FDCWD, other.encode())
    _checked(_C.renameat2(*names, RENAME_EXCHANGE), one)


def detach_mount(name: str) -> None:
    """Take the top mount off a directory of the working directory, lazily."""
    _checked(_C.umount2(name.encode(), MNT_DETACH | UMOUNT_NOFOLLOW), name)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result
