"""Images at their places in the node's pods: looking is done here, changing in a child.

A child process of one thread, from ``privileged``. An image is a file that is mounted, or a block
device, which is reached through a node in the container's own ``/dev``.
"""

import json
import os
import posixpath
import sys
from pathlib import Path
from typing import Any

from detour_agent.adapters.identities import identity_of, of_file, plain
from detour_agent.adapters.images import OverlayFiles
from detour_agent.adapters.inside import NOBODY, within
from detour_agent.adapters.numbers import start_time
from detour_agent.adapters.process import run
from detour_agent.domain.ports import ImageFile, Process, Volume
from detour_agent.errors import StepFailed, Unreachable
from detour_agent.privileged.paths import FOLDER, folder_in, image_in
from detour_crds.attachment_switch import Identity
from detour_crds.names import HOLDER_DESTINATION_DEVICE, HOLDER_DESTINATION_PATH, IMAGE_NAME

CHILD = "detour_agent.privileged.child"
CHILD_TIMEOUT_SECONDS = 30.0
FLUSH_TIMEOUT_SECONDS = 240.0
"""A guest with cache writeback may have left gigabytes in the page cache. What was written by then
need not be written again."""
INIT = 1
"""The node's first process, in the node's own namespaces."""
DEVICES = Path("/sys/dev/block")
SECTOR_BYTES = 512
"""The unit of ``size`` in sysfs, whatever the device's own sectors are
(https://www.kernel.org/doc/Documentation/ABI/stable/sysfs-block)."""


class NodeMounts:
    """Implements ``Mounts``."""

    def __init__(self, overlays: OverlayFiles, init: int = INIT) -> None:
        self._overlays = overlays
        self._init = init

    def canonical_image(self, guest: Process, volume: Volume) -> ImageFile:
        """The image that the volume's path names inside the launcher."""
        found = _image(guest, volume.image, block=volume.block)
        if found is None:
            raise Unreachable("ImageNotAtPath", f"there is no {volume.image} in the launcher")
        return found

    def destination_image(self, holder: Process, *, block: bool) -> ImageFile | None:
        """The image in the holder's destination; None if it is not there."""
        if block:
            return _image(holder, HOLDER_DESTINATION_DEVICE, block=True)
        return _image(holder, f"{HOLDER_DESTINATION_PATH}/{IMAGE_NAME}", block=False)

    def allow(self, guest: Process, volume: Volume, image: Identity) -> None:
        """See that the device rules of the guest's control group let it open a device."""
        if volume.block:
            init = Process(self._init, start_time(Path("/proc", str(self._init))))
            _change("allow", guest=guest, host=init, pid=guest.pid, expected=plain(image))

    def flush(self, guest: Process, volume: Volume, image: Identity) -> None:
        """Wait until all that was written to the image at the volume's path is on the volume."""
        _change(
            "flush",
            FLUSH_TIMEOUT_SECONDS,
            guest=guest,
            path=volume.image,
            expected=plain(image),
        )

    def finisher_image(self, finisher: Process, path: str, *, block: bool) -> ImageFile | None:
        """The image on one of the finisher's claims; None if it is not there."""
        return _image(finisher, path if block else f"{path}/{IMAGE_NAME}", block=block)

    def expose_overlay(self, guest: Process, switch_uid: str) -> None:
        """Make the overlay directory visible inside the launcher."""
        name, place = _mount_point(switch_uid), self._overlays.places.place(switch_uid)
        if place is None:
            folder = str(self._overlays.folder(switch_uid))
            _change("expose-overlay", guest=guest, folder=folder, name=name)
            return
        if not place.is_mounted:
            raise Unreachable(NOBODY, "the overlay's volume is not mounted")
        found = self._overlays.folder(switch_uid).stat()
        _change(
            "expose-volume",
            guest=guest,
            holder=place.process,
            path=f"{place.base}/{place.name}",
            name=name,
            expected=plain(of_file(found)),
        )

    def hide_overlay(self, guest: Process, switch_uid: str) -> None:
        """Undo ``expose_overlay``."""
        try:
            found = self._overlays.folder(switch_uid).stat()
        except OSError as error:
            raise Unreachable("OverlayFolderUnreadable", str(error)) from error
        identity = plain(of_file(found))
        _change("hide-overlay", guest=guest, name=_mount_point(switch_uid), identity=identity)

    def make_blank(self, holder: Process, size_bytes: int) -> None:
        """Make the image of the holder's destination, or an old one blank, of this size."""
        _change("make-blank", holder=holder, size=size_bytes)

    def show(
        self, guest: Process, holder: Process, volume: Volume, switch_uid: str, expected: Identity
    ) -> None:
        """Give the launcher the destination at ``volume.beside``."""
        _change(
            "show-device" if volume.block else "show",
            guest=guest,
            holder=holder,
            volume=volume.name,
            name=_beside(volume, switch_uid),
            expected=plain(expected),
        )

    def shown_image(self, guest: Process, volume: Volume, switch_uid: str) -> ImageFile | None:
        """The image that the launcher has there; None if none."""
        if not self.is_shown(guest, volume, switch_uid):
            return None
        return _image(guest, volume.beside(switch_uid), block=volume.block)

    def is_shown(self, guest: Process, volume: Volume, switch_uid: str) -> bool:
        """Whether anything of ``show`` is left: the mount point, or the node."""
        place = posixpath.dirname(volume.beside(switch_uid))
        place = place if volume.block else posixpath.dirname(place)
        try:
            with within(guest, place) as folder:
                return image_in(folder, _beside(volume, switch_uid)) is not None
        except OSError as error:
            raise Unreachable("PathUnreadable", f"{place}: {error}") from error

    def hide(self, guest: Process, volume: Volume, switch_uid: str) -> None:
        """Undo ``show``."""
        operation = "hide-device" if volume.block else "hide"
        _change(operation, guest=guest, name=_beside(volume, switch_uid))

    def over_mount(
        self, guest: Process, holder: Process, volume: Volume, expected: Identity
    ) -> None:
        """Mount the destination's directory over the source's, or put its device at the path."""
        _change(
            "put-destination" if volume.block else "over-mount",
            guest=guest,
            holder=holder,
            volume=volume.name,
            expected=plain(expected),
        )

    def unmount_top(self, guest: Process, volume: Volume, top: Identity, below: Identity) -> None:
        """Take ``top`` off the volume's path if it is there; then the path names ``below``."""
        _change(
            "put-source" if volume.block else "unmount-top",
            guest=guest,
            volume=volume.name,
            top=plain(top),
            below=plain(below),
        )


