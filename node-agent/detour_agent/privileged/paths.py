"""Paths inside a container, without following links that somebody inside could have made.

Only the image's own part of a path may have links: ``/var/run`` is one in KubeVirt's launcher.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from detour_agent.privileged.syscalls import (
    RESOLVE_BENEATH,
    RESOLVE_IN_ROOT,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    open_beneath,
)

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


def image_in(folder: int, name: str) -> os.stat_result | None:
    """An image's ``stat`` by its name in an open directory, itself and not where it points.

    None if it is not there; anything but a regular file is for the caller to refuse.
    """
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def is_image(found: os.stat_result) -> bool:
    """Whether it is a regular file."""
    return stat.S_ISREG(found.st_mode)


def _anchor(path: str) -> tuple[str, str]:
    relative = path.strip("/")
    if relative.startswith("var/run/"):
        return "var/run", relative.removeprefix("var/run/")
    return ".", relative
