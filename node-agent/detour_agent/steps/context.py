"""What a pass over one switch carries along."""

import dataclasses

from detour_agent.domain.budget import Room, Verdict
from detour_agent.domain.chain import Known, OpenFile, Report
from detour_agent.domain.converging import Course
from detour_agent.domain.journal import Record
from detour_agent.domain.ports import BlockDomain, OfflineMerge, Ports, Process, Volume
from detour_agent.domain.situation import Seen, Wanted
from detour_agent.domain.waking import Woken
from detour_agent.errors import DetourError, NotYet, Unreachable
from detour_crds.attachment_switch import (
    Compute,
    Inspection,
    LastError,
    MirrorSpec,
    Node,
    Stage,
)
from detour_crds.quantities import bytes_of
from detour_crds.volume_migration import OverlaySpec, Pauses, Trust, VolumeMode

PRIVATE = "/var/run/kubevirt-private"

UNBEGUN = (None, Stage.MISSING, Stage.NONE)
"""Stages before which the chain is not ours."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The AttachmentSwitch as far as the agent needs it."""

    namespace: str
    name: str
    uid: str
    volume: str
    virtual_machine: str
    compute: Compute
    node: Node
    trust: Trust | None = None
    answered_stop: str | None = None
    overlay: OverlaySpec = dataclasses.field(default_factory=OverlaySpec)
    mirror: MirrorSpec | None = None

    @property
    def direct(self) -> bool:
        """QEMU itself copies the disk, without an overlay."""
        return self.mirror is not None

    @property
    def bytes_per_second(self) -> int | None:
        """Most that QEMU may copy, None for no limit."""
        limit = self.mirror.bandwidth_limit if self.mirror else None
        return bytes_of(limit) if limit else None

    @property
    def attached(self) -> Volume:
        """The volume as the launcher has it."""
        return Volume(self.volume, block=self.compute.volume_mode is VolumeMode.BLOCK)

    @property
    def canonical(self) -> str:
        """The image's path inside the launcher."""
        return self.attached.image

    @property
    def wanted_limit(self) -> int | None:
        """Bytes the overlay may take by the spec, None for as many as there is room for."""
        return bytes_of(self.overlay.limit) if self.overlay.limit else None

    @property
    def overlay_folder(self) -> str:
        """Where the overlays of this switch are inside the launcher."""
        return f"{PRIVATE}/detour-{self.uid[:8]}"

    @property
    def overlay_name(self) -> str:
        """The folder of the overlays where they are on a volume."""
        return f".detour-{self.uid}-{self.compute.attempt or 1}"


@dataclasses.dataclass(slots=True)
class Memory:
    """What the agent remembers of a switch between passes; losing it costs nothing but detail."""

    pauses: Pauses = dataclasses.field(default_factory=Pauses)
    last_error: LastError | None = None
    tending_error: LastError | None = None
    failures: int = 0
    disagrees_since: float | None = None
    lost_since: float | None = None
    compared: tuple[str, str, bool] | None = None
    """Finisher pod's uid, path of the claim, and whether its image was equal to the overlay."""
    grown: tuple[float, int] | None = None
    """When the overlay was looked at last, and the bytes it took."""
    growth_rate: int | None = None
    course: Course | None = None
    woken: Woken = dataclasses.field(default_factory=Woken)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at everything, and what it comes down to."""

    wanted: Wanted
    seen: Seen
    record: Record | None
    known: Known
    guest: Process | None = None
    holder: Process | None = None
    domain: BlockDomain | None = None
    report: Report | None = None
    opened: tuple[OpenFile, ...] = ()
    inspection: Inspection | None = None
    merge: OfflineMerge | None = None
    """The overlay of a guest that is gone, and the image it belongs on."""
    overlays: tuple[str, ...] = ()
    """Overlay files that are there."""
    overlay_bytes: int = 0
    room: Room | None = None
    """The overlay's file system, None if it could not be looked at."""
    verdict: Verdict = dataclasses.field(default_factory=Verdict)
    problem: LastError | None = None
    """Why something could not be looked at."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a step gets."""

    switch: Switch
    look: Look
    ports: Ports
    memory: Memory

    @property
    def record(self) -> Record:
        """The journal's record."""
        if self.look.record is None:
            raise NotYet("JournalMissing", "there is no journal yet")
        return self.look.record

    @property
    def guest(self) -> Process:
        """The guest's QEMU."""
        if self.look.guest is None:
            raise Unreachable("GuestNotFound", "the guest's process was not found")
        return self.look.guest

    @property
    def domain(self) -> BlockDomain:
        """The guest's disk in libvirt."""
        if self.look.domain is None:
            raise Unreachable("LibvirtUnreachable", "libvirt in the guest's pod does not answer")
        return self.look.domain

    def write(self, record: Record) -> Record:
        """Make an intent durable, and hand it back."""
        self.ports.journal.write(record)
        return record


def elapsed_milliseconds(since: float, until: float) -> int:
    """A pause as it is reported: rounded up, so that what took time is not shown as nothing."""
    return max(1, round((until - since) * 1000))


def error_of(error: DetourError) -> LastError:
    """An error as it is shown."""
    return LastError(reason=error.reason, message=error.message)
