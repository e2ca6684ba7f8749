"""Has a frozen image on its volume: what copies the volume itself does not see the page cache."""

import os
import stat

from detour_agent.privileged import namespaces, paths
from detour_agent.privileged.errors import NotSoError
from detour_agent.privileged.namespaces import Request, Spaces


def flush(request: Request, spaces: Spaces) -> str:
    """Wait until everything that was written to the image at a path is on its volume."""
    own = paths.own_descriptors()
    root = namespaces.enter(spaces["guest"])
    folder, _, name = request["path"].rpartition("/")
    expected = request["expected"]
    with paths.folder_in(root, folder) as there:
        image = paths.open_seen(
            there, name, os.O_RDONLY, own, lambda found: _identity(found) == expected
        )
    os.close(own)
    if image is None:
        raise NotSoError("SourceNotAtPath", f"it is not {expected} any more")
    try:
        os.fsync(image)
    finally:
        os.close(image)
    return "done"


def _identity(found: os.stat_result) -> dict[str, int | None]:
    if stat.S_ISBLK(found.st_mode):
        return {"device": found.st_rdev, "inode": None}
    return {"device": found.st_dev, "inode": found.st_ino}
