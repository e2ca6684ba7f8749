"""Paths inside a container, without following links that somebody inside could have made.

Only the image's own part of a path may have links: ``/var/run`` is one in KubeVirt's launcher.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from detour_agent.privileged.syscalls import (
    RESOLVE_BENEATH,
    RESOLVE_IN_ROOT,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    open_beneath,
)

Wanted = Callable[[os.stat_result], bool]

STRICT = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
FOLDER = os.O_PATH | os.O_DIRECTORY


@contextmanager
def folder_in(root: int, path: str) -> Iterator[int]:
    """An open directory inside a container's root; ``/var/run`` alone may be a link.

    Raises:
        OSError: it is not there, or a link is in the way.
    """
    anchor, rest = _anchor(path)
    start = open_beneath(root, anchor, FOLDER, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    try:
        found = open_beneath(start, rest, FOLDER, STRICT)
    finally:
        os.close(start)
    try:
        yield found
    finally:
        os.close(found)


def own_descriptors() -> int:
    """This process's descriptors as a directory, open; to be asked for before entering anything.

    Another mount namespace has a ``/proc`` of other processes.
    """
    return os.open("/proc/self/fd", FOLDER | os.O_CLOEXEC)


def open_seen(folder: int, name: str, flags: int, own: int, is_wanted: Wanted) -> int | None:
    """Open what was looked at first; None if it is not as wanted.

    To open a device, or a pipe, can be to do something: what is not wanted is never opened for
    use. ``own`` is of ``own_descriptors``.

    Raises:
        OSError: it is not there, is a link, or may not be opened.
    """
    seen = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if not is_wanted(os.fstat(seen)):
            return None
        return os.open(str(seen), flags | os.O_CLOEXEC, dir_fd=own)
    finally:
        os.close(seen)


def image_in(folder: int, name: str) -> os.stat_result | None:
    """An image's ``stat`` by its name in an open directory, itself and not where it points.

    None if it is not there; anything but a regular file is for the caller to refuse.
    """
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def is_plain(name: str) -> bool:
    """Whether a name stays in its directory."""
    return bool(name) and not name.startswith(".") and not {"/", "\0"} & set(name)


def is_image(found: os.stat_result) -> bool:
    """Whether it is a regular file."""
    return stat.S_ISREG(found.st_mode)


def _anchor(path: str) -> tuple[str, str]:
    relative = path.strip("/")
    if relative.startswith("var/run/"):
        return "var/run", relative.removeprefix("var/run/")
    return ".", relative
