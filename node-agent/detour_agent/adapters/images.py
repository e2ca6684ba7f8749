"""Overlays as files: ``<state>/switches/<switch uid>/overlay/<name>``, made by ``qemu-img``."""

import errno
import fnmatch
import os
from pathlib import Path

from detour_agent.adapters.files import make_folder, plain_name, sync_file, sync_folder
from detour_agent.adapters.folders import UNREADABLE
from detour_agent.adapters.journal_files import NAME
from detour_agent.adapters.places import Places
from detour_agent.adapters.process import run
from detour_agent.domain.budget import Room
from detour_agent.domain.int64 import at_most
from detour_agent.domain.ports import OverlayImage, Place
from detour_agent.errors import StepFailed, Unreachable
from detour_crds.names import QEMU_UID

OPTIONS = "extended_l2=on,cluster_size=128k,nocow=on"
"""4 KiB subclusters: random writes cost what they weigh, by default ten times that (measured).

On btrfs a page that a guest changes while it is written with O_DIRECT has a checksum of something
else, and can never be read again (Linux 968f19c5b1b7): without copy-on-write it has none.
"""
OVERLAYS = "overlay-*.qcow2"
FOLDER_MODE = 0o711
SECTOR_BYTES = 512
KEEP_FREE_PERCENT = 15
"""kubelet evicts pods below it: ``imagefs.available<15%`` is its default, and where one disk has
images and pods it counts for all of them, before ``nodefs.available<10%``. So it does below 5
percent of the inodes: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/"""
KEEP_FREE_INODES_PERCENT = 5


class OverlayFiles:
    """Implements ``Images``."""

    def __init__(
        self,
        state: Path,
        owner: int = QEMU_UID,
        *,
        keep_free_percent: int = KEEP_FREE_PERCENT,
        places: Places | None = None,
    ) -> None:
        self.places = places or Places(state)
        self._owner = owner
        self._kept = keep_free_percent

    def settle(self, switch_uid: str, place: Place | None) -> None:
        """Say where the overlays are from now on; None: in the agent's own directory."""
        self.places.settle(switch_uid, place)

    def folder(self, switch_uid: str) -> Path:
        """The directory that the launcher gets to see.

        Raises:
            Unreachable: nobody has its volume mounted, or it is not made yet.
        """
        return self.places.folder(switch_uid)

    def create(self, switch_uid: str, name: str, spec: OverlayImage) -> None:
        """Create the overlay unless it is there.

        ``-u``: the source is not to be found here under the path it has in the launcher. The size
        is explicit, since qemu-img could not find it out.

        Raises:
            StepFailed: qemu-img refused, or the disk is full.
        """
        self.places.make(switch_uid)
        path = self.folder(switch_uid) / plain_name(name)
        if path.exists():
            return
        try:
            make_folder(path.parent, FOLDER_MODE)
            label(path.parent, spec.se_linux_level)
            self._create(path, spec)
        except OSError as error:
            raise StepFailed("OverlayNotCreated", f"{path}: {error}") from error

    def present(self, switch_uid: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the names whose file is there."""
        there = self.found(switch_uid)
        return tuple(name for name in names if name in there)

    def found(self, switch_uid: str) -> tuple[str, ...]:
        """Every overlay file that is there, complete or not.

        Raises:
            Unreachable: nobody has their volume mounted, or it cannot be looked at.
        """
        if not self.places.is_made(switch_uid):
            return ()
        try:
            names = os.listdir(self.folder(switch_uid))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise Unreachable(UNREADABLE, str(error)) from error
        return tuple(sorted(fnmatch.filter(names, OVERLAYS)))

    def allocated_bytes(self, switch_uid: str, name: str) -> int:
        """Bytes the overlay takes on disk, 0 if it is not there."""
        try:
            blocks = (self.folder(switch_uid) / name).stat().st_blocks
        except FileNotFoundError:
            return 0
        return at_most(blocks * SECTOR_BYTES)

    def room(self, switch_uid: str) -> Room:
        """The file system the overlays are on, or would be.

        Raises:
            Unreachable: it cannot be asked.
        """
        found, on_node = self.places.space(switch_uid), self.places.on_node(switch_uid)
        place = self.places.place(switch_uid)
        total = at_most(found.f_blocks * found.f_frsize)
        return Room(
            free_bytes=at_most(found.f_bavail * found.f_frsize),
            kept_bytes=total * self._kept // 100 if on_node else 0,
            total_bytes=total,
            free_inodes=found.f_favail,
            kept_inodes=found.f_files * KEEP_FREE_INODES_PERCENT // 100 if on_node else 0,
            total_inodes=found.f_files,
            with_source=place is not None and place.with_source,
        )

    def remove(self, switch_uid: str, names: tuple[str, ...]) -> None:
        """Remove the overlays that are there.

        Raises:
            StepFailed: one cannot be removed.
        """
        folder = self.folder(switch_uid)
        try:
            for name in names:
                (folder / plain_name(name)).unlink(missing_ok=True)
            for part in folder.glob(".*.part"):
                part.unlink()
            if self.places.place(switch_uid) is not None:
                self._remove_journal(folder)
                self.places.discard(switch_uid)
            if folder.is_dir():
                sync_folder(folder)
        except OSError as error:
            raise StepFailed("OverlayNotRemoved", f"{folder}: {error}") from error

    def _remove_journal(self, folder: Path) -> None:
        """What is left of the record is in the agent's own directory."""
        for name in (NAME, f".{NAME}.new"):
            (folder / name).unlink(missing_ok=True)

    def _create(self, path: Path, spec: OverlayImage) -> None:
        part = path.with_name(f".{path.name}.part")
        part.unlink(missing_ok=True)
        done = run(create_command(part, spec))
        if done.exit_code != 0:
            raise StepFailed("OverlayNotCreated", done.errors.strip() or "qemu-img failed")
        part.chmod(0o600)
        os.chown(part, self._owner, self._owner, follow_symlinks=False)
        label(part, spec.se_linux_level)
        sync_file(part)
        # A link and not a rename: it never takes the place of an overlay that is in use.
        os.link(part, path)
        part.unlink()
        sync_folder(path.parent)


def create_command(path: Path, spec: OverlayImage) -> list[str]:
    """qemu-img's command line."""
    return [
        *("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-o", OPTIONS),
        *("-b", spec.backing, "-F", "raw", str(path), str(spec.virtual_size_bytes)),
    ]


def label(path: Path, level: str) -> None:
    """Give a file the guest's SELinux level, without which its QEMU may not open it."""
    if level:
        context = f"system_u:object_r:container_file_t:{level}\0"
        try:
            os.setxattr(path, "security.selinux", context.encode(), follow_symlinks=False)
        except OSError as error:
            # A mount that has one label for all its files (Linux security/selinux/hooks.c,
            # ``SBLABEL_MNT``): the guest's, or QEMU could not use its disk there either.
            if error.errno != errno.EOPNOTSUPP:
                raise
