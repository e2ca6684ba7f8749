"""Where the overlays of each switch are: in the agent's own directory, or on a claim's volume.

On a volume they are in a folder of root's, so that nobody in the pod can put a link there. It is
reached through a process that has the volume mounted, without following links, and held open only
until the next look: an open folder would keep the volume from being detached.
"""

import contextlib
import os
import threading
from pathlib import Path

from detour_agent.adapters import covered, folders
from detour_agent.adapters.files import existing, plain_name, sync_folder
from detour_agent.adapters.inside import NOBODY, within
from detour_agent.domain.ports import Place
from detour_agent.errors import StepFailed, Unreachable

FOLDER_MODE = 0o711
INIT = 1
"""The node's first process, which has the node's own mounts."""


class Places:
    """The folders of all switches of this node."""

    def __init__(self, state: Path, init: int = INIT) -> None:
        self._state = state
        self._init = init
        self._places: dict[str, Place] = {}
        self._held: dict[str, int] = {}
        self._unknown: dict[str, Unreachable] = {}
        self._lock = threading.Lock()

    def settle(self, switch_uid: str, place: Place | None) -> None:
        """Say where the overlays of a switch are from now on; None: in the agent's directory.

        What cannot be looked at is unknown, and whoever asks for it later is told so.
        """
        with self._lock:
            held = self._held.pop(switch_uid, None)
            if held is not None:
                os.close(held)
            self._places.pop(switch_uid, None)
            self._unknown.pop(switch_uid, None)
            if place is not None:
                self._places[switch_uid] = place
                self._take_hold(switch_uid, place)

    def _take_hold(self, switch_uid: str, place: Place) -> None:
        try:
            found = folders.opened(place)
        except Unreachable as error:
            self._unknown[switch_uid] = error
            return
        if found is not None:
            self._held[switch_uid] = found

    def own(self, switch_uid: str) -> Path:
        """The switch's folder in the agent's directory, wherever the overlays are."""
        return self._state / "switches" / plain_name(switch_uid)

    def place(self, switch_uid: str) -> Place | None:
        """The volume the overlays are on, None if they are in the agent's directory."""
        return self._places.get(switch_uid)

    def folder(self, switch_uid: str) -> Path:
        """The folder of the overlays, which the launcher gets to see.

        Raises:
            Unreachable: it is on a volume that cannot be looked at, or it is not made yet.
        """
        if switch_uid not in self._places:
            return self.own(switch_uid) / "overlay"
        if not self.is_made(switch_uid):
            raise Unreachable(NOBODY, "the overlay's folder is not made yet")
        return Path("/proc", str(os.getpid()), "fd", str(self._held[switch_uid]))

    def is_made(self, switch_uid: str) -> bool:
        """Whether there is a folder; one on a volume may still have to be made.

        Raises:
            Unreachable: nobody has the volume mounted, or it could not be looked at.
        """
        if switch_uid not in self._places or switch_uid in self._held:
            return True
        self._see_known(switch_uid)
        return False

    def _see_known(self, switch_uid: str) -> None:
        unknown = self._unknown.get(switch_uid)
        if unknown is not None:
            raise Unreachable(unknown.reason, unknown.message) from unknown

    def make(self, switch_uid: str) -> None:
        """Make the folder on the volume, if it is on one and not there.

        Raises:
            StepFailed: it cannot be made, or it is somebody else's.
            Unreachable: the volume is not mounted, or could not be looked at.
        """
        place = self._places.get(switch_uid)
        if place is None or self.is_made(switch_uid):
            return
        try:
            with within(place.process, place.base) as base:
                os.mkdir(place.name, FOLDER_MODE, dir_fd=base)
            self._open_new(switch_uid, place)
            sync_folder(self.folder(switch_uid) / "..")
        except OSError as error:
            raise StepFailed("OverlayNotCreated", f"{place.base}: {error}") from error

    def _open_new(self, switch_uid: str, place: Place) -> None:
        self.settle(switch_uid, place)
        if not self.is_made(switch_uid):
            raise StepFailed("OverlayNotCreated", f"{place.base}/{place.name} is not root's own")

    def discard(self, switch_uid: str) -> None:
        """Remove the empty folder, and never anything in it.

        After a move the destination covers its volume where the guest has it; then it is removed
        where the node has it, if the folder there is this very one. What cannot be looked at, or
        is not empty, stays.
        """
        place, held = self._places.get(switch_uid), self._held.get(switch_uid)
        if place is None or switch_uid in self._unknown:
            return
        with contextlib.suppress(OSError, Unreachable), within(place.process, place.base) as base:
            os.rmdir(place.name, dir_fd=base)
        if held is not None and place.process is not None:
            with contextlib.suppress(OSError, Unreachable):
                covered.discard(place.name, held, place.process, self._init)

    def space(self, switch_uid: str) -> os.statvfs_result:
        """The file system the folder is on, or would be.

        Raises:
            Unreachable: it cannot be asked.
        """
        place = self._places.get(switch_uid)
        try:
            if place is None:
                return os.statvfs(existing(self.folder(switch_uid)))
            with within(place.process, place.base) as base:
                return os.statvfs(f"/proc/{os.getpid()}/fd/{base}")
        except OSError as error:
            raise Unreachable(folders.UNREADABLE, str(error)) from error

    def on_node(self, switch_uid: str) -> bool:
        """Whether the overlays take room from the file system of the agent's own directory."""
        place = self._places.get(switch_uid)
        if place is None:
            return True
        try:
            with within(place.process, place.base) as base:
                return os.fstat(base).st_dev == self._state.stat().st_dev
        except OSError:
            return True
