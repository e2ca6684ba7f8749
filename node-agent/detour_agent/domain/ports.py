"""What the steps need from the outside; the adapters implement it."""

import dataclasses
from collections.abc import Callable
from typing import Protocol

from detour_agent.domain.budget import Room
from detour_agent.domain.chain import OpenFile, Report
from detour_agent.domain.journal import Record
from detour_agent.domain.throttle import Tune
from detour_crds.attachment_switch import Identity
from detour_crds.names import IMAGE_NAME

PRIVATE = "/var/run/kubevirt-private"
DISKS = f"{PRIVATE}/vmi-disks"
"""Where the launcher has its filesystem volumes (KubeVirt facts 2)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Process:
    """A process by pid and start time, so that another one with its pid is not taken for it."""

    pid: int
    start_time: int


@dataclasses.dataclass(frozen=True, slots=True)
class Volume:
    """A volume of the guest by its name; ``block``: it is a device and not an image file."""

    name: str
    block: bool = False

    @property
    def image(self) -> str:
        """The image's path inside the launcher (KubeVirt facts 2)."""
        return f"/dev/{self.name}" if self.block else f"{DISKS}/{self.name}/{IMAGE_NAME}"

    def beside(self, switch_uid: str) -> str:
        """Where a launcher has the destination by a path of its own, while QEMU copies to it."""
        name = f"detour-to-{switch_uid[:8]}"
        return f"/dev/{name}" if self.block else f"{PRIVATE}/{name}/{IMAGE_NAME}"


@dataclasses.dataclass(frozen=True, slots=True)
class ImageFile:
    """A raw image as it was found.

    ``regular`` is False for anything but a plain file, or a block device where one has to be.
    """

    identity: Identity
    size_bytes: int
    regular: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class CopyTarget:
    """The destination of the merge, by its path inside the launcher; sizes in bytes."""

    path: str
    size_bytes: int
    virtual_size_bytes: int
    block: bool = False


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

    def mirror(self, target: CopyTarget, bytes_per_second: int | None) -> None:
        """Have QEMU itself copy the whole disk, every write to both; at most so fast."""

    def mirror_end(self, *, gently: bool) -> None:
        """End that; gently: only once both images are the same, with the guest held back."""

    def commit(self) -> None:
        """Begin to commit the overlay into the source."""

    def monitor_commit(self, top: str, base: str) -> None:
        """Begin the commit in QEMU itself, where libvirt lost sight of the overlay."""

    def monitor_complete(self) -> None:
        """Switch to what ``monitor_commit`` has made."""

    def monitor_delete(self, node: str) -> None:
        """Close a block node that nothing uses any more."""

    def tune(self) -> Tune:
        """The disk's limits of I/O."""

    def set_tune(self, tune: Tune) -> None:
        """Replace the disk's limits of I/O, for as long as the guest runs."""

    def wake(self) -> None:
        """Have a paused guest go on; the write it is paused for is done again."""

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

    def find_finisher(self, pod_uid: str) -> Process | None:
        """The finisher pod's process that has the source mounted."""

    def find_overlay_holder(self, pod_uid: str) -> Process | None:
        """The process of the pod that has the overlay's claim mounted."""

    def opened(self, process: Process) -> tuple[OpenFile, ...]:
        """The regular files and block devices that a process holds open."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A volume of a claim that the overlays of a switch are on.

    Attributes:
        process: has the volume mounted, or the folder alone; None if nobody has.
        base: where, inside that process; ``name`` is the folder below it. Empty where the process
            has no more than the folder, as ``exposed``.
        exposed: where the folder is shown to the guest's QEMU, if in the same process: it is
            reached there first, because the base may be covered by the destination.
        with_source: it is the source's volume. What goes into the overlay goes into the source as
            well on a cancel, which takes room from the same file system.
    """

    process: Process | None
    base: str
    name: str
    exposed: str = ""
    with_source: bool = False

    @property
    def is_mounted(self) -> bool:
        """Whether anybody has the volume itself."""
        return self.process is not None and bool(self.base)


