"""The node's processes through ``/proc``; a pod's are found by its uid, never by name alone."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from detour_agent.adapters.cgroups import belongs_to_pod, is_guest
from detour_agent.adapters.identities import identity_of
from detour_agent.adapters.numbers import start_time, status_fields
from detour_agent.domain.chain import OpenFile
from detour_agent.domain.ports import Process
from detour_agent.errors import Unreachable
from detour_crds.names import (
    FINISHER_SOURCE_DEVICE,
    FINISHER_SOURCE_PATH,
    HOLDER_DESTINATION_DEVICE,
    HOLDER_DESTINATION_PATH,
    HOLDER_OVERLAY_PATH,
)

VANISHED = (FileNotFoundError, ProcessLookupError)


class NodeProcesses:
    """Implements ``Processes``."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._last: dict[tuple[str, str], Process] = {}

    def find_guest(self, pod_uid: str, domain: str) -> Process | None:
        """The guest's QEMU; None only if every process of the node was looked at."""
        return self._find(
            (pod_uid, domain), pod_uid, lambda folder: self._is_guest(folder, domain)
        )

    def find_holder(self, pod_uid: str) -> Process | None:
        """The process of the holder pod that has the destination (not its sandbox)."""
        return self._find((pod_uid, ""), pod_uid, has_destination)

    def find_finisher(self, pod_uid: str) -> Process | None:
        """The process of the finisher pod that has the source mounted (not its sandbox)."""
        return self._find((pod_uid, ""), pod_uid, _has_source)

    def find_overlay_holder(self, pod_uid: str) -> Process | None:
        """The process of the pod that has the overlay's claim (not its sandbox)."""
        return self._find((pod_uid, ""), pod_uid, _has_overlay)

    def opened(self, process: Process) -> tuple[OpenFile, ...]:
        """The regular files and block devices that a process holds open.

        Raises:
            Unreachable: the process has gone, or it may not be looked at.
        """
        folder = self._proc / str(process.pid)
        try:
            files = tuple(_open_files(folder))
            current = start_time(folder)
        except OSError as error:
            raise Unreachable("ProcessUnreadable", f"{folder}: {error}") from error
        if current != process.start_time:
            raise Unreachable("ProcessGone", f"process {process.pid} is another one now")
        return files

    def _find(
        self, key: tuple[str, str], pod_uid: str, matches: Callable[[Path], bool]
    ) -> Process | None:
        known = self._last.get(key)
        if known is not None and self._lives(known):
            return known
        self._last.pop(key, None)
        for folder in self._folders():
            found = self._match(folder, pod_uid, matches)
            if found is not None:
                self._last[key] = found
                return found
        return None

    def _folders(self) -> list[Path]:
        try:
            return [folder for folder in self._proc.iterdir() if folder.name.isdecimal()]
        except OSError as error:
            raise Unreachable("ProcUnreadable", str(error)) from error

    def _match(
        self, folder: Path, pod_uid: str, matches: Callable[[Path], bool]
    ) -> Process | None:
        try:
            if not belongs_to_pod((folder / "cgroup").read_text(), pod_uid):
                return None
            if not matches(folder):
                return None
            return Process(int(folder.name), start_time(folder))
        except VANISHED:
            return None
        except OSError as error:
            raise Unreachable("ProcessUnreadable", f"{folder}: {error}") from error

    def _lives(self, process: Process) -> bool:
        folder = self._proc / str(process.pid)
        try:
            return start_time(folder) == process.start_time and not _is_zombie(folder)
        except VANISHED:
            return False
        except OSError as error:
            raise Unreachable("ProcessUnreadable", f"{folder}: {error}") from error

    def _is_guest(self, folder: Path, domain: str) -> bool:
        """By its command line; one that is ending has none, and then QEMU's name has to do.

        As long as a thread of an ending QEMU is left, its writes may still be under way.
        """
        command_line = (folder / "cmdline").read_bytes()
        if command_line:
            return is_guest(command_line, domain)
        if not (folder / "comm").read_text().startswith("qemu"):
            return False
        if _is_zombie(folder):
            return False
        raise Unreachable("GuestEnding", f"process {folder.name} is a QEMU that is ending")


def _is_zombie(folder: Path) -> bool:
    """Ended as a whole: a dead main thread may have living siblings."""
    alone = len(os.listdir(folder / "task")) <= 1
    return status_fields(folder)[0] in ("Z", "X") and alone


def has_destination(folder: Path) -> bool:
    """Whether a process sees the destination claim, mounted or as a device."""
    return _has(folder, HOLDER_DESTINATION_PATH, HOLDER_DESTINATION_DEVICE)


def _has_source(folder: Path) -> bool:
    return _has(folder, FINISHER_SOURCE_PATH, FINISHER_SOURCE_DEVICE)


def _has_overlay(folder: Path) -> bool:
    return _mounts(folder, HOLDER_OVERLAY_PATH)


def _has(folder: Path, path: str, device: str) -> bool:
    return _mounts(folder, path) or os.path.lexists(f"{folder}/root{device}")


def _mounts(folder: Path, path: str) -> bool:
    lines = (folder / "mountinfo").read_text().splitlines()
    return any(line.split()[4] == path for line in lines)


def _open_files(folder: Path) -> Iterator[OpenFile]:
    for name in os.listdir(folder / "fd"):
        try:
            found = os.stat(folder / "fd" / name)
            flags = _flags((folder / "fdinfo" / name).read_text())
        except VANISHED:
            continue
        identity = identity_of(found)
        if identity is not None:
            yield OpenFile(identity, flags & os.O_ACCMODE != os.O_RDONLY)


def _flags(fdinfo: str) -> int:
    for line in fdinfo.splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8)
    return 0