def _beside(volume: Volume, switch_uid: str) -> str:
    """The node, or the mount point, that ``show`` makes."""
    path = volume.beside(switch_uid)
    return posixpath.basename(path if volume.block else posixpath.dirname(path))


def _mount_point(switch_uid: str) -> str:
    return f"detour-{switch_uid[:8]}"


def _image(process: Process, path: str, *, block: bool) -> ImageFile | None:
    """An image inside a process's root, without following links below the volume."""
    place, _, name = path.rpartition("/")
    folder = Path("/proc", str(process.pid))
    try:
        root = os.open(folder / "root", FOLDER)
        try:
            if start_time(folder) != process.start_time:
                raise Unreachable("ProcessGone", f"process {process.pid} is another one now")
            with folder_in(root, place) as there:
                found = image_in(there, name)
        finally:
            os.close(root)
    except OSError as error:
        raise Unreachable("PathUnreadable", f"{path}: {error}") from error
    if found is None:
        return None
    identity = identity_of(found)
    if identity is None or (identity.inode is None) != block:
        return ImageFile(of_file(found), found.st_size, regular=False)
    return ImageFile(identity, _device_bytes(found.st_rdev) if block else found.st_size)


def _device_bytes(number: int) -> int:
    """A block device's size, without opening it.

    Raises:
        Unreachable: there is no such device any more.
    """
    path = DEVICES / f"{os.major(number)}:{os.minor(number)}" / "size"
    try:
        return int(path.read_text()) * SECTOR_BYTES
    except (OSError, ValueError) as error:
        raise Unreachable("DeviceUnreadable", f"{path}: {error}") from error


def _change(
    operation: str, timeout_seconds: float = CHILD_TIMEOUT_SECONDS, **request: Any
) -> None:
    """Have the child carry out one operation.

    Raises:
        Unreachable: it could not be tried, or the process is gone.
        StepFailed: it was tried and the mounts are not as they have to be.
    """
    for role in ("guest", "holder", "host"):
        if role in request:
            process: Process = request[role]
            request[role] = {"pid": process.pid, "startTime": process.start_time}
    done = run(
        [sys.executable, "-m", CHILD],
        timeout_seconds=timeout_seconds,
        given=json.dumps({"operation": operation, **request}),
    )
    try:
        answer = json.loads(done.output)
    except ValueError as error:
        raise Unreachable("PrivilegedChildFailed", done.errors[-500:] or operation) from error
    if "result" not in answer:
        kind = Unreachable if answer["reason"] == "ProcessGone" else StepFailed
        raise kind(answer["reason"], f"{operation}: {answer['message']}")
