"""Changes mounts inside a launcher: ``python -m detour_agent.privileged.mounts``.

A child process with one thread, since only such a one may enter a mount namespace; it reads one
JSON object from stdin. Every operation looks first, so that it can be repeated, and verifies
afterwards, inside the namespace. The answer is one JSON object on stdout: ``{"result": ...}`` or
``{"reason": ..., "message": ...}``.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from detour_agent.privileged import namespaces, paths, syscalls
from detour_crds.names import HOLDER_DESTINATION_PATH, IMAGE_NAME

PRIVATE = "/var/run/kubevirt-private"
DISKS = f"{PRIVATE}/vmi-disks"
Request = Mapping[str, Any]
Spaces = Mapping[str, int]
"""Open mount namespaces, by the role of their process."""


class MountError(Exception):
    """An operation was tried and the mounts are not as they have to be."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def expose_overlay(request: Request, spaces: Spaces) -> str:
    """Mount the overlay directory of one switch inside the launcher."""
    source = os.open(request["folder"], paths.FOLDER | os.O_NOFOLLOW)
    wanted = _identity(os.fstat(source))
    copy = syscalls.clone_mount(source)
    root = namespaces.enter(spaces["guest"])
    with paths.folder_in(root, PRIVATE) as private:
        name = request["name"]
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o711, dir_fd=private)
        with paths.folder_in(root, f"{PRIVATE}/{name}") as there:
            if _identity(os.fstat(there)) == wanted:
                return "already"
            syscalls.attach_mount(copy, there)
        with paths.folder_in(root, f"{PRIVATE}/{name}") as there:
            _verify(_identity(os.fstat(there)) == wanted, "OverlayNotMounted", name)
    return "done"


def hide_overlay(request: Request, spaces: Spaces) -> str:
    """Take the overlay directory away again, all of its mounts, and the mount point with them."""
    wanted = request["identity"]
    root = namespaces.enter(spaces["guest"])
    with paths.folder_in(root, PRIVATE) as private:
        name = request["name"]
        found = paths.image_in(private, name)
        os.fchdir(private)
        while found is not None and _identity(_through(root, f"{PRIVATE}/{name}")) == wanted:
            syscalls.detach_mount(name)
        if found is None:
            return "already"
        os.rmdir(name)
    return "done"


def over_mount(request: Request, spaces: Spaces) -> str:
    """Mount the destination's directory over the source's; the path never disappears."""
    root = namespaces.enter(spaces["holder"])
    with paths.folder_in(root, HOLDER_DESTINATION_PATH) as source:
        _expect(source, request["expected"], "DestinationChanged")
        copy = syscalls.clone_mount(source)
    root = namespaces.enter(spaces["guest"])
    volume = f"{DISKS}/{request['volume']}"
    with paths.folder_in(root, volume) as there:
        if _image(there) == request["expected"]:
            return "already"
        syscalls.attach_mount(copy, there)
    with paths.folder_in(root, volume) as there:
        _expect(there, request["expected"], "DestinationNotMounted")
    return "done"


def unmount_top(request: Request, spaces: Spaces) -> str:
    """Take the top mount off the volume's directory if it is the destination."""
    root = namespaces.enter(spaces["guest"])
    volume = f"{DISKS}/{request['volume']}"
    with paths.folder_in(root, volume) as there:
        before = _image(there)
    if before == request["below"]:
        return "already"
    _verify(before == request["top"], "PathForeign", f"{volume} names neither image")
    with paths.folder_in(root, DISKS) as disks:
        os.fchdir(disks)
        syscalls.detach_mount(request["volume"])
    with paths.folder_in(root, volume) as there:
        _expect(there, request["below"], "SourceNotAtPath")
    return "done"


OPERATIONS: Mapping[str, Callable[[Request, Spaces], str]] = {
    "expose-overlay": expose_overlay,
    "hide-overlay": hide_overlay,
    "over-mount": over_mount,
    "unmount-top": unmount_top,
}


def _through(root: int, path: str) -> os.stat_result:
    """The directory that a path leads to, what is mounted there included."""
    with paths.folder_in(root, path) as there:
        return os.fstat(there)


def _identity(found: os.stat_result) -> dict[str, int]:
    return {"device": found.st_dev, "inode": found.st_ino}


def _image(folder: int) -> dict[str, int] | None:
    found = paths.image_in(folder, IMAGE_NAME)
    if found is None:
        return None
    _verify(paths.is_image(found), "ImageNotRegular", f"{IMAGE_NAME} is not a regular file")
    return _identity(found)


def _expect(folder: int, expected: dict[str, int], reason: str) -> None:
    found = _image(folder)
    _verify(found == expected, reason, f"found {found}, expected {expected}")


def _verify(holds: bool, reason: str, message: str) -> None:
    if not holds:
        raise MountError(reason, message)


def main() -> int:
    """Carry out the request on stdin."""
    request = json.load(sys.stdin)
    try:
        roles = [role for role in ("guest", "holder") if role in request]
        spaces = {role: namespaces.opened(request[role]) for role in roles}
        answer = {"result": OPERATIONS[request["operation"]](request, spaces)}
    except MountError as error:
        answer = {"reason": error.reason, "message": str(error)}
    except OSError as error:
        answer = {"reason": "MountFailed", "message": str(error)}
    except namespaces.ProcessReplacedError as error:
        answer = {"reason": "ProcessGone", "message": str(error)}
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
