"""Gives a launcher the destination at a path of its own, and takes that away again.

QEMU copies to it there while the volume's own path goes on to name the source. A directory is
mounted, a block device gets a second node in the container's own ``/dev``.
"""

import contextlib
import errno
import os

from detour_agent.privileged import namespaces, nodes, paths, syscalls
from detour_agent.privileged.errors import NotSoError, verify
from detour_agent.privileged.mounts import PRIVATE, expect, holds
from detour_agent.privileged.namespaces import Request, Spaces
from detour_crds.names import (
    HOLDER_DESTINATION_DEVICE,
    HOLDER_DESTINATION_PATH,
    IMAGE_NAME,
    QEMU_UID,
)

CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
IMAGE_MODE = 0o660


def make_blank(request: Request, spaces: Spaces) -> str:
    """Make the image of the holder's destination blank and of one size, as the guest's user."""
    own = paths.own_descriptors()
    root = namespaces.enter(spaces["holder"])
    with paths.folder_in(root, HOLDER_DESTINATION_PATH) as folder:
        os.setgroups([])
        os.setegid(QEMU_UID)
        os.seteuid(QEMU_UID)
        image = _image(folder, own)
        try:
            os.ftruncate(image, 0)
            os.ftruncate(image, request["size"])
            os.fsync(image)
        finally:
            os.close(image)
    return "done"


def _image(folder: int, own: int) -> int:
    """The image, open; made if it is not there."""
    try:
        return os.open(IMAGE_NAME, CREATE, IMAGE_MODE, dir_fd=folder)
    except FileExistsError:
        image = paths.open_seen(folder, IMAGE_NAME, os.O_RDWR, own, paths.is_image)
    if image is None:
        raise NotSoError("ImageNotRegular", f"{IMAGE_NAME} is not a regular file")
    return image


def show(request: Request, spaces: Spaces) -> str:
    """Mount the destination's directory beside the volumes' of the launcher."""
    root = namespaces.enter(spaces["holder"])
    with paths.folder_in(root, HOLDER_DESTINATION_PATH) as source:
        expect(source, request["expected"], "DestinationChanged")
        copy = syscalls.clone_mount(source)
    root, name = namespaces.enter(spaces["guest"]), request["name"]
    with paths.folder_in(root, PRIVATE) as private, contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o711, dir_fd=private)
    with paths.folder_in(root, f"{PRIVATE}/{name}") as there:
        if not holds(there, request["expected"]):
            syscalls.attach_mount(copy, there)
    with paths.folder_in(root, f"{PRIVATE}/{name}") as there:
        expect(there, request["expected"], "DestinationNotMounted")
    return "done"


def hide(request: Request, spaces: Spaces) -> str:
    """Undo ``show``: whatever is mounted at that path, and the mount point with it."""
    root, name = namespaces.enter(spaces["guest"]), request["name"]
    with paths.folder_in(root, PRIVATE) as private:
        if paths.image_in(private, name) is None:
            return "already"
        os.fchdir(private)
        while _was_mount(name):
            pass
        os.rmdir(name)
    return "done"


def show_device(request: Request, spaces: Spaces) -> str:
    """Make a second node, for the destination, with owner and mode of the volume's own."""
    root = namespaces.enter(spaces["holder"])
    with paths.folder_in(root, nodes.DEVICES) as devices:
        held = nodes.device(devices, HOLDER_DESTINATION_DEVICE.rpartition("/")[2])
    message = f"found {held}, expected {request['expected']}"
    verify(held == request["expected"], "DestinationChanged", message)
    root = namespaces.enter(spaces["guest"])
    with paths.folder_in(root, nodes.DEVICES) as devices:
        nodes.put(devices, request["name"], request["expected"], like=request["volume"])
        after = nodes.device(devices, request["name"])
    verify(after == request["expected"], "DestinationNotShown", f"found {after}")
    return "done"


def hide_device(request: Request, spaces: Spaces) -> str:
    """Undo ``show_device``."""
    root = namespaces.enter(spaces["guest"])
    with paths.folder_in(root, nodes.DEVICES) as devices, contextlib.suppress(FileNotFoundError):
        os.unlink(request["name"], dir_fd=devices)
    return "done"


def _was_mount(name: str) -> bool:
    """Take the top mount off, if there is one.

    The kernel alone can tell: the destination may be of the very file system that the launcher's
    own directories are on.
    """
    try:
        syscalls.detach_mount(name)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return False
    return True
