"""Connections to libvirt in the launchers of the node, kept as long as their guest lives."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

from detour_agent.adapters.libvirt_domain import LibvirtDomain, launcher_uri
from detour_agent.adapters.processes import start_time
from detour_agent.domain.ports import BlockDomain, Process
from detour_agent.errors import Unreachable


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
    return LibvirtDomain(launcher_uri(root, user), domain, f"ua-{volume}", release=_closer(root))


def _closer(descriptor: int) -> Callable[[], None]:
    return lambda: os.close(descriptor)