class Images(Protocol):
    """The overlays of one node, in the agent's own directory or on a volume.

    ``found`` and ``room`` raise ``Unreachable`` where nobody has that volume mounted, or where it
    cannot be looked at.
    """

    def settle(self, switch_uid: str, place: Place | None) -> None:
        """Say where the overlays are from now on; None: in the agent's own directory."""

    def create(self, switch_uid: str, name: str, spec: "OverlayImage") -> None:
        """Create the overlay unless it is there; a name appears only when its file is complete."""

    def present(self, switch_uid: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the names whose file is there."""

    def found(self, switch_uid: str) -> tuple[str, ...]:
        """Every overlay file that is there."""

    def allocated_bytes(self, switch_uid: str, name: str) -> int:
        """Bytes the overlay takes on disk."""

    def room(self, switch_uid: str) -> Room:
        """The file system the overlays are on, or would be.

        Raises:
            Unreachable: it cannot be asked.
        """

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

    def canonical_image(self, guest: Process, volume: Volume) -> ImageFile:
        """The image that the volume's path names inside the launcher."""

    def destination_image(self, holder: Process, *, block: bool) -> ImageFile | None:
        """The image in the holder's destination; None if it is not there."""

    def finisher_image(self, finisher: Process, path: str, *, block: bool) -> ImageFile | None:
        """The image on one of the finisher's claims; None if it is not there."""

    def allow(self, guest: Process, volume: Volume, image: Identity) -> None:
        """See that the guest's QEMU may open the image, a device, at the volume's path.

        Right before each call that makes it open one: who plugs a disk writes the rules anew.
        """

    def flush(self, guest: Process, volume: Volume, image: Identity) -> None:
        """Wait until all that was written to the image, at the volume's path, is on the volume.

        A snapshot of the volume does not see the node's page cache (KubeVirt facts 10, D16).
        """

    def expose_overlay(self, guest: Process, switch_uid: str) -> None:
        """Make the overlay directory visible inside the launcher."""

    def hide_overlay(self, guest: Process, switch_uid: str) -> None:
        """Undo ``expose_overlay``."""

    def over_mount(
        self, guest: Process, holder: Process, volume: Volume, expected: Identity
    ) -> None:
        """Bring the destination to the source's path, which names an image at any moment."""

    def make_blank(self, holder: Process, size_bytes: int) -> None:
        """Make the image of the holder's destination, or an old one blank, of this size."""

    def show(
        self,
        guest: Process,
        holder: Process,
        volume: Volume,
        switch_uid: str,
        expected: Identity,
    ) -> None:
        """Give the launcher the destination at ``volume.beside``."""

    def shown_image(self, guest: Process, volume: Volume, switch_uid: str) -> ImageFile | None:
        """The image that the launcher has there; None if none."""

    def is_shown(self, guest: Process, volume: Volume, switch_uid: str) -> bool:
        """Whether anything of ``show`` is left."""

    def hide(self, guest: Process, volume: Volume, switch_uid: str) -> None:
        """Undo ``show``."""

    def unmount_top(self, guest: Process, volume: Volume, top: Identity, below: Identity) -> None:
        """Take the destination (``top``) off the volume's path; then it names ``below``."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OfflineMerge:
    """An overlay nobody writes to, and the image it belongs on.

    Attributes:
        path: the claim inside the finisher, ``image`` what was seen there.
        block: the claim is a device, which is the image.
        virtual_size_bytes: the disk as the guest sees it; the image may be larger.
        source_path: without an overlay: the claim of the source inside the finisher.
        source_image: what was seen there.
    """

    switch_uid: str
    overlay: str
    finisher: Process
    path: str
    image: ImageFile
    virtual_size_bytes: int
    block: bool = False
    source_path: str = ""
    source_image: ImageFile | None = None


class Offline(Protocol):
    """Overlays of guests that are gone. Errors: ``Unreachable`` and ``StepFailed`` as above."""

    def holding_data(self, switch_uid: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the overlays in which anything is allocated."""

    def equal(self, merge: OfflineMerge) -> bool:
        """Whether the image reads the same wherever the overlay has something."""

    def merge(self, merge: OfflineMerge) -> None:
        """Write what the overlay has onto the image; it is on the disk when this returns."""

    def identical(self, merge: OfflineMerge) -> bool:
        """Whether the source's image and the other one are the same, as far as the disk goes."""


class JournalStore(Protocol):
    """The journals of this node."""

    def read(self, switch_uid: str) -> Record | None:
        """The record; None if there is none.

        Raises:
            InvariantBroken: there is one and it cannot be read.
            Unreachable: where it may be one cannot look.
        """

    def write(self, record: Record) -> None:
        """Replace the record; it is on the disk when this returns.

        Raises:
            InvariantBroken: the disk does not take it.
            Unreachable: where it has to be one cannot look.
        """


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
    offline: Offline
    mounts: Mounts
    processes: Processes
    clock: Clock
    connect: Connect
