"""Has a frozen image on its volume: what copies the volume itself does not see the page cache."""

import os
import stat

from detour_agent.privileged import namespaces, paths
from detour_agent.privileged.errors import verify
from detour_agent.privileged.namespaces import Request, Spaces

READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""A pipe that somebody put there is opened at once, and then refused."""


def flush(request: Request, spaces: Spaces) -> str:
    """Wait until everything that was written to the image at a path is on its volume."""
    root = namespaces.enter(spaces["guest"])
    folder, _, name = request["path"].rpartition("/")
    with paths.folder_in(root, folder) as there:
        image = os.open(name, READING, dir_fd=there)
    try:
        found = _identity(os.fstat(image))
        message = f"found {found}, expected {request['expected']}"
        verify(found == request["expected"], "SourceNotAtPath", message)
        os.fsync(image)
    finally:
        os.close(image)
    return "done"


def _identity(found: os.stat_result) -> dict[str, int | None]:
    if stat.S_ISBLK(found.st_mode):
        return {"device": found.st_rdev, "inode": None}
    return {"device": found.st_dev, "inode": found.st_ino}
