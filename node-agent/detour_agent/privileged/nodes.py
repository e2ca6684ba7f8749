"""Changes which block device a volume's node in a launcher's ``/dev`` leads to.

The new node is made beside the old one and renamed over it: the path names a device at any
moment, and what has the old one open keeps it (measured). A container's ``/dev`` is a tmpfs of its
own, and nobody in it may make nodes.
"""

import contextlib
import os
import stat
from typing import Final

from detour_agent.privileged import namespaces, paths
from detour_agent.privileged.errors import verify
from detour_agent.privileged.namespaces import Request, Spaces
from detour_crds.names import HOLDER_DESTINATION_DEVICE

DEVICES: Final = "/dev"
Device = dict[str, int | None]


def put_destination(request: Request, spaces: Spaces) -> str:
    """Have the volume's node lead to the device that the holder has."""
    root = namespaces.enter(spaces["holder"])
    with paths.folder_in(root, DEVICES) as devices:
        held = device(devices, HOLDER_DESTINATION_DEVICE.rpartition("/")[2])
    message = f"found {held}, expected {request['expected']}"
    verify(held == request["expected"], "DestinationChanged", message)
    root = namespaces.enter(spaces["guest"])
    with paths.folder_in(root, DEVICES) as devices:
        if device(devices, request["volume"]) == request["expected"]:
            return "already"
        put(devices, request["volume"], request["expected"], like=request["volume"])
        after = device(devices, request["volume"])
    verify(after == request["expected"], "DestinationNotAtPath", f"found {after}")
    return "done"


def put_source(request: Request, spaces: Spaces) -> str:
    """Have the volume's node lead to the source again, if it leads to the destination."""
    root = namespaces.enter(spaces["guest"])
    volume = request["volume"]
    with paths.folder_in(root, DEVICES) as devices:
        before = device(devices, volume)
        if before == request["below"]:
            return "already"
        verify(before == request["top"], "PathForeign", f"{volume} names neither device")
        put(devices, volume, request["below"], like=volume)
        after = device(devices, volume)
    verify(after == request["below"], "SourceNotAtPath", f"found {after}")
    return "done"


def device(folder: int, name: str) -> Device:
    """The device that a node in an open directory leads to."""
    found = paths.image_in(folder, name)
    verify(found is not None and stat.S_ISBLK(found.st_mode), "NotADevice", f"{name} is no device")
    return {"device": found.st_rdev if found else None, "inode": None}


def put(folder: int, name: str, device: Device, *, like: str) -> None:
    """Rename a new node over an old one, or to a new name; owner and mode are another one's."""
    old = os.stat(like, dir_fd=folder, follow_symlinks=False)
    new = f".detour-{name}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new, dir_fd=folder)
    os.mknod(new, stat.S_IFBLK, device["device"] or 0, dir_fd=folder)
    os.chown(new, old.st_uid, old.st_gid, dir_fd=folder, follow_symlinks=False)
    os.chmod(new, stat.S_IMODE(old.st_mode), dir_fd=folder)
    os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
