"""Connections to libvirt in the launchers of the node, kept as long as their guest lives.

A launcher is reached through the root directory of its guest's process, which is held open, so
that another process with that pid is not taken for it. Who breaks out of a guest could put a link
at the place of the daemon's socket, to that of another guest: the socket is opened without
following any, and connected to by its descriptor.
"""

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from detour_agent.adapters.libvirt_domain import LibvirtDomain
from detour_agent.adapters.numbers import start_time
from detour_agent.domain.ports import BlockDomain, Process
from detour_agent.errors import Unreachable
from detour_agent.privileged.paths import STRICT, folder_in
from detour_agent.privileged.syscalls import open_beneath

SOCKET = "/var/run/libvirt/virtqemud-sock"


class Launchers:
    """Opens a domain's disk, or hands back the one that is open."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], tuple[Process, LibvirtDomain]] = {}
        self._lock = threading.Lock()

    def connect(self, guest: Process, domain: str, volume: str) -> BlockDomain:
        """The disk of a volume (KubeVirt's alias ``ua-<volume>``) in a guest's launcher.

        Raises:
            Unreachable: the guest's process has gone.
        """
        with self._lock:
            known = self._open.get((domain, volume))
            if known is not None and known[0] == guest:
                return known[1]
            if known is not None:
                known[1].close()
            opened = _opened(guest, domain, volume)
            self._open[(domain, volume)] = (guest, opened)
            return opened

    def forget(self, domain: str, volume: str) -> None:
        """Close what is no longer needed."""
        with self._lock:
            known = self._open.pop((domain, volume), None)
        if known is not None:
            known[1].close()


def _opened(guest: Process, domain: str, volume: str) -> LibvirtDomain:
    folder = Path("/proc", str(guest.pid))
    try:
        root = os.open(folder / "root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        current, user = start_time(folder), folder.stat().st_uid
    except OSError as error:
        raise Unreachable("ProcessGone", f"{folder}: {error}") from error
    if current != guest.start_time:
        os.close(root)
        raise Unreachable("ProcessGone", f"process {guest.pid} is another one now")

    def dial() -> contextlib.AbstractContextManager[str]:
        return dialled(root, user)

    return LibvirtDomain(dial, domain, f"ua-{volume}", release=_closer(root))


@contextlib.contextmanager
def dialled(root: int, user: int) -> Iterator[str]:
    """The URI of a launcher's daemon, by an open descriptor of its socket.

    KubeVirt runs it as a session daemon unless the guest runs as root (KubeVirt facts 1).

    Raises:
        Unreachable: there is no socket, or something else at its place.
    """
    place, _, name = SOCKET.rpartition("/")
    try:
        with folder_in(root, place) as folder:
            socket = open_beneath(folder, name, os.O_PATH, STRICT)
    except OSError as error:
        raise Unreachable("LibvirtUnreachable", f"{SOCKET}: {error}") from error
    try:
        if not stat.S_ISSOCK(os.fstat(socket).st_mode):
            raise Unreachable("LibvirtUnreachable", f"{SOCKET} is no socket")
        mode = "system" if user == 0 else "session"
        yield f"qemu+unix:///{mode}?socket=/proc/{os.getpid()}/fd/{socket}"
    finally:
        os.close(socket)


def _closer(descriptor: int) -> Callable[[], None]:
    return lambda: os.close(descriptor)
