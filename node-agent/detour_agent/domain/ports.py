"""What the steps need from the outside; the adapters implement it."""

import dataclasses
from collections.abc import Callable
from typing import Protocol

from detour_agent.domain.chain import OpenFile, Report
from detour_agent.domain.journal import Record
from detour_crds.attachment_switch import Identity


@dataclasses.dataclass(frozen=True, slots=True)
class Process:
    """A process by pid and start time, so that another one with its pid is not taken for it."""

    pid: int
    start_time: int


@dataclasses.dataclass(frozen=True, slots=True)
class ImageFile:
    """A raw image as it was found; ``regular`` is False for anything but a plain file."""

    identity: Identity
    size_bytes: int
    regular: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class CopyTarget:
    """The destination of the merge, by its path inside the launcher; sizes in bytes."""

    path: str
    size_bytes: int
    virtual_size_bytes: int


class BlockDomain(Protocol):
    """One disk of one running domain.

    Each verb is at most one call to libvirt. Errors: ``NotYet`` if libvirt says it is done already
    or not possible now, ``Unreachable`` if it did not answer, ``StepFailed`` if it refused.
    """

    def report(self) -> Report:
        """Look at the XML, then ask QEMU."""

    def capacity(self) -> int:
        """Bytes of the disk as the guest sees it."""

    def snapshot(self, overlay: str) -> None:
        """Divert the writes to an overlay that is there already."""

    def copy(self, target: CopyTarget) -> None:
        """Begin to merge the overlay onto the destination, every write to both."""

    def pivot(self) -> None:
        """Switch to what the running job has made."""

    def abort(self) -> None:
        """End the running job and stay on the overlay."""

    def commit(self) -> None:
        """Begin to commit the overlay into the source."""

    def monitor_commit(self, top: str, base: str) -> None:
        """Begin the commit in QEMU itself, where libvirt lost sight of the overlay."""

    def monitor_complete(self) -> None:
        """Switch to what ``monitor_commit`` has made."""

    def monitor_delete(self, node: str) -> None:
        """Close a block node that nothing uses any more."""

    def close(self) -> None:
        """Drop the connection."""


class Processes(Protocol):
    """The node's processes, found by pod uid and never by name alone."""

    def find_guest(self, pod_uid: str, domain: str) -> Process | None:
        """The guest's QEMU; None only if every process was looked at.

        Raises:
            Unreachable: a process could not be looked at.
        """

    def find_holder(self, pod_uid: str) -> Process | None:
        """The holder pod's process that has the destination mounted."""

    def opened(self, process: Process) -> tuple[OpenFile, ...]:
        """The regular files that a process holds open."""


class Images(Protocol):
    """The overlays of one node, in the agent's own directory."""

    def create(self, switch_uid: str, name: str, spec: "OverlayImage") -> None:
        """Create the overlay unless it is there; a name appears only when its file is complete."""

    def present(self, switch_uid: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the names whose file is there."""

    def found(self, switch_uid: str) -> tuple[str, ...]:
        """Every overlay file that is there."""

    def allocated_bytes(self, switch_uid: str, name: str) -> int:
        """Bytes the overlay takes on disk."""

    def remove(self, switch_uid: str, names: tuple[str, ...]) -> None:
        """Remove the overlays that are there."""


@dataclasses.dataclass(frozen=True, slots=True)
class OverlayImage:
    """How an overlay is made."""

    backing: str
    virtual_size_bytes: int
    se_linux_level: str = ""


class Mounts(Protocol):
    """Mounts inside the launcher, and looking at images without following a tenant's links.

    Every verb is idempotent: it looks first and verifies afterwards. Errors: ``Unreachable`` where
    it could not be looked at or tried, ``StepFailed`` where it was tried and is not so.
    """

    def canonical_image(self, guest: Process, volume: str) -> ImageFile:
        """The image that the volume's path names inside the launcher."""

    def destination_image(self, holder: Process) -> ImageFile | None:
        """The image in the holder's destination; None if it is not there."""

    def expose_overlay(self, guest: Process, switch_uid: str) -> None:
        """Make the overlay directory visible inside the launcher."""

    def hide_overlay(self, guest: Process, switch_uid: str) -> None:
        """Undo ``expose_overlay``."""

    def over_mount(self, guest: Process, holder: Process, volume: str, expected: Identity) -> None:
        """Mount the destination's directory over the source's."""

    def unmount_top(self, guest: Process, volume: str, top: Identity, below: Identity) -> None:
        """Take the top mount off the volume's directory if it is ``top``; then it is ``below``."""


class JournalStore(Protocol):
    """The journals of this node."""

    def read(self, switch_uid: str) -> Record | None:
        """The record; None if there is none.

        Raises:
            InvariantBroken: there is one and it cannot be read.
        """

    def write(self, record: Record) -> None:
        """Replace the record; it is on the disk when this returns."""


class Clock(Protocol):
    """Time that only grows."""

    def now(self) -> float:
        """Seconds since some moment."""


Connect = Callable[[Process, str, str], BlockDomain]
"""Opens a domain of a guest's launcher: process, domain name, volume."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything outside, together."""

    journal: JournalStore
    images: Images
    mounts: Mounts
    processes: Processes
    clock: Clock
    connect: Connect
