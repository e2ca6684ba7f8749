"""Has a frozen image on its volume: what copies the volume itself does not see the page cache."""

import os

from detour_agent.adapters.numbers import Plain, of_file, of_image
from detour_agent.privileged import namespaces, paths
from detour_agent.privileged.errors import NotSoError
from detour_agent.privileged.namespaces import Request, Spaces
from detour_agent.privileged.syscalls import files_as
from detour_crds.names import QEMU_UID


def flush(request: Request, spaces: Spaces) -> str:
    """Wait until everything that was written to the image at a path is on its volume."""
    own = paths.own_descriptors()
    root = namespaces.enter(spaces["guest"])
    folder, _, name = request["path"].rpartition("/")
    expected = request["expected"]
    with paths.folder_in(root, folder) as there:
        try:
            image = _opened(there, name, own, expected)
        except PermissionError:
            # A server that has this node's root be nobody (exports(5), ``root_squash``).
            with files_as(QEMU_UID):
                image = _opened(there, name, own, expected)
    os.close(own)
    if image is None:
        raise NotSoError("SourceNotAtPath", f"it is not {expected} any more")
    try:
        os.fsync(image)
    finally:
        os.close(image)
    return "done"


def _opened(folder: int, name: str, own: int, expected: Plain) -> int | None:
    return paths.open_seen(
        folder, name, os.O_RDONLY, own, lambda found: identity(found) == expected
    )


def identity(found: os.stat_result) -> Plain:
    """An image as a request names it; what is none has a name, too, that nobody expects."""
    return of_image(found) or of_file(found)
