"""Changes mounts inside a launcher; verified afterwards, inside its namespace."""

import contextlib
import os

from detour_agent.adapters.numbers import Plain, of_file
from detour_agent.privileged import namespaces, paths, syscalls
from detour_agent.privileged.errors import verify
from detour_agent.privileged.namespaces import Request, Spaces
from detour_crds.names import HOLDER_DESTINATION_PATH, IMAGE_NAME

PRIVATE = "/var/run/kubevirt-private"
DISKS = f"{PRIVATE}/vmi-disks"


def expose_overlay(request: Request, spaces: Spaces) -> str:
    """Mount the overlay directory of one switch inside the launcher."""
    source = os.open(request["folder"], paths.FOLDER | os.O_NOFOLLOW)
    wanted = identity(os.fstat(source))
    return _expose(syscalls.clone_mount(source), wanted, request["name"], spaces)


def expose_volume(request: Request, spaces: Spaces) -> str:
    """The same with a directory on a claim's volume, from the pod that has it mounted."""
    root = namespaces.enter(spaces["holder"])
    with paths.folder_in(root, request["path"]) as source:
        wanted = identity(os.fstat(source))
        verify(wanted == request["expected"], "OverlayFolderChanged", request["path"])
        copy = syscalls.clone_mount(source)
    return _expose(copy, wanted, request["name"], spaces)


def _expose(copy: int, wanted: Plain, name: str, spaces: Spaces) -> str:
    root = namespaces.enter(spaces["guest"])
    with paths.folder_in(root, PRIVATE) as private:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o711, dir_fd=private)
        with paths.folder_in(root, f"{PRIVATE}/{name}") as there:
            if identity(os.fstat(there)) == wanted:
                return "already"
            syscalls.attach_mount(copy, there)
        with paths.folder_in(root, f"{PRIVATE}/{name}") as there:
            verify(identity(os.fstat(there)) == wanted, "OverlayNotMounted", name)
    return "done"


def hide_overlay(request: Request, spaces: Spaces) -> str:
    """Take the overlay directory away again, all of its mounts, and the mount point with them."""
    wanted = request["identity"]
    root = namespaces.enter(spaces["guest"])
    with paths.folder_in(root, PRIVATE) as private:
        name = request["name"]
        found = paths.image_in(private, name)
        os.fchdir(private)
        while found is not None and identity(_through(root, f"{PRIVATE}/{name}")) == wanted:
            syscalls.detach_mount(name)
        if found is None:
            return "already"
        os.rmdir(name)
    return "done"


def over_mount(request: Request, spaces: Spaces) -> str:
    """Mount the destination's directory over the source's; the path never disappears."""
    root = namespaces.enter(spaces["holder"])
    with paths.folder_in(root, HOLDER_DESTINATION_PATH) as source:
        expect(source, request["expected"], "DestinationChanged")
        copy = syscalls.clone_mount(source)
    root = namespaces.enter(spaces["guest"])
    volume = f"{DISKS}/{request['volume']}"
    with paths.folder_in(root, volume) as there:
        if _image(there) == request["expected"]:
            return "already"
        syscalls.attach_mount(copy, there)
    with paths.folder_in(root, volume) as there:
        expect(there, request["expected"], "DestinationNotMounted")
    return "done"


def unmount_top(request: Request, spaces: Spaces) -> str:
    """Take the top mount off the volume's directory if it is the destination."""
    root = namespaces.enter(spaces["guest"])
    volume = f"{DISKS}/{request['volume']}"
    with paths.folder_in(root, volume) as there:
        before = _image(there)
    if before == request["below"]:
        return "already"
    verify(before == request["top"], "PathForeign", f"{volume} names neither image")
    with paths.folder_in(root, DISKS) as disks:
        os.fchdir(disks)
        syscalls.detach_mount(request["volume"])
    with paths.folder_in(root, volume) as there:
        expect(there, request["below"], "SourceNotAtPath")
    return "done"


def _through(root: int, path: str) -> os.stat_result:
    """The directory that a path leads to, what is mounted there included."""
    with paths.folder_in(root, path) as there:
        return os.fstat(there)


def identity(found: os.stat_result) -> Plain:
    """A folder or an image, as a request names it."""
    return of_file(found)


def _image(folder: int) -> Plain | None:
    found = paths.image_in(folder, IMAGE_NAME)
    if found is None:
        return None
    verify(paths.is_image(found), "ImageNotRegular", f"{IMAGE_NAME} is not a regular file")
    return identity(found)


def holds(folder: int, expected: Plain) -> bool:
    """Whether an open directory holds this very image."""
    return _image(folder) == expected


def expect(folder: int, expected: Plain, reason: str) -> None:
    """See that an open directory holds this very image."""
    found = _image(folder)
    verify(found == expected, reason, f"found {found}, expected {expected}")
