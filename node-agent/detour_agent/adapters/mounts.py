"""Mounts of the node's pods: looking is done here, changing in a child (``privileged``)."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from detour_agent.adapters.images import OverlayFiles
from detour_agent.adapters.process import run
from detour_agent.adapters.processes import start_time
from detour_agent.domain.ports import ImageFile, Process
from detour_agent.errors import StepFailed, Unreachable
from detour_agent.privileged.paths import FOLDER, folder_in, image_in, is_image
from detour_crds.attachment_switch import Identity
from detour_crds.names import HOLDER_DESTINATION_PATH, IMAGE_NAME

DISKS = "/var/run/kubevirt-private/vmi-disks"
CHILD = "detour_agent.privileged.mounts"
CHILD_TIMEOUT_SECONDS = 30.0


class NodeMounts:
    """Implements ``Mounts``."""

    def __init__(self, overlays: OverlayFiles) -> None:
        self._overlays = overlays

    def canonical_image(self, guest: Process, volume: str) -> ImageFile:
        """The image that the volume's path names inside the launcher."""
        found = _image(guest, f"{DISKS}/{volume}")
        if found is None:
            raise Unreachable("ImageNotAtPath", f"there is no {IMAGE_NAME} in {DISKS}/{volume}")
        return found

    def destination_image(self, holder: Process) -> ImageFile | None:
        """The image in the holder's destination; None if it is not there."""
        return _image(holder, HOLDER_DESTINATION_PATH)

    def expose_overlay(self, guest: Process, switch_uid: str) -> None:
        """Make the overlay directory visible inside the launcher."""
        folder = str(self._overlays.folder(switch_uid))
        _change("expose-overlay", guest=guest, folder=folder, name=_mount_point(switch_uid))

    def hide_overlay(self, guest: Process, switch_uid: str) -> None:
        """Undo ``expose_overlay``."""
        try:
            found = self._overlays.folder(switch_uid).stat()
        except OSError as error:
            raise Unreachable("OverlayFolderUnreadable", str(error)) from error
        identity = {"device": found.st_dev, "inode": found.st_ino}
        _change("hide-overlay", guest=guest, name=_mount_point(switch_uid), identity=identity)

    def over_mount(self, guest: Process, holder: Process, volume: str, expected: Identity) -> None:
        """Mount the destination's directory over the source's."""
        _change(
            "over-mount",
            guest=guest,
            holder=holder,
            volume=volume,
            expected=_plain(expected),
        )

    def unmount_top(self, guest: Process, volume: str, top: Identity, below: Identity) -> None:
        """Take the top mount off the volume's directory if it is ``top``; then it is ``below``."""
        _change("unmount-top", guest=guest, volume=volume, top=_plain(top), below=_plain(below))


def _mount_point(switch_uid: str) -> str:
    return f"detour-{switch_uid[:8]}"


def _image(process: Process, path: str) -> ImageFile | None:
    """An image inside a process's root, without following links below the volume."""
    folder = Path("/proc", str(process.pid))
    try:
        root = os.open(folder / "root", FOLDER)
        try:
            if start_time(folder) != process.start_time:
                raise Unreachable("ProcessGone", f"process {process.pid} is another one now")
            with folder_in(root, path) as there:
                found = image_in(there, IMAGE_NAME)
        finally:
            os.close(root)
    except OSError as error:
        raise Unreachable("PathUnreadable", f"{path}: {error}") from error
    if found is None:
        return None
    identity = Identity(device=found.st_dev, inode=found.st_ino)
    return ImageFile(identity, found.st_size, regular=is_image(found))


def _plain(identity: Identity) -> dict[str, int | None]:
    return {"device": identity.device, "inode": identity.inode}


def _change(operation: str, **request: Any) -> None:
    """Have the child carry out one operation.

    Raises:
        Unreachable: it could not be tried, or the process is gone.
        StepFailed: it was tried and the mounts are not as they have to be.
    """
    for role in ("guest", "holder"):
        if role in request:
            process: Process = request[role]
            request[role] = {"pid": process.pid, "startTime": process.start_time}
    done = run(
        [sys.executable, "-m", CHILD],
        timeout_seconds=CHILD_TIMEOUT_SECONDS,
        given=json.dumps({"operation": operation, **request}),
    )
    try:
        answer = json.loads(done.output)
    except ValueError as error:
        raise Unreachable("MountChildFailed", done.errors[-500:] or operation) from error
    if "result" not in answer:
        kind = Unreachable if answer["reason"] == "ProcessGone" else StepFailed
        raise kind(answer["reason"], f"{operation}: {answer['message']}")
